import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { connectionsOf } from '../connections.ts'
import { bootstrap } from './bootstrap.ts'
import { bearerToken, kubeletClientIdentity, serverIdentity } from './certificates.ts'
import { keepEventsYoung } from './event-ttl.ts'
import { Handlers } from './handlers.ts'
import { kubeconfigText } from './kubeconfig.ts'
import { Journal } from './persist/journal.ts'
import { lockFolder } from './persist/lock.ts'
import { type Dial, dialFromHere } from './proxy/dial.ts'
import { Connector } from './proxy/index.ts'
import { router, upgrader } from './routes.ts'
import { MemoryStore } from './store.ts'
import { ServiceAccountTokens } from './tokens/tokens.ts'
import { WatchHub } from './watch.ts'

export interface ApiOptions {
  /** Folder for the CA, the token and all objects; what is there already is used again. */
  dir: string
  /** Range of cluster IPs, or one of each family joined by a comma, the primary one first; 10.43.0.0/16. */
  serviceCIDR?: string
  /** People besides the one whose token is in the kubeconfig. They have no role at all: they may ask what there is, and no more. */
  users?: ReadonlyArray<{ name: string; token: string }>
  /** Where nodes reach the API: the endpoint of default/kubernetes, which has none without it. */
  advertise?: { address: string; port: number }
  /** Sockets that are bound and listen already, e.g. in other network namespaces. */
  listeners?: ReadonlyArray<{ fd: number }>
  /** Port on 127.0.0.1, if it is free; 0: any. */
  loopbackPort?: number
  /** How to reach kubelets, pods and Services, e.g. from another network namespace; from this process's by default. */
  dial?: Dial
  /** 0 ≤ x < 1; for generated names, addresses and ports. */
  random?: () => number
  /** False: no garbage collector and no end of namespaces, as with an API server that no controllers watch. */
  collect?: boolean
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
  const closers: (() => void | Promise<void>)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    return { ...(await start(options, closers)), close: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** `closers`: gets what is to be called at the end, last one first. */
async function start(
  options: ApiOptions,
  closers: (() => void | Promise<void>)[],
): Promise<Omit<EmbeddedApi, 'close'>> {
  const onError = options.onError ?? ((error) => process.stderr.write(`api: ${String(error)}\n`))
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  closers.push(await lockFolder(options.dir))
  const store = new MemoryStore({
    ...(options.serviceCIDR === undefined ? {} : { serviceCIDR: options.serviceCIDR }),
    ...(options.collect === undefined ? {} : { collect: options.collect }),
    ...(options.random === undefined ? {} : { random: options.random }),
  })
  const journal = keepStore(store, join(options.dir, 'state'), onError)
  closers.push(() => journal.close())
  const token = bearerToken(options.dir)
  const { advertise } = options
  const identity = await serverIdentity(options.dir, [...ownNames, ...addresses(store, advertise?.address)])
  const hub = new WatchHub(store, () => journal.flush(), onError)
  const tokens = new ServiceAccountTokens(store, options.dir)
  const listening = { serverAddress: '' }
  const routing = {
    handlers: new Handlers(store, hub, tokens),
    tokens,
    connector: new Connector(store, options.dial ?? dialFromHere, await kubeletClientIdentity(options.dir)),
    kinds: store.kinds,
    token,
    users: options.users ?? [],
    get serverAddress() {
      return listening.serverAddress
    },
    beforeAnswer: () => journal.flush(),
    onError,
  }
  const handle = router(routing)
  const upgrade = upgrader(routing)
  const tls = { key: identity.key, cert: identity.certificate, keepAliveTimeout: keepAliveMs }
  const serve = async (where: { host: string; port: number } | { fd: number }): Promise<Server> => {
    const server = createServer(tls, handle).on('upgrade', upgrade)
    await once(server.listen(where), 'listening')
    const sockets = connectionsOf(server)
    closers.push(() => close(server, sockets))
    return server
  }
  const loopback = await serveLoopback(serve, options.loopbackPort ?? 0)
  const { port } = loopback.address() as AddressInfo
  listening.serverAddress = `${advertise?.address ?? '127.0.0.1'}:${advertise?.port ?? port}`
  bootstrap(store, advertise ?? { port })
  closers.push(keepEventsYoung(store, onError))
  for (const { fd } of options.listeners ?? []) await serve({ fd })
  // The first to go: watches end in good order.
  closers.push(() => hub.close())
  const url = `https://127.0.0.1:${port}`
  return {
    store,
    url,
    ca: identity.ca,
    token,
    kubeconfig: (server = url) => kubeconfigText(server, identity.ca, token),
  }
}

/** Fills a store with what was saved, and saves from then on. */
function keepStore(store: MemoryStore, dir: string, onError: (error: unknown) => void): Journal {
  const journal = new Journal(dir, { onError, encode: (resource, object) => store.jsonOf(resource, object) })
  const saved = journal.takeSaved()
  store.subscribe((event) => journal.append(event))
  if (saved !== undefined)
    for (const resource of store.restore(saved))
      onError(new Error(`what was saved of ${resource} is dropped: it is not served any more`))
  journal.compactFrom(() => store.contents())
  return journal
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

/** The port of the last time may be somebody else's by now. The kubeconfig says which one it is. */
async function serveLoopback(
  serve: (where: { host: string; port: number }) => Promise<Server>,
  port: number,
): Promise<Server> {
  const host = '127.0.0.1'
  try {
    return await serve({ host, port })
  } catch (error) {
    if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return serve({ host, port: 0 })
  }
}

async function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // What was written last leaves before.
  await new Promise((resolve) => setImmediate(resolve))
  server.closeAllConnections()
  for (const socket of sockets) socket.destroy()
  await closed
}
