import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Json } from './access.ts'
import * as discovery from './discovery.ts'
import type { Handlers } from './handlers.ts'
import { openapiV2, openapiV2Protobuf, openapiV3, openapiV3Index, protobufType, wantsProtobuf } from './openapi.ts'
import { resourceRequest } from './request.ts'
import { internalError, methodNotAllowed, noSuchResource, StatusError, unauthorized } from './status.ts'

/** What the router needs to know of its server. */
export interface RouterOptions {
  handlers: Handlers
  token: string
  /** `address:port` that /api names. */
  serverAddress: string
  /** Told of errors that are nobody's but ours; the client gets a 500. */
  onError: (error: unknown) => void
}

const openPaths = new Set([
  '/version',
  '/version/',
  '/healthz',
  '/livez',
  '/readyz',
  '/healthz/ping',
  '/livez/ping',
  '/readyz/ping',
])

const version = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.0+weft',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
} as const

/** Answers every request; never throws, never leaves one without an answer. */
export function router(options: RouterOptions): (message: IncomingMessage, response: ServerResponse) => void {
  const expected = Buffer.from(`Bearer ${options.token}`)
  return (message, response) => {
    route(message, response, options, expected).catch((error: unknown) => fail(response, error, options.onError))
  }
}

async function route(
  message: IncomingMessage,
  response: ServerResponse,
  options: RouterOptions,
  expected: Buffer,
): Promise<void> {
  const url = new URL(message.url ?? '/', 'https://api')
  if (!openPaths.has(url.pathname)) authenticate(message, expected)
  if (isStatic(url.pathname)) {
    if (message.method !== 'GET') throw methodNotAllowed()
    staticAnswer(message, response, url, options)
    return
  }
  const request = /^\/apis?(\/|$)/.test(url.pathname) ? resourceRequest(message, url) : undefined
  if (request === undefined) {
    respond(response, 404, 'text/plain; charset=utf-8', '404 page not found\n')
    return
  }
  const answer = await options.handlers.handle(request, response)
  if (answer !== undefined) respond(response, answer.code, answer.contentType, answer.body)
}

function authenticate(message: IncomingMessage, expected: Buffer): void {
  const given = Buffer.from(message.headers.authorization ?? '')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw unauthorized()
}

const health = /^\/(healthz|livez|readyz)(\/ping)?$/

/** Paths that are no resource's: discovery, version, health, OpenAPI. */
function isStatic(path: string): boolean {
  const depth = path.split('/').filter((segment) => segment !== '').length
  if (/^\/api(\/|$)/.test(path)) return depth <= 2
  if (/^\/apis(\/|$)/.test(path)) return depth <= 3
  return path === '/' || path.startsWith('/openapi/') || openPaths.has(path)
}

function staticAnswer(message: IncomingMessage, response: ServerResponse, url: URL, options: RouterOptions): void {
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : url.pathname
  const { accept } = message.headers
  if (health.test(path)) return respond(response, 200, 'text/plain; charset=utf-8', 'ok')
  if (path === '/version') return respondJson(response, version)
  if (path.startsWith('/openapi/')) return openapi(response, path, accept)
  if ((path === '/api' || path === '/apis') && discovery.wantsAggregated(accept))
    return respond(response, 200, discovery.aggregatedType, JSON.stringify(discovery.aggregated(path === '/api')))
  const body = discoveryAnswer(path, options.serverAddress)
  if (body !== undefined) return respondJson(response, body)
  // A version that a known group does not have is a Status; a group that is not known is no path at all.
  const [, root, group = ''] = path.split('/')
  if (root === 'api' || discovery.apiGroup(group) !== undefined) throw noSuchResource()
  respond(response, 404, 'text/plain; charset=utf-8', '404 page not found\n')
}

function discoveryAnswer(path: string, serverAddress: string): Json | undefined {
  const [, root, one = '', two = ''] = path.split('/')
  if (path === '/') return { paths: rootPaths() }
  if (path === '/api') return discovery.apiVersions(serverAddress)
  if (path === '/apis') return discovery.apiGroupList()
  if (root === 'api') return discovery.resourceList('', one)
  return two === '' ? discovery.apiGroup(one) : discovery.resourceList(one, two)
}

function rootPaths(): string[] {
  const groups: Array<{ name: string }> = discovery.apiGroupList()['groups']
  const names = groups.flatMap(({ name }) => [`/apis/${name}`, `/apis/${name}/v1`])
  return ['/api', '/api/v1', '/apis', ...names, ...openPaths, '/openapi/v2', '/openapi/v3'].sort()
}

function openapi(response: ServerResponse, path: string, accept: string | undefined): void {
  if (path === '/openapi/v2') {
    if (wantsProtobuf(accept)) return respond(response, 200, protobufType, openapiV2Protobuf())
    return respondJson(response, openapiV2())
  }
  const document = path === '/openapi/v3' ? openapiV3Index() : openapiV3(path.slice('/openapi/v3/'.length))
  if (document === undefined) throw noSuchResource()
  respondJson(response, document)
}

function respondJson(response: ServerResponse, value: Json): void {
  respond(response, 200, 'application/json', `${JSON.stringify(value)}\n`)
}

function respond(response: ServerResponse, code: number, contentType: string, body: Buffer | string): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(code, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function fail(response: ServerResponse, error: unknown, onError: (error: unknown) => void): void {
  const known = error instanceof StatusError
  // A client that went away in the middle of its request is nobody's error.
  if (!known && !response.destroyed) onError(error)
  const { status } = known ? error : internalError(error instanceof Error ? error.message : String(error))
  if (response.headersSent) response.destroy()
  else respond(response, status.code ?? 500, 'application/json', `${JSON.stringify(status)}\n`)
}
