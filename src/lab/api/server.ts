import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { bootstrap } from './bootstrap.ts'
import { bearerToken, serverIdentity } from './certificates.ts'
import { Handlers } from './handlers.ts'
import { kubeconfigText } from './kubeconfig.ts'
import { router } from './routes.ts'
import { MemoryStore } from './store.ts'
import { WatchHub } from './watch.ts'

export interface ApiOptions {
  /** Folder for the CA and the token; what is there already is used again. */
  dir: string
  /** IPv4 range of cluster IPs; 10.43.0.0/16. */
  serviceCIDR?: string
  /** Where nodes reach the API: the endpoint of default/kubernetes, which has none without it. */
  advertise?: { address: string; port: number }
  /** Sockets that are bound and listen already, e.g. in other network namespaces. */
  listeners?: ReadonlyArray<{ fd: number }>
  /** Port on 127.0.0.1; 0: any. */
  loopbackPort?: number
  /** Told of errors of the server's own; by default a line on stderr. */
  onError?: (error: unknown) => void
}

/** A running API. */
export interface EmbeddedApi {
  store: MemoryStore
  /** `https://127.0.0.1:PORT` */
  url: string
  /** PEM. */
  ca: string
  token: string
  /** YAML with CA and token in it; `server` defaults to `url`. */
  kubeconfig(server?: string): string
  /** Ends all watches and connections. */
  close(): Promise<void>
}

const keepAliveMs = 120_000

/** Starts the embedded API server: TLS 1.2 and later, HTTP/1.1. @throws if a port is taken or the folder cannot be written */
export async function startApi(options: ApiOptions): Promise<EmbeddedApi> {
  const store = new MemoryStore(options.serviceCIDR === undefined ? {} : { serviceCIDR: options.serviceCIDR })
  const token = bearerToken(options.dir)
  const { advertise } = options
  const identity = await serverIdentity(options.dir, [...ownNames, ...addresses(store, advertise?.address)])
  const hub = new WatchHub(store)
  const onError = options.onError ?? ((error) => process.stderr.write(`api: ${String(error)}\n`))
  const listening = { serverAddress: '' }
  const handle = router({
    handlers: new Handlers(store, hub),
    token,
    get serverAddress() {
      return listening.serverAddress
    },
    onError,
  })
  const tls = { key: identity.key, cert: identity.certificate, keepAliveTimeout: keepAliveMs }
  const create = (): Server => createServer(tls, handle)
  const loopback = create()
  await listen(loopback, { host: '127.0.0.1', port: options.loopbackPort ?? 0 })
  const { port } = loopback.address() as AddressInfo
  listening.serverAddress = `${advertise?.address ?? '127.0.0.1'}:${advertise?.port ?? port}`
  bootstrap(store, advertise ?? { port })
  const servers = [loopback]
  for (const { fd } of options.listeners ?? []) {
    const server = create()
    await listen(server, { fd })
    servers.push(server)
  }
  const url = `https://127.0.0.1:${port}`
  return {
    store,
    url,
    ca: identity.ca,
    token,
    kubeconfig: (server = url) => kubeconfigText(server, identity.ca, token),
    close: async () => {
      hub.close()
      await Promise.all(servers.map(close))
    },
  }
}

const ownNames = [
  'localhost',
  '127.0.0.1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
] as const

const addresses = (store: MemoryStore, advertised: string | undefined): string[] => [
  store.allocations.firstAddress,
  ...(advertised === undefined ? [] : [advertised]),
]

function listen(server: Server, where: { host: string; port: number } | { fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
