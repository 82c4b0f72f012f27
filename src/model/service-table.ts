import { type Backends, type EndpointSlice, selectBackends, type Viewpoint } from './endpoints.ts'
import {
  type Infrastructure,
  inServiceCIDR,
  takenFromNodePort,
  whyNodePortStays,
  whyNotNodePort,
  whyNotTaken,
  whyPodKeeps,
} from './infrastructure.ts'
import { type CIDR, type Family, parseAddress, parseCIDR } from './ip.ts'
import { type AddressRange, isEverything, joinRanges, mergeRanges, rangesContain } from './ranges.ts'
import {
  addressText,
  apiService,
  type Finding,
  isExternal,
  type Protocol,
  type Service,
  type ServicePort,
  sameFamily,
  serviceKey,
} from './services.ts'

/**
 * The mode-neutral service table: where the ports of Services are reached in one family, and where that leads. What a mode puts into the kernel follows from it; which
 * address may be taken at all is decided here, once for all modes.
 */
export interface ServiceEntry {
  addresses: readonly ServiceAddress[]
  /** What it asks for and does not get. */
  refusals: readonly Finding[]
  /** How long a client stays with its endpoint, in seconds; 0: not at all. Over all addresses of the Service port alike. */
  affinitySeconds: number
}

export type AddressKind = 'ClusterIP' | 'NodePort' | 'ExternalIP' | 'LoadBalancerIP'

/** One address, protocol and port of a Service port. */
export interface ServiceAddress {
  kind: AddressKind
  /** Canonical; empty for a node port, which is served on whatever addresses the node serves node ports. */
  address: string
  protocol: Protocol
  port: number
  /**
   * Local: this node's endpoints only, with the source kept; dropped where there are none here and some elsewhere. Of an external address that goes for clients outside: pods
   * and the node itself reach all endpoints, as with Cluster.
   */
  policy: 'Cluster' | 'Local'
  /** Meant for clients outside of the cluster: whoever comes is masqueraded, unless the policy is Local. */
  external: boolean
  /** The clients that may use it; absent: everybody. Empty: nobody. */
  sources?: readonly AddressRange[]
  /** Two Services may ask for it: the oldest has it, whole. */
  claim: string
}

/** What one port of a Service is reached by. */
export function serviceEntry(
  service: Service,
  port: ServicePort,
  family: Family,
  infrastructure: Infrastructure,
): ServiceEntry {
  const refusals: Finding[] = []
  // Without a ClusterIP of the family the Service has no part in it: no endpoints, and so nothing to take an address for.
  if (!service.clusterIPs.some(sameFamily(family))) return { addresses: [], refusals, affinitySeconds: 0 }
  const addresses = [
    ...clusterAddress(service, port, family, infrastructure, refusals),
    ...nodePort(service, port, infrastructure, refusals),
    ...loadBalancerAddresses(service, port, family, infrastructure, refusals),
    ...externalAddresses(service, port, family, infrastructure, refusals),
  ]
  return { addresses: withoutRepeats(addresses), refusals, affinitySeconds: service.affinitySeconds }
}

/** The endpoints of one port of a Service, as this node sees them. */
export const serviceBackends = (
  slices: Iterable<EndpointSlice>,
  port: ServicePort,
  family: Family,
  from: Viewpoint,
): Backends => selectBackends(ofFamily(slices, family), port, from)

function* ofFamily(slices: Iterable<EndpointSlice>, family: Family): Generator<EndpointSlice> {
  for (const slice of slices) if (slice.family === family) yield slice
}

const claimOf = (address: string, { port, protocol }: ServicePort): string =>
  ['address', addressText(address, port, protocol)].join(' ')

function* clusterAddress(
  service: Service,
  port: ServicePort,
  family: Family,
  infrastructure: Infrastructure,
  refusals: Finding[],
): Generator<ServiceAddress> {
  const address = service.clusterIPs.find(sameFamily(family))
  if (address === undefined) return
  // Inside of the service CIDR a ClusterIP is under no suspicion, nor is that of the API.
  if (!inServiceCIDR(infrastructure, address) && serviceKey(service) !== apiService) {
    const finding = whyNotTaken(infrastructure, address, port.port, port.protocol) ?? ofNode(infrastructure, address)
    if (finding !== undefined) {
      refusals.push(finding)
      return
    }
  }
  const { protocol } = port
  const policy = service.internalTrafficPolicy
  yield {
    kind: 'ClusterIP',
    address,
    protocol,
    port: port.port,
    policy,
    external: false,
    claim: claimOf(address, port),
  }
}

/** A ClusterIP answers on all its ports, refusing those that are not served: no node's address can be one. */
function ofNode(infrastructure: Infrastructure, address: string): Finding | undefined {
  const node = infrastructure.nodeWith(address) ?? infrastructure.deviceWith(address)
  if (node === undefined) return undefined
  return { reason: 'ClusterIPIsNodeAddress', message: `ClusterIP ${address} is an address of node ${node}` }
}

