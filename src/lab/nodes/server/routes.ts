import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { errorText, type Log } from '../../log.ts'
import { checkAccess, type Reviews } from './auth.ts'
import { channelProtocols } from './channels.ts'
import { PodHandlers } from './handlers.ts'
import { refuse, refuseUpgrade, urlOf } from './http.ts'
import { Negotiator } from './negotiate.ts'
import { type NodeRuntime, nodeRuntime } from './node-runtime.ts'
import type { PodsOfNode } from './pods.ts'
import { portForwardProtocols } from './port-forward.ts'
import { Refusal } from './refusal.ts'

export interface RoutesOptions {
  reviews: Reviews
  pods: PodsOfNode
  /** Default: what is in the namespaces of this process. */
  runtime?: NodeRuntime
  log: Log
}

const text = { 'content-type': 'text/plain; charset=utf-8' }

/** Which path leads where (pkg/kubelet/server/server.go). */
export class Routes {
  readonly #options: RoutesOptions
  readonly #handlers: PodHandlers
  readonly #channels = new Negotiator(channelProtocols)
  readonly #forwards = new Negotiator(portForwardProtocols)

  constructor(options: RoutesOptions) {
    this.#options = options
    this.#handlers = new PodHandlers(options.pods, options.runtime ?? nodeRuntime)
  }

  async answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = urlOf(message)
      await checkAccess(message, url.pathname, this.#options.reviews)
      await this.#route(url, message, response)
    } catch (error) {
      this.#note(error, message)
      refuse(response, error)
    }
  }

  async upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // A client that goes away in the middle is nobody's error.
    socket.on('error', () => {})
    try {
      const url = urlOf(message)
      await checkAccess(message, url.pathname, this.#options.reviews)
      const serve = this.#streamFor(url)
      serve.sockets.upgrade(message, socket, head, (webSocket, protocol) => {
        this.#run(webSocket, message, () => serve.run(webSocket, protocol))
      })
    } catch (error) {
      this.#note(error, message)
      refuseUpgrade(socket, error)
    }
  }

  async #route(url: URL, message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, namespace, pod, container } = partsOf(url)
    if (message.method !== 'GET') throw new Refusal(405, 'Method Not Allowed')
    if (path === 'healthz') return void response.writeHead(200, text).end('ok')
    if (path === 'pods' || path === 'runningpods') {
      const list = JSON.stringify(this.#handlers.list(path === 'runningpods'))
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(list)
    }
    if (path !== 'containerLogs' || container === '') throw new Refusal(404, '404 page not found')
    await this.#handlers.log({ namespace, pod, container }, url.searchParams, response)
  }

  #streamFor(url: URL): Stream {
    const { path, ...place } = partsOf(url)
    const { searchParams } = url
    if (path === 'exec' && place.container !== '')
      return { sockets: this.#channels, run: (socket) => this.#handlers.exec(socket, place, searchParams) }
    if (path === 'attach' && place.container !== '')
      return { sockets: this.#channels, run: (socket) => this.#handlers.attach(socket, place, searchParams) }
    if (path === 'portForward' && place.pod !== '')
      return {
        sockets: this.#forwards,
        run: (socket, protocol) => this.#handlers.portForward(socket, protocol, place, searchParams),
      }
    throw new Refusal(404, '404 page not found')
  }

  #run(socket: WebSocket, message: IncomingMessage, run: () => Promise<void>): void {
    socket.on('error', () => {})
    run()
      .catch((error: unknown) => this.#note(error, message))
      .finally(() => socket.close())
  }

  #note(error: unknown, { url }: IncomingMessage): void {
    if (!(error instanceof Refusal)) this.#options.log('request failed', { url, error: errorText(error) })
  }
}

/** What is spoken on an upgraded connection, and who does it. */
interface Stream {
  sockets: Negotiator
  run: (socket: WebSocket, protocol: string) => Promise<void>
}

function partsOf({ pathname }: URL): { path: string; namespace: string; pod: string; container: string } {
  const [path = '', namespace = '', pod = '', container = ''] = pathname.split('/').slice(1).map(decodeURIComponent)
  return { path, namespace, pod, container }
}
