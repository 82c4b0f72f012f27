import { readFileSync } from 'node:fs'
import { listeningPorts, listeningPortsGently } from '../kernel/listeners.ts'
import { routeProtocols } from '../kernel/names.ts'
import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import { RT_TABLE_MAIN } from '../kernel/rtnetlink/constants.ts'
import { KernelRouteNetlink } from '../kernel/rtnetlink/kernel.ts'
import { type NetworkEvent, NetworkMonitor } from '../kernel/rtnetlink/monitor.ts'
import type { Route } from '../kernel/rtnetlink/types.ts'
import { configuredSshdPorts } from '../kernel/sshd-config.ts'
import { canonicalIP, formatIPv4, parseIPv4 } from '../model/ip.ts'
import { factKey, type NodeFact } from './facts.ts'
import { askKernel, isTunnel, type TunnelFact, tunnelFacts } from './tunnels.ts'
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
  #fixed: readonly NodeFact[]
  /** What takes a walk through files. */
  #slow: readonly NodeFact[] = []
  /** A listing of all links, with those of pods: only where one of them may be another tunnel. */
  #tunnels: readonly TunnelFact[] = []
  #tunnelsAreKnown = false

  constructor(options: NodeFactsOptions) {
    this.#options = options
    this.#fixed = options.fixed ?? []
    this.#net = new KernelRouteNetlink(options.namespace)
  }

  /** Reads everything once. @throws KernelError */
  read(): void {
    this.#tunnelsAreKnown = false
    this.#slow = [...nameServers(), ...sshd(listeningPorts('sshd'))]
    this.#readKernel()
  }

  /** What `fixed` was is this now. */
  setFixed(facts: readonly NodeFact[]): void {
    this.#fixed = facts
    this.#schedule()
  }

  /** Follows the kernel from now on, and reads everything once. @throws KernelError */
  start(): void {
    const { namespace } = this.#options
    this.#monitor = new NetworkMonitor({
      watch: ['links', 'addresses', 'routes'],
      onEvents: (events) => {
        if (events.some((event) => event.object === 'link' && isTunnel(event.value))) this.#tunnelsAreKnown = false
        if (events.some((event) => this.#matters(event))) this.#schedule()
      },
      onLost: () => {
        this.#tunnelsAreKnown = false
        this.#schedule()
      },
      ...(namespace !== undefined && { namespace }),
    })
    this.#timer = setInterval(() => void this.#lookAgain(), lookAgainMs)
    this.#timer.unref()
    this.read()
  }

  close(): void {
    this.#monitor?.close()
    this.#monitor = undefined
    clearInterval(this.#timer)
  }

  async #lookAgain(): Promise<void> {
    const ports = await listeningPortsGently('sshd')
    this.#slow = [...nameServers(), ...sshd(ports)]
    // Nobody is told of another listen port of a WireGuard device.
    this.#tunnelsAreKnown = false
    this.#schedule()
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
    if (!this.#tunnelsAreKnown) this.#tunnels = this.#readTunnels()
    this.#tunnelsAreKnown = true
    const facts = [...this.#fixed, ...this.#addresses(), ...this.#gateways(), ...this.#tunnels, ...this.#slow]
    this.#options.view.facts.replaceAll(facts.map((fact) => [factKey(fact), fact]))
  }

  #readTunnels(): TunnelFact[] {
    const listenPort = askKernel(this.#options.namespace)
    return tunnelFacts({ links: this.#net.links(), before: this.#tunnels, listenPort })
  }

  /** Not the link-local ones: each pod's interface has one, and no Service gets any of them. */
  #addresses(): NodeFact[] {
    return this.#net.addresses().flatMap(({ dev, address }): NodeFact[] => {
      if (isLinkLocal(address)) return []
      const own: NodeFact = { kind: 'address', address: address.slice(0, address.indexOf('/')), device: dev }
      return [own, ...broadcasts(address).map((one): NodeFact => ({ kind: 'broadcast', address: one, device: dev }))]
    })
  }

  #gateways(): NodeFact[] {
    const hops = new Set(this.#net.routes({ table: RT_TABLE_MAIN }).flatMap(hopsOf))
    return Array.from(hops, (address) => ({ kind: 'gateway', address }))
  }

  /** Of routes other than the default one only those that lead to somebody new: a routing daemon changes thousands. A gateway that nothing leads to goes with the next look. */
  #matters(event: NetworkEvent): boolean {
    if (event.object === 'link') return isTunnel(event.value)
    if (event.object === 'address') return !isLinkLocal(event.value.address)
    if (event.object !== 'route') return false
    const { facts } = this.#options.view
    const isKnown = (address: string): boolean => facts.get(factKey({ kind: 'gateway', address })) !== undefined
    return isDefault(event.value) || (event.op === 'new' && hopsOf(event.value).some((hop) => !isKnown(hop)))
  }
}

const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address)

/** Of a network with more than two addresses, RFC 3021; IPv6 has no broadcast. */
function broadcasts(cidr: string): string[] {
  const [text = '', length = ''] = cidr.split('/')
  const address = parseIPv4(text)
  const hosts = 2 ** (32 - Number(length))
  if (address === undefined || hosts < 4) return []
  const network = address - (address % hosts)
  return [network, network + hosts - 1].map(formatIPv4)
}

/** Who is asked to pass packets on. The routes of our own pod network lead to nodes, which are known as such. */
function hopsOf({ via, nextHops, protocol }: Route): string[] {
  if (protocol === routeProtocols.fabric) return []
  return [via, ...(nextHops ?? []).map((hop) => hop.via)].filter((hop) => hop !== undefined)
}

const isDefault = ({ dst }: Route): boolean => dst === '0.0.0.0/0' || dst === '::/0'

/** resolv.conf(5); and where that names a resolver on this node, those that it asks in turn (systemd-resolved(8), NetworkManager.conf(5) rc-manager). */
const resolvConfs = [
  '/etc/resolv.conf',
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-resolv.conf',
] as const

function nameServers(): NodeFact[] {
  const found = resolvConfs.flatMap((path) => nameServersIn(textOf(path)))
  return Array.from(new Set(found), (address) => ({ kind: 'name-server', address }))
}

/** Addresses of the lines `nameserver`, in canonical spelling. */
export const nameServersIn = (text: string): string[] =>
  [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, found]) => canonicalIP(found ?? '') ?? [])

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const sshd = (listening: readonly number[]): NodeFact[] =>
  Array.from(new Set([...listening, ...configuredSshdPorts()]), (port) => ({ kind: 'sshd', port }))
