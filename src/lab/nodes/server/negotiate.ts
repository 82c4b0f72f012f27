import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { Refusal } from './refusal.ts'

/**
 * WebSockets that speak one of some subprotocols. Which one is settled here: `SPDY/3.1+portforward.k8s.io`, as kubectl sends it, has a slash, which is no
 * token by RFC 6455, and a library that reads the header refuses it.
 */
export class Negotiator {
  readonly #protocols: readonly string[]
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  readonly #chosen = new WeakMap<IncomingMessage, string>()

  /** @param protocols best first */
  constructor(protocols: readonly string[]) {
    this.#protocols = protocols
    this.#server.on('headers', (headers, message) => {
      const chosen = this.#chosen.get(message)
      if (chosen !== undefined) headers.push(`Sec-WebSocket-Protocol: ${chosen}`)
    })
  }

  /** @param use gets the connection, and what is spoken on it. @throws Refusal 400, 403 */
  upgrade(
    message: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    use: (socket: WebSocket, protocol: string) => void,
  ): void {
    if (message.headers.upgrade?.toLowerCase() !== 'websocket') throw new Refusal(400, 'only WebSocket is served')
    const offered = (message.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    const protocol = this.#protocols.find((name) => offered.includes(name))
    if (protocol === undefined) throw new Refusal(403, this.#disagreement(offered))
    this.#chosen.set(message, protocol)
    delete message.headers['sec-websocket-protocol']
    this.#server.handleUpgrade(message, socket, head, (webSocket) => use(webSocket, protocol))
  }

  #disagreement(offered: readonly string[]): string {
    const [client, server] = [offered, this.#protocols].map((names) => `[${names.join(' ')}]`)
    return `unable to upgrade: unable to negotiate protocol: client supports ${client}, server accepts ${server}`
  }
}
