import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Identity } from '../certificates.ts'
import { StatusError } from '../status.ts'
import type { MemoryStore } from '../store.ts'
import { connected, connectedTls, type Dial, hostPort } from './dial.ts'
import { relay } from './relay.ts'
import type { ConnectRequest } from './request.ts'
import { type ProxyTarget, proxyTarget } from './targets.ts'

/** Headers of one hop (RFC 9110, section 7.6.1), and the client's credentials, which are the API server's alone. */
const hopHeaders = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']
const notPassed = new Set([...hopHeaders, 'authorization', 'host'])

/** pods/proxy, services/proxy and nodes/proxy: HTTP through the API server to an address in the cluster. */
export class ReverseProxy {
  readonly #store: MemoryStore
  readonly #dial: Dial
  readonly #identity: Identity

  constructor(store: MemoryStore, dial: Dial, identity: Identity) {
    this.#store = store
    this.#dial = dial
    this.#identity = identity
  }

  /** @throws StatusError */
  async answer(request: ConnectRequest, response: ServerResponse): Promise<void> {
    const { message, path } = request
    const target = proxyTarget(this.#store, request)
    // So that relative links of a page lead somewhere below it.
    if (path === '' && (message.method === 'GET' || message.method === 'HEAD')) return redirect(message, response)
    const socket = await this.#connect(target)
    response.once('close', () => socket.destroy())
    const answer = await forward(message, response, socket, { target, path: pathOf(request) })
    response.writeHead(answer.statusCode ?? 502, passed(answer.headers))
    await pipeline(answer, response).catch(() => {})
  }

  /** @throws StatusError */
  async upgrade(request: ConnectRequest, head: Buffer, take: () => Socket): Promise<void> {
    const target = proxyTarget(this.#store, request)
    const socket = await this.#connect(target)
    relay(take(), head, socket, { message: request.message, target: pathOf(request), host: hostPort(target) })
  }

  async #connect(target: ProxyTarget): Promise<Socket> {
    try {
      if (!target.tls) return await connected(this.#dial, target)
      return await connectedTls(this.#dial, target, target.kubelet ? this.#identity : undefined)
    } catch (error) {
      throw unreachable(error)
    }
  }
}

const unreachable = (error: unknown): StatusError =>
  new StatusError(503, 'ServiceUnavailable', `error trying to reach service: ${(error as Error).message}`)

function redirect(message: IncomingMessage, response: ServerResponse): void {
  const [path = '', query] = (message.url ?? '').split('?', 2)
  response.writeHead(301, { location: `${path}/${query === undefined ? '' : `?${query}`}`, 'content-length': 0 }).end()
}

function pathOf({ path, message }: ConnectRequest): string {
  const query = message.url?.indexOf('?') ?? -1
  return `${path || '/'}${query < 0 ? '' : message.url?.slice(query)}`
}

function forward(
  message: IncomingMessage,
  response: ServerResponse,
  socket: Socket,
  { target, path }: { target: ProxyTarget; path: string },
): Promise<IncomingMessage> {
  const headers = { ...passed(message.headers), host: hostPort(target), connection: 'close' }
  const outgoing = httpRequest({ method: message.method, path, headers, createConnection: () => socket })
  message.pipe(outgoing)
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.on('error', (error) => (response.headersSent ? response.destroy() : reject(unreachable(error))))
  })
}

const passed = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !notPassed.has(name)))
