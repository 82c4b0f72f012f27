import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createStreamServer, type Server as StreamServer, type Socket as StreamSocket } from 'node:net'
import type { NetworkNamespace } from '../../kernel/namespaces.ts'
import { listenSctp, listenTcp, udpSocket } from '../../kernel/sockets.ts'
import { familyOf } from '../../model/ip.ts'
import type { EchoReply } from '../echo-protocol.ts'
import type { EchoPort } from './echo-ports.ts'

/** Whom an echo server speaks for. */
export type EchoIdentity = Pick<EchoReply, 'pod' | 'namespace' | 'node' | 'podIP'>

interface Listener {
  close(): void
}

/** Told of every request: the container that is stood in for, and a line for its log. */
export type OnRequest = (container: string, line: string) => void

/**
 * The echo servers of one pod: sockets in the pod's network namespace, served by this process. Which ports are open may
 * change at any time (Services come and go). Answers as `echo-protocol.ts` has it.
 */
export class PodEcho {
  private readonly namespace: NetworkNamespace
  private readonly identity: EchoIdentity
  private readonly addresses: readonly string[]
  private readonly onRequest: OnRequest
  private readonly listeners = new Map<string, Listener>()
  private work: Promise<void> = Promise.resolve()

  /** @param addresses all of the pod's, one a family; absent: its podIP alone */
  constructor(
    namespace: NetworkNamespace,
    identity: EchoIdentity,
    addresses: readonly string[] = [identity.podIP],
    onRequest: OnRequest = () => {},
  ) {
    this.namespace = namespace
    this.identity = identity
    this.addresses = addresses
    this.onRequest = onRequest
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
        this.listeners.set(key, await this.openPort(port))
      } catch (error) {
        errors.push(new Error(`cannot serve ${key}: ${(error as Error).message}`, { cause: error }))
      }
    }
    return errors
  }

  /** On all of the pod's families, or on none. */
  private async openPort(port: EchoPort): Promise<Listener> {
    const opened: Listener[] = []
    const close = (): void => {
      for (const listener of opened) listener.close()
    }
    try {
      for (const address of this.addresses) opened.push(await this.openOn(address, port))
    } catch (error) {
      close()
      throw error
    }
    return { close }
  }

  /**
   * TCP on any address of the family, loopback included. UDP on the pod's address, not on any: an answer then has the address that the
   * datagram was sent to.
   */
  private openOn(address: string, port: EchoPort): Promise<Listener> {
    const any = familyOf(address) === 'IPv4' ? '0.0.0.0' : '::'
    if (port.protocol === 'UDP') return this.openUdp(address, port)
    return port.protocol === 'TCP' ? this.openTcp(any, port) : this.openSctp(any, port)
  }

  private async openTcp(address: string, port: EchoPort): Promise<Listener> {
    const server = createServer((request, response) => this.answerHttp(request, response, port.container))
    // Kept connections stay until the client or the pod goes: flows that last are what a network stack must not break.
    server.keepAliveTimeout = 0
    server.requestTimeout = 0
    await listening(server, listenTcp(this.namespace, address, port.port))
    return {
      close() {
        server.close()
        server.closeAllConnections()
      },
    }
  }

  /** Node takes an SCTP association for a TCP connection, which at this level it is like: every message is answered by one. */
  private async openSctp(address: string, port: EchoPort): Promise<Listener> {
    const open = new Set<StreamSocket>()
    const server = createStreamServer((socket) => {
      open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => open.delete(socket))
      const client = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
      const local = { address: socket.localAddress ?? '', port: port.port }
      socket.on('data', () => socket.write(this.reply('SCTP', local, client, port.container)))
    })
    await listening(server, listenSctp(this.namespace, address, port.port))
    return {
      close() {
        server.close()
        for (const socket of open) socket.destroy()
      },
    }
  }

  private async openUdp(address: string, port: EchoPort): Promise<Listener> {
    const socket = await udpSocket(this.namespace, { address, port: port.port })
    // ICMP errors (a client that is gone) surface here; they concern one datagram only.
    socket.on('error', () => {})
    socket.on('message', (_, from) => {
      socket.send(this.reply('UDP', socket.address(), from, port.container), from.port, from.address)
    })
    return { close: () => void socket.close() }
  }

  private answerHttp(request: IncomingMessage, response: ServerResponse, container: string): void {
    const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = request.socket
    request.resume()
    const client = plainAddress(remoteAddress)
    this.onRequest(container, `${request.method} ${request.url} ${client}`)
    this.send(response, {
      ...this.identity,
      protocol: 'TCP',
      localAddress: plainAddress(localAddress),
      localPort,
      clientAddress: client,
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

  /** What is said of a message that is no HTTP request. */
  private reply(protocol: 'UDP' | 'SCTP', local: Endpoint, from: Endpoint, container: string): string {
    const clientAddress = plainAddress(from.address)
    this.onRequest(container, `${protocol} :${local.port} ${clientAddress}`)
    const reply: EchoReply = {
      ...this.identity,
      protocol,
      localAddress: plainAddress(local.address),
      localPort: local.port,
      clientAddress,
      clientPort: from.port,
      path: '',
      method: '',
      headers: {},
    }
    return JSON.stringify(reply)
  }
}

interface Endpoint {
  address: string
  port: number
}

async function listening(server: StreamServer, fd: number): Promise<void> {
  await once(server.listen({ fd }), 'listening')
  // A socket that fails to accept (out of descriptors) must not end the node.
  server.on('error', () => {})
}

const plainAddress = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)

const plainHeaders = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
