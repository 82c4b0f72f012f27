import { createServer, type Server } from 'node:http'
import type { NetworkNamespace } from '../../kernel/namespaces.ts'
import { listenTcp } from '../../kernel/sockets.ts'
import type { EchoReply } from '../echo-protocol.ts'

/** A place where verify listens itself, for the time of a run: what is provable of a node or of the outside without anything else running there. */
export interface Listener {
  /** Name of the node, or `outside`. */
  name: string
  kind: 'node' | 'outside'
  address: string
  /** One that the kernel chose. TCP. */
  port: number
}

/** Where to listen. */
export interface Place {
  name: string
  kind: Listener['kind']
  addresses: readonly string[]
  netnsPath: string
}

/** The listeners of a run; `close` ends them. */
export interface Listening {
  listeners: readonly Listener[]
  close(): void
}

/**
 * Opens one TCP server for each address of each place, in its network namespace. It answers as the lab's echo servers do, without a namespace and
 * with the place's name for a pod's. A place where nothing can be opened is left out: what is not there shows as not tried.
 */
export async function listenAt(places: readonly Place[], open: (path: string) => NetworkNamespace): Promise<Listening> {
  const servers: Server[] = []
  const listeners: Listener[] = []
  for (const place of places) {
    for (const address of place.addresses) {
      const server = createServer((request, response) => {
        const body = JSON.stringify(replyOf(place.name, request.socket))
        response.writeHead(200, { 'content-type': 'application/json', connection: 'close' })
        response.end(body)
      })
      try {
        const port = await listening(server, listenTcp(open(place.netnsPath), address, 0))
        servers.push(server)
        listeners.push({ name: place.name, kind: place.kind, address, port })
      } catch {
        server.close()
      }
    }
  }
  return {
    listeners,
    close() {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

function replyOf(
  name: string,
  socket: {
    localAddress?: string | undefined
    localPort?: number
    remoteAddress?: string | undefined
    remotePort?: number | undefined
  },
): EchoReply {
  const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = socket
  return {
    pod: name,
    namespace: '',
    node: '',
    podIP: localAddress,
    protocol: 'TCP',
    localAddress,
    localPort,
    clientAddress: remoteAddress,
    clientPort: remotePort,
    path: '',
    method: '',
    headers: {},
  }
}

function listening(server: Server, fd: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address.port)
      else reject(new Error('a listener without a port'))
    })
  })
}