function* nodePort(
  service: Service,
  { nodePort, protocol }: ServicePort,
  infrastructure: Infrastructure,
  refusals: Finding[],
): Generator<ServiceAddress> {
  if (nodePort === 0) return
  const finding = whyNotNodePort(infrastructure, nodePort, protocol)
  if (finding !== undefined) {
    refusals.push(finding)
    return
  }
  const taken = takenFromNodePort(infrastructure, service, nodePort, protocol)
  if (taken !== undefined) refusals.push(taken)
  const policy = service.externalTrafficPolicy
  const claim = `node port ${nodePort}/${protocol}`
  yield { kind: 'NodePort', address: '', protocol, port: nodePort, policy, external: true, claim }
}

function* externalAddresses(
  service: Service,
  port: ServicePort,
  family: Family,
  infrastructure: Infrastructure,
  refusals: Finding[],
): Generator<ServiceAddress> {
  for (const address of service.externalIPs.filter(sameFamily(family))) {
    const finding = whyNotOutside(infrastructure, service, port, address)
    if (finding === undefined) yield outside('ExternalIP', service, port, address)
    else refusals.push(finding)
  }
}

function* loadBalancerAddresses(
  service: Service,
  port: ServicePort,
  family: Family,
  infrastructure: Infrastructure,
  refusals: Finding[],
): Generator<ServiceAddress> {
  const addresses = service.loadBalancerIPs.filter(sameFamily(family))
  if (addresses.length === 0) return
  const allowed = sourceRanges(service, family, refusals)
  for (const address of addresses) {
    const finding = whyNotOutside(infrastructure, service, port, address)
    if (finding !== undefined) {
      refusals.push(finding)
      continue
    }
    const one = outside('LoadBalancerIP', service, port, address)
    yield allowed === undefined ? one : { ...one, sources: withSelf(allowed, address, infrastructure) }
  }
}

const whyNotOutside = (
  infrastructure: Infrastructure,
  service: Service,
  { port, protocol }: ServicePort,
  address: string,
): Finding | undefined =>
  whyNotTaken(infrastructure, address, port, protocol) ??
  whyPodKeeps(infrastructure, address, port, protocol) ??
  whyNodePortStays(infrastructure, service, address, port, protocol)

const outside = (kind: AddressKind, service: Service, port: ServicePort, address: string): ServiceAddress => ({
  kind,
  address,
  protocol: port.protocol,
  port: port.port,
  policy: isExternal(service) ? service.externalTrafficPolicy : 'Cluster',
  external: true,
  claim: claimOf(address, port),
})

/**
 * loadBalancerSourceRanges of this family; undefined: no restriction. Where there are ranges and none of this family, nobody is let in: kube-proxy lets in everybody then,
 * which is the opposite of what a list of allowed clients says.
 */
function sourceRanges(service: Service, family: Family, refusals: Finding[]): readonly AddressRange[] | undefined {
  if (service.loadBalancerSourceRanges.length === 0) return undefined
  const { texts, bad, ranges } = readRanges(service.loadBalancerSourceRanges)
  if (texts === 0) return undefined
  if (bad.length > 0) {
    const message = `loadBalancerSourceRanges: "${bad.join('", "')}" is no CIDR and lets nobody in`
    refusals.push({ reason: 'SourceRangeInvalid', message, clusterWide: true })
  }
  const own = ranges[family]
  if (isEverything(own)) return undefined
  if (own.length === 0 && bad.length < texts) {
    const message = `loadBalancerSourceRanges has no ${family} range: over ${family} nobody is let in to the load balancer's address`
    refusals.push({ reason: 'SourceRangesOfOtherFamily', message, clusterWide: true })
  }
  return own
}

interface ReadRanges {
  /** How many there are that are not empty. */
  texts: number
  bad: readonly string[]
  ranges: Readonly<Record<Family, readonly AddressRange[]>>
}

/** A Service is planned again with each of its endpoints, and there may be tens of thousands of ranges: a list is read once. */
const known = new WeakMap<readonly string[], ReadRanges>()

function readRanges(list: readonly string[]): ReadRanges {
  const found = known.get(list)
  if (found !== undefined) return found
  const texts = list.map((text) => text.trim()).filter((text) => text !== '')
  const cidrs = texts.map(parseCIDR)
  const good = (family: Family): CIDR[] => cidrs.filter((cidr) => cidr?.family === family) as CIDR[]
  const read: ReadRanges = {
    texts: texts.length,
    bad: texts.filter((_, index) => cidrs[index] === undefined),
    ranges: { IPv4: mergeRanges(good('IPv4')), IPv6: mergeRanges(good('IPv6')) },
  }
  known.set(list, read)
  return read
}

/** A node inside the ranges that has the address itself sends from it. */
function withSelf(
  allowed: readonly AddressRange[],
  address: string,
  { nodeAddresses }: Infrastructure,
): readonly AddressRange[] {
  const isAllowed = (text: string): boolean => {
    const parsed = parseAddress(text)
    return parsed !== undefined && rangesContain(allowed, parsed)
  }
  if (isAllowed(address) || !nodeAddresses.some(isAllowed)) return allowed
  const self = parseCIDR(address)
  return self === undefined ? allowed : joinRanges([...allowed, ...mergeRanges([self])])
}

/** The same address twice (an external IP that is the load balancer's too): the first counts, which is the one with source ranges. */
function withoutRepeats(addresses: readonly ServiceAddress[]): readonly ServiceAddress[] {
  if (addresses.length < 2) return addresses
  const seen = new Set<string>()
  return addresses.filter(({ claim }) => !seen.has(claim) && seen.add(claim))
}
