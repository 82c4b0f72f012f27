import type { Socket } from 'node:dgram'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { NetworkNamespace } from '../../kernel/namespaces.ts'
import { listenTcp, udpSocket } from '../../kernel/sockets.ts'
import type { EchoReply } from '../echo-protocol.ts'
import type { EchoPort } from './echo-ports.ts'

/** Whom an echo server speaks for. */
export type EchoIdentity = Pick<EchoReply, 'pod' | 'namespace' | 'node' | 'podIP'>

interface Listener {
  close(): void
}

/**
 * The echo servers of one pod: sockets in the pod's network namespace, served by this process. Which ports are open may
 * change at any time (Services come and go). Answers as `echo-protocol.ts` has it.
 */
export class PodEcho {
  private readonly namespace: NetworkNamespace
  private readonly identity: EchoIdentity
  private readonly listeners = new Map<string, Listener>()
  private work: Promise<void> = Promise.resolve()

  constructor(namespace: NetworkNamespace, identity: EchoIdentity) {
    this.namespace = namespace
    this.identity = identity
  }

  /**
   * Opens and closes sockets until exactly these ports are served. Calls are worked off in order.
   *
   * @returns what could not be opened, e.g. as another hostNetwork pod has the port
   */
  async setPorts(ports: EchoPort[]): Promise<Error[]> {
    const turn = this.work.then(() => this.open(ports))
    this.work = turn.then(
      () => {},
      () => {},
    )
    return turn
  }

  /** Ports that are served now, e.g. `TCP/80`. */
  get openPorts(): string[] {
    return [...this.listeners.keys()].sort()
  }

  async close(): Promise<void> {
    await this.setPorts([])
    this.namespace.close()
  }

  private async open(ports: EchoPort[]): Promise<Error[]> {
    const wanted = new Map(ports.map((port) => [`${port.protocol}/${port.port}`, port]))
    for (const [key, listener] of this.listeners) {
      if (wanted.has(key)) continue
      listener.close()
      this.listeners.delete(key)
    }
    const errors: Error[] = []
    for (const [key, port] of wanted) {
      if (this.listeners.has(key)) continue
      try {
        this.listeners.set(key, port.protocol === 'TCP' ? await this.openTcp(port.port) : await this.openUdp(port.port))
      } catch (error) {
        errors.push(new Error(`cannot serve ${key}: ${(error as Error).message}`, { cause: error }))
      }
    }
    return errors
  }

  private async openTcp(port: number): Promise<Listener> {
    const server = createServer((request, response) => this.answerHttp(request, response))
    // Kept connections stay until the client or the pod goes: flows that last are what a network stack must not break.
    server.keepAliveTimeout = 0
    server.requestTimeout = 0
    await listening(server, listenTcp(this.namespace, '0.0.0.0', port))
    return {
      close() {
        server.close()
        server.closeAllConnections()
      },
    }
  }

  /** Bound to the pod's address, not to any: an answer then has the address that the datagram was sent to. */
  private async openUdp(port: number): Promise<Listener> {
    const socket = await udpSocket(this.namespace, { address: this.identity.podIP, port })
    // ICMP errors (a client that is gone) surface here; they concern one datagram only.
    socket.on('error', () => {})
    socket.on('message', (_, from) => socket.send(this.datagramReply(socket, from), from.port, from.address))
    return { close: () => void socket.close() }
  }

  private answerHttp(request: IncomingMessage, response: ServerResponse): void {
    const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = request.socket
    request.resume()
    this.send(response, {
      ...this.identity,
      protocol: 'TCP',
      localAddress: plainAddress(localAddress),
      localPort,
      clientAddress: plainAddress(remoteAddress),
      clientPort: remotePort,
      path: request.url ?? '',
      method: request.method ?? '',
      headers: plainHeaders(request),
    })
  }

  private send(response: ServerResponse, reply: EchoReply): void {
    const body = JSON.stringify(reply)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  }

  private datagramReply(socket: Socket, from: { address: string; port: number }): string {
    const { address, port } = socket.address()
    const reply: EchoReply = {
      ...this.identity,
      protocol: 'UDP',
      localAddress: plainAddress(address),
      localPort: port,
      clientAddress: plainAddress(from.address),
      clientPort: from.port,
      path: '',
      method: '',
      headers: {},
    }
    return JSON.stringify(reply)
  }
}

function listening(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, () => {
      server.off('error', reject)
      // A socket that fails to accept (out of descriptors) must not end the node.
      server.on('error', () => {})
      resolve()
    })
  })
}

const plainAddress = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)

const plainHeaders = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
