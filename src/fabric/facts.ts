import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import { RT_TABLE_MAIN } from '../kernel/rtnetlink/constants.ts'
import { KernelRouteNetlink } from '../kernel/rtnetlink/kernel.ts'
import { LinkEpochs } from '../kernel/rtnetlink/link-epochs.ts'
import { type NetworkEvent, NetworkMonitor } from '../kernel/rtnetlink/monitor.ts'
import type { FoundAddress, Link } from '../kernel/rtnetlink/types.ts'
import { ForeignRoutes } from './foreign-routes.ts'
import type { FabricView, LinkFact } from './view.ts'

export interface FactsOptions {
  view: Pick<FabricView, 'links' | 'foreignRoutes'>
  /** The protocol number of our own routes. */
  protocol: number
  /** The process's own if absent. */
  namespace?: NetworkNamespace
  /** Routes of ours may not be there any more: somebody wrote to them, a link was down, or a notification was lost. */
  onSuspect: () => void
}

/** Fills the view's facts from the kernel, and keeps them so by its notifications. */
export class NetworkFacts {
  readonly #options: FactsOptions
  readonly #net: KernelRouteNetlink
  readonly #epochs = new LinkEpochs()
  readonly #foreign: ForeignRoutes
  #monitor: NetworkMonitor | undefined
  #scheduled = false
  #routesDue = false

  constructor(options: FactsOptions) {
    this.#options = options
    this.#net = new KernelRouteNetlink(options.namespace)
    this.#foreign = new ForeignRoutes(options.protocol)
  }

  /** Reads everything once. @throws KernelError */
  read(): void {
    this.#readLinks()
    this.#readRoutes()
  }

  /** Follows the kernel from now on, and reads everything once. @throws KernelError */
  start(): void {
    const { namespace } = this.#options
    this.#monitor = new NetworkMonitor({
      watch: ['links', 'addresses', 'routes'],
      onEvents: (events) => this.#onEvents(events),
      onLost: () => this.#onLost(),
      ...(namespace !== undefined && { namespace }),
    })
    this.read()
  }

  close(): void {
    this.#monitor?.close()
    this.#monitor = undefined
  }

  #onEvents(events: readonly NetworkEvent[]): void {
    // Only what may carry routes of ours: ports of bridges come and go with every pod.
    const flapped = this.#epochs.observe(events).some((name) => this.#options.view.links.get(name) !== undefined)
    let suspect = flapped
    for (const event of events) {
      if (event.object !== 'route') this.#schedule(flapped)
      if (event.object === 'route' ? this.#onRoute(event) : this.#tookRoutes(event)) suspect = true
    }
    if (suspect) this.#options.onSuspect()
  }

  /** With its last IPv4 address a link loses all IPv4 routes, and they are not told of (fib_inetaddr_event, fib_disable_ip). The address may be back by the time that we read. */
  #tookRoutes({ object, op, value }: NetworkEvent): boolean {
    if (object !== 'address' || op !== 'delete' || value.address.includes(':')) return false
    return this.#options.view.links.get(value.dev) !== undefined
  }

  /** True if a route of ours may be gone or changed by another hand. */
  #onRoute({ op, port, replaced, value }: Extract<NetworkEvent, { object: 'route' }>): boolean {
    if (value.protocol === this.#options.protocol) return port !== this.#net.port
    const dst = this.#foreign.observe(op, value)
    if (dst === undefined) return false
    if (replaced) this.#schedule(true)
    const text = this.#foreign.get(dst)
    const { foreignRoutes } = this.#options.view
    if (text === undefined) foreignRoutes.delete(dst)
    else foreignRoutes.set(dst, text)
    return replaced === true
  }

  #onLost(): void {
    this.#schedule(true)
    this.#options.onSuspect()
  }

  /** Many events, a pod that starts has a dozen, become one reading. */
  #schedule(routes: boolean): void {
    this.#routesDue ||= routes
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#monitor !== undefined) this.#read()
    })
  }

  /** A reading that the kernel breaks off again and again (EINTR, ENOBUFS) is made once more, a little later. */
  #read(): void {
    try {
      this.#readLinks()
      if (this.#routesDue) this.#readRoutes()
    } catch {
      this.#routesDue = true
      setTimeout(() => this.#schedule(true), 200).unref()
    }
  }

  #readLinks(): void {
    const links = this.#net.links()
    const { view, onSuspect } = this.#options
    if (this.#epochs.replaceAll(links).some((name) => view.links.get(name) !== undefined)) onSuspect()
    const facts = linkFacts(links, this.#net.addresses(), (name) => this.#epochs.of(name))
    view.links.replaceAll(facts.map((fact) => [fact.name, fact]))
  }

  #readRoutes(): void {
    this.#foreign.replaceAll(this.#net.routes({ table: RT_TABLE_MAIN }))
    this.#routesDue = false
    this.#options.view.foreignRoutes.replaceAll(this.#foreign.entries())
  }
}

/** All links but the ports of bridges, with their addresses that are more than link-local. */
export function linkFacts(
  links: readonly Link[],
  addresses: readonly FoundAddress[],
  epochOf: (name: string) => number,
): LinkFact[] {
  const byDevice = new Map<string, string[]>()
  for (const { dev, address } of addresses) {
    if (/^fe[89ab][0-9a-f]:/i.test(address)) continue
    const known = byDevice.get(dev)
    if (known === undefined) byDevice.set(dev, [address])
    else known.push(address)
  }
  return links.flatMap(({ name, up, masterIndex }) => {
    const own = byDevice.get(name) ?? []
    const port = masterIndex !== undefined && own.length === 0
    return port ? [] : [{ name, up, addresses: own.sort(), epoch: epochOf(name) }]
  })
}
