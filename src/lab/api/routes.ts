import { timingSafeEqual } from 'node:crypto'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Json } from './access.ts'
import { accessError, admin, anonymous, type User } from './authorization.ts'
import { objectFromBody } from './body.ts'
import * as discovery from './discovery.ts'
import type { Handlers } from './handlers.ts'
import { openapiV2, openapiV2Protobuf, openapiV3, openapiV3Index, protobufType, wantsProtobuf } from './openapi.ts'
import { impersonated } from './impersonation.ts'
import { type Connector, connectRequest } from './proxy/index.ts'
import type { KindRegistry } from './registry.ts'
import { resourceRequest } from './request.ts'
import { type Authentication, discoveryPath, issuer, keysPath, type ServiceAccountTokens } from './tokens/tokens.ts'
import { badRequest, internalError, methodNotAllowed, noSuchResource, StatusError, unauthorized } from './status.ts'

/** What the router needs to know of its server. */
export interface RouterOptions {
  handlers: Handlers
  connector: Connector
  tokens: ServiceAccountTokens
  kinds: KindRegistry
  token: string
  users: ReadonlyArray<{ name: string; token: string }>
  /** `address:port` that /api names. */
  serverAddress: string
  /** Called before anybody is told of what was committed. */
  beforeAnswer: () => void
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
  const authenticate = authenticator(options)
  return (message, response) => {
    route(message, response, options, authenticate).catch((error: unknown) => fail(response, error, options.onError))
  }
}

/** Answers every request that asks for another protocol on its connection (exec, port-forward); never throws. */
export function upgrader(options: RouterOptions): (message: IncomingMessage, socket: Socket, head: Buffer) => void {
  const authenticate = authenticator(options)
  const answer = router(options)
  return (message, socket, head) => {
    // A client that goes away in the middle is nobody's error.
    socket.on('error', () => {})
    const response = responseOn(message, socket)
    const upgrade = async (): Promise<void> => {
      const connect = connectOf(message, authenticate)
      if (connect === undefined) return answer(message, response)
      const take = (): Socket => {
        response.detachSocket(socket)
        return socket
      }
      await options.connector.upgrade(connect, head, take)
    }
    upgrade().catch((error: unknown) => fail(response, error, options.onError))
  }
}

/** A response on a connection that HTTP has let go of; it is the last one there. */
function responseOn(message: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(message)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => socket.end())
  return response
}

/** @throws StatusError 400, 401, 403, 405 */
function connectOf(
  message: IncomingMessage,
  authenticate: (message: IncomingMessage) => User,
): ReturnType<typeof connectRequest> {
  const url = urlOf(message.url ?? '/')
  const connect = connectRequest(message, url)
  const refused = connect && accessError(authenticate(message), message, url)
  if (refused !== undefined) throw refused
  return connect
}

async function route(
  message: IncomingMessage,
  response: ServerResponse,
  options: RouterOptions,
  authenticate: (message: IncomingMessage) => User,
): Promise<void> {
  const url = urlOf(message.url ?? '/')
  const user = openPaths.has(url.pathname) ? anonymous : authenticate(message)
  if (!openPaths.has(url.pathname)) {
    const refused = accessError(user, message, url)
    if (refused !== undefined) throw refused
  }
  if (isStatic(url.pathname)) {
    if (message.method !== 'GET') throw methodNotAllowed()
    staticAnswer(message, response, url, options)
    return
  }
  const connect = connectRequest(message, url)
  if (connect !== undefined) return options.connector.answer(connect, response)
  const request = /^\/apis?(\/|$)/.test(url.pathname) ? resourceRequest(message, url, options.kinds) : undefined
  if (request === undefined) {
    respond(response, 404, 'text/plain; charset=utf-8', '404 page not found\n')
    return
  }
  if (request.kind.review !== undefined) {
    const object = await objectFromBody(message, request.kind)
    const asker = { user, authenticate: authentication(options) }
    return respondJson(response, request.kind.review(object, asker, new Date()), 201)
  }
  const answer = await options.handlers.handle(request, response)
  options.beforeAnswer()
  if (answer !== undefined) respond(response, answer.code, answer.contentType, answer.body)
}

/** The target of a request; a path may begin with two slashes. @throws StatusError 400 */
function urlOf(target: string): URL {
  try {
    const url = new URL(target.startsWith('/') ? `https://api${target}` : target, 'https://api')
    decodeURIComponent(url.pathname)
    return url
  } catch {
    throw badRequest('the URL cannot be parsed')
  }
}

