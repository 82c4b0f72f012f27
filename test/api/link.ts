import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from 'node:net'
import type { Connection } from '../../src/kube/connection.ts'

/** A way to a server that can be cut: a port on loopback that forwards to it. */
export class Link {
  /** How to reach the server over the link. */
  readonly connection: Connection
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(connection: Connection, server: Server, sockets: Set<Socket>) {
    this.connection = connection
    this.#server = server
    this.#sockets = sockets
  }

  static async to(connection: Connection): Promise<Link> {
    const url = new URL(connection.server)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect(Number(url.port || 443), host)
      for (const socket of [near, far]) {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        socket.on('error', () => undefined)
      }
      near.pipe(far).pipe(near)
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const own = { ...connection, server: `https://127.0.0.1:${port}` }
    // API servers name 127.0.0.1 in their certificates, and their own names.
    return new Link(isIP(host) || connection.serverName ? own : { ...own, serverName: host }, server, sockets)
  }

  /** Ends all connections at once, without a word of TLS or HTTP. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await closed
  }
}
