import type { Flow } from '../../kernel/conntrack/types.ts'
import { type CIDR, cidrContains, parseAddress, parseCIDR } from '../../model/ip.ts'
import type { KnownItems } from '../../reconcile/types.ts'
import { listOf } from './number.ts'
import { sizeClasses } from './sizes.ts'

/** What a new packet to the flow's original destination would meet: a Service, or nothing of ours. */
interface Target {
  /** `services` or `nodeports`, whose key leads there. */
  kind: 'services' | 'nodeports'
  list: number
}

/**
 * Judges UDP flows by what is wanted now: would a new packet of the same client be sent the same way? What it learns of lists and CIDRs is kept for its lifetime,
 * so take a new one whenever the event loop has run.
 */
export class FlowJudge {
  readonly #known: KnownItems
  readonly #isServing: (flow: Flow) => boolean
  readonly #endpoints = new Map<number, ReadonlySet<string>>()
  #serviceCIDRs: CIDR[] | undefined

  /** @param isServing whether the flow's endpoint serves on, though nothing new is sent to it: who speaks with it may finish */
  constructor(known: KnownItems, isServing: (flow: Flow) => boolean = () => false) {
    this.#known = known
    this.#isServing = isServing
  }

  /**
   * A flow that nobody would be sent along any more: to an address that has come to a Service while the flow goes untranslated, to an endpoint that has left, or
   * to an address of the service CIDR that no Service has. A flow that others translate, or nobody, is never stale.
   *
   * @param released that the flow's destination was a Service's until just now, which only whoever saw it leave can know
   */
  isStale(flow: Flow, released: boolean): boolean {
    const target = this.#targetOf(flow)
    if (target === undefined) return flow.status.dnat && (released || this.#inServiceCIDR(flow))
    // An endpoint in the node's own network may have the Service's very address and port: to the kernel that is no translation (nf_nat_setup_info).
    if (this.#endpointsOf(target.list).has(`${flow.reply.source} . ${flow.reply.sourcePort}`)) return false
    return flow.status.dnat ? !this.#isServing(flow) : !this.#isProtected(flow)
  }

  /** Whether the destination is an address on which node ports are served. */
  onNodePortAddress({ original }: Pick<Flow, 'original'>): boolean {
    return this.#known.get('nodeport_addrs', original.destination) !== undefined
  }

  /** The kind of item that serves the flow's destination now. */
  servedBy(flow: Pick<Flow, 'original'>): 'services' | 'nodeports' | undefined {
    return this.#targetOf(flow)?.kind
  }

  #targetOf(flow: Pick<Flow, 'original'>): Target | undefined {
    const { destination, destinationPort } = flow.original
    const service = this.#known.get('services', `${destination} . udp . ${destinationPort}`)
    if (service !== undefined) return { kind: 'services', list: listOf(service.value) }
    if (!this.onNodePortAddress(flow)) return undefined
    const nodePort = this.#known.get('nodeports', `udp . ${destinationPort}`)
    return nodePort === undefined ? undefined : { kind: 'nodeports', list: listOf(nodePort.value) }
  }

  #isProtected({ original }: Flow): boolean {
    return this.#known.get('protected', `${original.destination} . udp . ${original.destinationPort}`) !== undefined
  }

  #inServiceCIDR({ original }: Flow): boolean {
    this.#serviceCIDRs ??= [...this.#known.ofKind('service_cidrs')].flatMap(({ key }) => parseCIDR(key) ?? [])
    const address = parseAddress(original.destination)
    return address !== undefined && this.#serviceCIDRs.some((cidr) => cidrContains(cidr, address))
  }

  /** Endpoints of the list, and of the list of this node's own that stands beside it, as `address . port`. */
  #endpointsOf(list: number): ReadonlySet<string> {
    const found = this.#endpoints.get(list)
    if (found !== undefined) return found
    const endpoints = new Set<string>()
    for (const kind of ['lists', 'local_lists']) {
      const size = this.#known.get(kind, String(list))
      if (size !== undefined) this.#addEndpoints(Number(size.value), endpoints)
    }
    this.#endpoints.set(list, endpoints)
    return endpoints
  }

  /** The value of a list: its number, and the code of its size (src/proxy/nftables/number.ts); 0xff holds no endpoint, 0x80 more means affinity. */
  #addEndpoints(value: number, endpoints: Set<string>): void {
    const list = listOf(String(value))
    const code = (value >>> 20) & 0xff
    const slots = sizeClasses[(code & 0x7f) - 1] ?? 0
    for (let slot = 0; slot < slots; slot++) {
      const key = `${list} . ${slot}`
      const pinned = code > 0x80 ? this.#known.get('sticky_slots', key) : undefined
      const endpoint =
        pinned === undefined ? this.#known.get('endpoints', key) : this.#known.get('sticky_ends', pinned.value)
      if (endpoint !== undefined) endpoints.add(endpoint.value)
    }
  }
}
