import type { IncomingMessage } from 'node:http'
import type { Kind } from './kind.ts'
import { kinds, servedKinds } from './kinds.ts'
import { methodNotAllowed, noSuchResource } from './status.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

/** A request for a resource, understood. */
export interface ResourceRequest {
  kind: Kind
  verb: Verb
  /** Undefined: all namespaces, or a cluster-scoped kind. */
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
  query: URLSearchParams
  message: IncomingMessage
}

/** Where a path that begins with /api or /apis leads; undefined: there is no such group, so it is no path of the API at all. */
export function resourceRequest(message: IncomingMessage, url: URL): ResourceRequest | undefined {
  const segments = url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeURIComponent)
  const [root, ...rest] = segments
  const group = root === 'api' ? '' : (rest.shift() ?? '')
  if (!kinds.some((kind) => kind.group === group)) return undefined
  const version = rest.shift() ?? ''
  const old = rest[0] === 'watch'
  if (old) rest.shift()
  const place = placeOf(group, version, rest)
  const query = url.searchParams
  const watching = old || isTrue(query.get('watch'))
  return { ...place, verb: verbOf(message.method ?? '', place, watching), query, message }
}

/** Booleans of queries, as Go reads them. */
export const isTrue = (text: string | null): boolean =>
  text !== null && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)

type Place = Pick<ResourceRequest, 'kind' | 'namespace' | 'name' | 'subresource'>

function placeOf(group: string, version: string, path: readonly string[]): Place {
  const inNamespace = path[0] === 'namespaces' && path.length >= 3 && servedKinds.has(`${group}/${version}/${path[2]}`)
  const namespace = inNamespace ? path[1] : undefined
  const [plural = '', name, subresource, ...more] = inNamespace ? path.slice(2) : path
  const kind = servedKinds.get(`${group}/${version}/${plural}`)
  if (kind === undefined || more.length > 0) throw noSuchResource()
  if (inNamespace && !kind.namespaced) throw noSuchResource()
  if (!inNamespace && kind.namespaced && name !== undefined) throw noSuchResource()
  if (subresource !== undefined && subresourceVerbs(kind, subresource).length === 0) throw noSuchResource()
  return { kind, namespace, name, subresource }
}

const readWrite: readonly Verb[] = ['get', 'patch', 'update']

/** Verbs of a subresource; none: the kind does not have it. */
export function subresourceVerbs(kind: Kind, subresource: string): readonly Verb[] {
  if (subresource === 'status') return kind.statusSubresource ? readWrite : []
  if (subresource === 'scale') return kind.scaleSubresource ? readWrite : []
  return kind.plural === 'pods' && (subresource === 'binding' || subresource === 'eviction') ? ['create'] : []
}

/** Verbs of the kind itself, in the order of discovery. */
export const verbsOf = (kind: Kind): Verb[] => [
  'create',
  'delete',
  ...(kind.deleteCollection ? (['deletecollection'] as const) : []),
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

const objectVerbs: Readonly<Record<string, Verb>> = { GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

function verbOf(method: string, place: Place, watching: boolean): Verb {
  const { kind, namespace, name, subresource } = place
  if (subresource !== undefined) {
    const verb = method === 'POST' ? 'create' : objectVerbs[method]
    if (verb === undefined || !subresourceVerbs(kind, subresource).includes(verb)) throw methodNotAllowed()
    return verb
  }
  if (name !== undefined) return objectVerbs[method] ?? refuse()
  const everywhere = kind.namespaced && namespace === undefined
  if (method === 'GET') return watching ? 'watch' : 'list'
  if (method === 'POST' && !everywhere) return 'create'
  return method === 'DELETE' && !everywhere && kind.deleteCollection ? 'deletecollection' : refuse()
}

const refuse = (): never => {
  throw methodNotAllowed()
}
