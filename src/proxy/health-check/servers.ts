import { createServer, type Server } from 'node:http'
import { NetworkNamespace } from '../../kernel/network-namespace.ts'
import { listenTcp } from '../../kernel/sockets.ts'
import { healthAnswer } from './answer.ts'
import type { HealthCheckFailure, HealthCheckPort } from './types.ts'

export interface HealthCheckServersOptions {
  /** Whether the proxy keeps up: asked at each request. */
  isHealthy: () => boolean
  /** TCP ports by which the node is managed: never listened on, whatever a Service asks for. */
  isManagementPort: (port: number) => boolean
  /** Where to listen, if not in the process's own namespace. */
  namespace?: NetworkNamespace
  /** How soon a port that was taken, or an address that was not there, is tried again. Default: 5 s. */
  retryMs?: number
}

/** A check that asks must say what it wants within this. */
const requestTimeoutMs = 5000
/** Load balancers ask often, from a few addresses; more than this is none of them. */
const connectionsMost = 256

/**
 * Serves the health checks of Services on the addresses of node ports: one socket an address and port. What stays wanted stays open; what could not be opened is tried
 * again, and told by `failures`.
 */
export class HealthCheckServers {
  readonly #options: HealthCheckServersOptions
  readonly #servers = new Map<string, Server>()
  readonly #checks = new Map<number, HealthCheckPort>()
  readonly #failures = new Map<string, HealthCheckFailure>()
  #addresses: readonly string[] = []
  #namespace: NetworkNamespace | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(options: HealthCheckServersOptions) {
    this.#options = options
    this.#namespace = options.namespace
  }

  /** What is not served, and why: one an entry of address and port. */
  get failures(): HealthCheckFailure[] {
    return [...this.#failures.values()]
  }

  /** `address port` of each open socket. */
  get listening(): string[] {
    return [...this.#servers.keys()]
  }

  /**
   * From now on these are served, on these addresses; of two that want one port the first has it. Counts of endpoints are looked up at each request, so an update
   * that changes nothing else opens and closes nothing.
   */
  update(checks: Iterable<HealthCheckPort>, addresses: readonly string[]): void {
    this.#checks.clear()
    this.#failures.clear()
    this.#addresses = addresses
    for (const check of checks) this.#accept(check)
    this.#converge()
  }

  close(): void {
    this.update([], [])
    if (this.#options.namespace === undefined) this.#namespace?.close()
    this.#namespace = this.#options.namespace
  }

  #accept(check: HealthCheckPort): void {
    const { port, service } = check
    const holder = this.#checks.get(port)
    if (this.#options.isManagementPort(port)) this.#fail(service, `port ${port}`, 'the node is managed by this port')
    else if (holder !== undefined) this.#fail(service, `port ${port}`, `${holder.service} has it`)
    else this.#checks.set(port, check)
  }

  #converge(): void {
    clearTimeout(this.#retry)
    const wanted = new Set(
      this.#addresses.flatMap((address) => [...this.#checks.keys()].map((port) => `${address} ${port}`)),
    )
    for (const [key, server] of this.#servers) {
      if (wanted.has(key)) continue
      this.#servers.delete(key)
      server.close()
      server.closeAllConnections()
    }
    let failed = false
    for (const key of wanted) if (!this.#servers.has(key)) failed = !this.#open(key) || failed
    if (!failed) return
    this.#retry = setTimeout(() => this.#converge(), this.#options.retryMs ?? 5000)
    this.#retry.unref()
  }

  #open(key: string): boolean {
    const [address = '', port = ''] = key.split(' ')
    const check = this.#checks.get(Number(port))
    try {
      this.#namespace ??= NetworkNamespace.open('/proc/self/ns/net')
      const server = this.#makeServer(Number(port))
      server.listen({ fd: listenTcp(this.#namespace, address, Number(port)) })
      this.#servers.set(key, server)
      this.#failures.delete(`${check?.service} ${key}`)
      return true
    } catch (error) {
      this.#fail(check?.service ?? '', key, error instanceof Error ? error.message : String(error))
      return false
    }
  }

  #makeServer(port: number): Server {
    const timeouts = {
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: requestTimeoutMs,
    }
    const server = createServer(timeouts, (request, response) => {
      request.resume()
      const check = this.#checks.get(port)
      const { status, headers, body } = healthAnswer(
        check ?? { service: '/', port, localEndpoints: 0 },
        check !== undefined && this.#options.isHealthy(),
      )
      response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body)
    })
    server.maxConnections = connectionsMost
    server.on('error', () => {})
    return server.unref()
  }

  #fail(service: string, where: string, why: string): void {
    const message = `health check of ${service} cannot be served at ${where}: ${why}`
    this.#failures.set(`${service} ${where}`, { service, reason: 'FailedToStartServiceHealthcheck', message })
  }
}
