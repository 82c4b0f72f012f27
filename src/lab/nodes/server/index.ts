import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectionsOf } from '../../connections.ts'
import { Routes, type RoutesOptions } from './routes.ts'

/** The kubelet's port (Node.status.daemonEndpoints.kubeletEndpoint). */
const kubeletPort = 10250

/** PEM. */
export interface ServingIdentity {
  /** Who signs the certificates of those that may ask. */
  ca: string
  certificate: string
  key: string
}

export interface KubeletServerOptions extends RoutesOptions {
  /** The node's own. */
  addresses: readonly string[]
  /** Default: 10250; 0: any. */
  port?: number
  identity: ServingIdentity
}

export interface KubeletServer {
  /** That of the first address. */
  port: number
  /** Ends all that is under way. */
  close(): Promise<void>
}

/** As long as an address is not ready (IPv6 looks for duplicates), or an earlier kubelet is about to leave, in milliseconds. */
const retryMs = 200
const retries = 50

/**
 * Serves what the API server asks of a node: logs, exec, attach, port-forward, pods, health; over TLS, on the node's addresses, to nobody but the API
 * server and whom the API lets access the node.
 *
 * @throws Error EADDRINUSE, EADDRNOTAVAIL after ten seconds
 */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const routes = new Routes(options)
  const servers = options.addresses.map(() => makeServer(options.identity, routes))
  const closeAll = async (): Promise<void> => {
    await Promise.all(servers.map(close))
  }
  try {
    for (const [i, address] of options.addresses.entries())
      await listen(servers[i]?.server as Server, address, options.port ?? kubeletPort)
  } catch (error) {
    await closeAll()
    throw error
  }
  const address = servers[0]?.server.address() as AddressInfo | null | undefined
  return { port: address?.port ?? 0, close: closeAll }
}

interface Serving {
  server: Server
  /** Its open connections, also those that were upgraded. */
  sockets: Set<Socket>
}

function makeServer({ key, certificate, ca }: ServingIdentity, routes: Routes): Serving {
  // Those with a token have no certificate; each request is looked at.
  const server = createServer({ key, cert: certificate, ca, requestCert: true, rejectUnauthorized: false })
  server.on('request', (message, response) => void routes.answer(message, response))
  server.on('upgrade', (message, socket, head) => void routes.upgrade(message, socket, head))
  return { server, sockets: connectionsOf(server) }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  for (let left = retries; ; left--) {
    try {
      await once(server.listen({ host, port }), 'listening')
      return
    } catch (error) {
      if (left === 0) throw error
      await sleep(retryMs)
    }
  }
}

async function close({ server, sockets }: Serving): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const socket of sockets) socket.destroy()
  await closed
}