/** Who sends a request, or as whom: by its token; nobody in particular without one. The function throws StatusError 401 for a wrong token, 403. */
const authenticator = (options: RouterOptions): ((message: IncomingMessage) => User) => {
  const authenticate = authentication(options)
  return (message) => {
    const { authorization } = message.headers
    if (authorization === undefined) return impersonated(anonymous, message)
    const answer = authenticate(authorization.replace(/^Bearer /, ''), [])
    if ('error' in answer) throw unauthorized()
    return impersonated(answer.user, message)
  }
}

const wrongToken = 'invalid bearer token'

/** Whom a token stands for; the words about one that is no good are those of a real server. */
const authentication =
  (options: RouterOptions) =>
  (token: string, audiences: readonly string[]): Authentication => {
    const user = userOfToken(options, token)
    const wanted = audiences.length === 0 ? [issuer] : audiences
    // A token that is kept in a file is for the API alone.
    if (user !== undefined) return wanted.includes(issuer) ? { user, audiences: [issuer] } : { error: wrongToken }
    const answer = options.tokens.authenticate(token, wanted, new Date())
    if (answer === undefined) return { error: wrongToken }
    return 'error' in answer ? { error: `[${wrongToken}, ${answer.error}]` } : answer
  }

/** Compares every token in constant time. */
function userOfToken({ token, users }: RouterOptions, text: string): User | undefined {
  const given = Buffer.from(text)
  const is = (own: string): boolean => {
    const expected = Buffer.from(own)
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
  if (is(token)) return admin
  const at = users.findIndex((user) => is(user.token))
  const found = users[at]
  return found && { name: found.name, uid: String(at + 2), groups: ['system:authenticated'] }
}

const health = /^\/(healthz|livez|readyz)(\/ping)?$/

/** Paths that are no resource's: discovery, version, health, OpenAPI. */
function isStatic(path: string): boolean {
  const depth = path.split('/').filter((segment) => segment !== '').length
  if (/^\/api(\/|$)/.test(path)) return depth <= 2
  if (/^\/apis(\/|$)/.test(path)) return depth <= 3
  if (path === discoveryPath || path === keysPath) return true
  return path === '/' || path.startsWith('/openapi/') || openPaths.has(path)
}

function staticAnswer(message: IncomingMessage, response: ServerResponse, url: URL, options: RouterOptions): void {
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : url.pathname
  const { accept } = message.headers
  if (health.test(path)) return respond(response, 200, 'text/plain; charset=utf-8', 'ok')
  if (path === '/version') return respondJson(response, version)
  if (path === discoveryPath) return respondJson(response, options.tokens.discovery(options.serverAddress))
  if (path === keysPath)
    return respond(response, 200, 'application/jwk-set+json', JSON.stringify(options.tokens.keys()))
  if (path.startsWith('/openapi/')) return openapi(response, path, accept, options.kinds)
  if ((path === '/api' || path === '/apis') && discovery.wantsAggregated(accept))
    return respond(
      response,
      200,
      discovery.aggregatedType,
      JSON.stringify(discovery.aggregated(options.kinds, path === '/api')),
    )
  const body = discoveryAnswer(path, options)
  if (body !== undefined) return respondJson(response, body)
  // A version that a known group does not have is a Status; a group that is not known is no path at all.
  const [, root, group = ''] = path.split('/')
  if (root === 'api' || discovery.apiGroup(options.kinds, group) !== undefined) throw noSuchResource()
  respond(response, 404, 'text/plain; charset=utf-8', '404 page not found\n')
}

function discoveryAnswer(path: string, { serverAddress, kinds }: RouterOptions): Json | undefined {
  const [, root, one = '', two = ''] = path.split('/')
  if (path === '/') return { paths: discovery.rootPaths(kinds, [...openPaths]) }
  if (path === '/api') return discovery.apiVersions(serverAddress)
  if (path === '/apis') return discovery.apiGroupList(kinds)
  if (root === 'api') return discovery.resourceList(kinds, '', one)
  return two === '' ? discovery.apiGroup(kinds, one) : discovery.resourceList(kinds, one, two)
}

function openapi(response: ServerResponse, path: string, accept: string | undefined, kinds: KindRegistry): void {
  if (path === '/openapi/v2') {
    if (wantsProtobuf(accept)) return respond(response, 200, protobufType, openapiV2Protobuf(kinds))
    return respondJson(response, openapiV2(kinds))
  }
  const document = path === '/openapi/v3' ? openapiV3Index(kinds) : openapiV3(kinds, path.slice('/openapi/v3/'.length))
  if (document === undefined) throw noSuchResource()
  // The index is JSON all the same: that is how a real server sends it.
  if (path === '/openapi/v3') respond(response, 200, 'text/plain; charset=utf-8', JSON.stringify(document))
  else respondJson(response, document)
}

function respondJson(response: ServerResponse, value: Json, code = 200): void {
  respond(response, code, 'application/json', `${JSON.stringify(value)}\n`)
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
