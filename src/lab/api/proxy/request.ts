import type { IncomingMessage } from 'node:http'
import { methodNotAllowed } from '../status.ts'

const streams = ['exec', 'attach', 'portforward'] as const
export type Stream = (typeof streams)[number]

/** A request that is passed on: to the kubelet of a pod's node, or to a pod, a Service or a node itself. */
export interface ConnectRequest {
  resource: 'pods' | 'services' | 'nodes'
  subresource: Stream | 'log' | 'proxy'
  /** '' for nodes. */
  namespace: string
  name: string
  /** What follows `proxy` in the path, escaped as it was sent; '' or with a slash in front. */
  path: string
  query: URLSearchParams
  message: IncomingMessage
}

const pattern =
  /^\/+api\/v1\/(?:namespaces\/([^/]+)\/(pods|services)|(nodes))\/([^/]+)\/(log|exec|attach|portforward|proxy)(\/.*)?$/

const methods: Readonly<Record<ConnectRequest['subresource'], readonly string[]>> = {
  log: ['GET'],
  exec: ['GET', 'POST'],
  attach: ['GET', 'POST'],
  portforward: ['GET', 'POST'],
  proxy: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
}

/**
 * Reads a path such as `/api/v1/namespaces/shop/pods/web-0/log`. Undefined: it is none of these.
 *
 * @throws StatusError 405
 */
export function connectRequest(message: IncomingMessage, url: URL): ConnectRequest | undefined {
  const [, namespace = '', namespaced, nodes, name = '', subresource, path = ''] = pattern.exec(url.pathname) ?? []
  if (subresource === undefined) return undefined
  const resource = (namespaced ?? nodes) as ConnectRequest['resource']
  const asked = subresource as ConnectRequest['subresource']
  // Only a proxied path goes on, and only pods have the other subresources.
  if (asked !== 'proxy' && (resource !== 'pods' || path !== '')) return undefined
  if (!methods[asked].includes(message.method ?? '')) throw methodNotAllowed()
  const place = { namespace: decodeURIComponent(namespace), name: decodeURIComponent(name) }
  return { resource, subresource: asked, ...place, path, query: url.searchParams, message }
}
