import { readFileSync } from 'node:fs'
import { listeningPorts } from '../kernel/listeners.ts'
import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import { RT_TABLE_MAIN } from '../kernel/rtnetlink/constants.ts'
import { KernelRouteNetlink } from '../kernel/rtnetlink/kernel.ts'
import { type NetworkEvent, NetworkMonitor } from '../kernel/rtnetlink/monitor.ts'
import type { Route } from '../kernel/rtnetlink/types.ts'
import { canonicalIP } from '../model/ip.ts'
import { factKey, type NodeFact } from './facts.ts'
import type { ServiceView } from './view.ts'

export interface NodeFactsOptions {
  view: Pick<ServiceView, 'facts'>
  /** Facts that whoever made the API connection knows: where it goes. */
  fixed?: readonly NodeFact[]
  /** The process's own if absent. */
  namespace?: NetworkNamespace
}

/** Files and sockets tell nobody that they changed. */
const lookAgainMs = 30_000

/** Fills the view's facts from the kernel, resolv.conf and listening sockets, and keeps them so. */
export class NodeFacts {
  readonly #options: NodeFactsOptions
  readonly #net: KernelRouteNetlink
  #monitor: NetworkMonitor | undefined
  #timer: NodeJS.Timeout | undefined
  #scheduled = false
  /** What takes a walk through files. */
  #slow: readonly NodeFact[] = []

  constructor(options: NodeFactsOptions) {
    this.#options = options
    this.#net = new KernelRouteNetlink(options.namespace)
  }

  /** Reads everything once. @throws KernelError */
  read(): void {
    this.#slow = [...nameServers(), ...sshd()]
    this.#readKernel()
  }

  /** Follows the kernel from now on, and reads everything once. @throws KernelError */
  start(): void {
    const { namespace } = this.#options
    this.#monitor = new NetworkMonitor({
      watch: ['addresses', 'routes'],
      onEvents: (events) => {
        if (events.some(matters)) this.#schedule()
      },
      onLost: () => this.#schedule(),
      ...(namespace !== undefined && { namespace }),
    })
    this.#timer = setInterval(() => {
      this.#slow = [...nameServers(), ...sshd()]
      this.#schedule()
    }, lookAgainMs)
    this.#timer.unref()
    this.read()
  }

  close(): void {
    this.#monitor?.close()
    this.#monitor = undefined
    clearInterval(this.#timer)
  }

  /** Many events become one reading. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#readLater()
    })
  }

  /** A reading that the kernel breaks off is made again with the next round; until then the last one stands. */
  #readLater(): void {
    if (this.#monitor === undefined) return
    try {
      this.#readKernel()
    } catch {
      setTimeout(() => this.#schedule(), 200).unref()
    }
  }

  #readKernel(): void {
    const facts = [...(this.#options.fixed ?? []), ...this.#addresses(), ...this.#gateways(), ...this.#slow]
    this.#options.view.facts.replaceAll(facts.map((fact) => [factKey(fact), fact]))
  }

  /** Not the link-local ones: each pod's interface has one, and no Service gets any of them. */
  #addresses(): NodeFact[] {
    return this.#net.addresses().flatMap(({ dev, address }): NodeFact[] => {
      if (isLinkLocal(address)) return []
      return [{ kind: 'address', address: address.slice(0, address.indexOf('/')), device: dev }]
    })
  }

  #gateways(): NodeFact[] {
    const routes = this.#net.routes({ table: RT_TABLE_MAIN }).filter(isDefault)
    const hops = routes.flatMap(({ via, nextHops }) => [via, ...(nextHops ?? []).map((hop) => hop.via)])
    return hops.flatMap((address) => (address === undefined ? [] : [{ kind: 'gateway', address }]))
  }
}

const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address)

const matters = (event: NetworkEvent): boolean =>
  event.object === 'address' ? !isLinkLocal(event.value.address) : event.object === 'route' && isDefault(event.value)

const isDefault = ({ dst }: Route): boolean => dst === '0.0.0.0/0' || dst === '::/0'

/** resolv.conf(5). */
function nameServers(): NodeFact[] {
  let text = ''
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    return []
  }
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, found]): NodeFact[] => {
    const address = canonicalIP(found ?? '')
    return address === undefined ? [] : [{ kind: 'name-server', address }]
  })
}

const sshd = (): NodeFact[] => listeningPorts('sshd').map((port) => ({ kind: 'sshd', port }))
