import { type CIDR, cidrContains, type Family, formatCIDR, parseAddress, parseCIDR } from '../model/ip.ts'
import { anyContains } from '../model/ranges.ts'
import { apiService, type Finding, sameFamily } from '../model/services.ts'
import {
  byAddress,
  byKind,
  bySlicesService,
  ownNode,
  primaryAddress,
  type ServiceView,
  serviceCIDRsOf,
} from './view.ts'

/** What the node as a whole says about Services in one family, for whatever mode. */
export interface NodeEntry {
  /** What counts as a pod's: sources, and interfaces (a trailing `*` stands for the rest of the name). */
  podSources: readonly CIDR[]
  podInterfaces: readonly string[]
  /** What keeps its source on the way to a ClusterIP; everything else is masqueraded. */
  plainSources: readonly CIDR[]
  plainInterfaces: readonly string[]
  /** Where node ports are served. */
  nodePortAddresses: readonly string[]
  refusals: readonly Finding[]
}

const everything: Readonly<Record<Family, CIDR>> = {
  IPv4: { family: 'IPv4', network: 0n, length: 0 },
  IPv6: { family: 'IPv6', network: 0n, length: 0 },
}

export function nodeEntry(view: ServiceView, family: Family): NodeEntry {
  const { detectLocal, masqueradeAll, clusterCIDRs } = view.config
  const ofFamily = (cidrs: readonly CIDR[]): readonly CIDR[] => cidrs.filter((cidr) => cidr.family === family)
  const podCIDRs = ofFamily((ownNode(view)?.podCIDRs ?? []).flatMap((text) => parseCIDR(text) ?? []))
  const { mode } = detectLocal
  const byRange = mode === 'ClusterCIDR' ? ofFamily(clusterCIDRs) : mode === 'NodeCIDR' ? podCIDRs : []
  const interfaces =
    mode === 'BridgeInterface' ? [detectLocal.name] : mode === 'InterfaceNamePrefix' ? [`${detectLocal.prefix}*`] : []
  const detects = byRange.length + interfaces.length > 0
  const nodePorts = nodePortAddresses(view, family)
  // Between two pods of one bridge postrouting sees no input interface, so that their addresses have to speak for them.
  const plain = detects ? [...byRange, ...(interfaces.length > 0 ? podCIDRs : [])] : [everything[family]]
  return {
    podSources: byRange,
    podInterfaces: interfaces,
    plainSources: masqueradeAll ? [] : plain,
    plainInterfaces: masqueradeAll ? [] : interfaces,
    nodePortAddresses: nodePorts,
    refusals: nodePorts.length === 0 ? [noAddress(view, family)] : [],
  }
}

/** As kube-proxy has it: where no range is of this family, all of its addresses. Loopback and link-local ones never serve node ports. */
function nodePortAddresses(view: ServiceView, family: Family): string[] {
  const { nodePortAddresses: wanted } = view.config
  if (wanted === 'primary') {
    const primary = primaryAddress(view, family)
    return primary === undefined ? [] : [primary]
  }
  const ranges = wanted.filter((cidr) => cidr.family === family)
  const own = view.facts.byIndex(byKind, 'address').flatMap((fact) => (fact.kind === 'address' ? [fact.address] : []))
  const inside = own.filter(sameFamily(family)).filter((address) => {
    const parsed = parseAddress(address)
    if (parsed === undefined || /^(127\.|169\.254\.|::1$|fe[89ab][0-9a-f]:)/.test(address)) return false
    return ranges.length === 0 || anyContains(ranges, parsed)
  })
  return [...new Set(inside)].toSorted()
}

function noAddress(view: ServiceView, family: Family): Finding {
  const { nodeName, nodePortAddresses: wanted } = view.config
  const node = ownNode(view)
  if (node !== undefined && wanted !== 'primary') {
    const message = `no address of this node is in --nodeport-addresses: node ports are not served here over ${family}`
    return { reason: 'NodePortAddressMissing', message }
  }
  const why = node ? `Node ${nodeName} has no ${family} address` : `there is no Node ${nodeName} (--node-name)`
  return {
    reason: node ? 'NodeAddressMissing' : 'NodeUnknown',
    message: `${why}: node ports are not served here, and no endpoint counts as this node's`,
  }
}

/** Service CIDRs whose unused addresses are dropped. */
export interface ServiceCIDREntry {
  cidrs: readonly CIDR[]
  refusals: readonly Finding[]
}

/**
 * Only where the API's own ClusterIP shows that this is the service CIDR, or a flag left at its default would cut off whoever really has those addresses
 * (promise 1). The API says so itself where it has ServiceCIDR objects. Nor where nodes, a device of this one, a gateway, a name server or the API have addresses in it.
 */
export function serviceCIDREntry(view: ServiceView, family: Family): ServiceCIDREntry {
  const { cidrs, refusals } = shownServiceCIDRs(view, family)
  const free = cidrs.map((cidr) => ({ cidr, inside: someoneIn(view, cidr) }))
  const covers = free.flatMap(({ cidr, inside }): Finding[] => {
    if (inside === undefined) return []
    const message = `the service CIDR ${formatCIDR(cidr)} holds ${inside}: unused addresses there are not dropped`
    return [{ reason: 'ServiceCIDRCoversNodes', message }]
  })
  return {
    cidrs: free.flatMap(({ cidr, inside }) => (inside === undefined ? [cidr] : [])),
    refusals: [...refusals, ...covers],
  }
}

/**
 * In words: an address in the range by which nodes live, and that is no ClusterIP. Dropped, it would take nodes, names or the API from this one. That a Service asks for it from outside
 * changes nothing: there it is refused.
 */
function someoneIn(view: ServiceView, cidr: CIDR): string | undefined {
  const isClusterIP = (address: string): boolean =>
    view.services.byIndex(byAddress, address).some(({ clusterIPs }) => clusterIPs.includes(address))
  const isInside = (address: string): boolean => {
    const parsed = parseAddress(address)
    return parsed !== undefined && cidrContains(cidr, parsed) && !isClusterIP(address)
  }
  for (const { name, addresses } of view.nodes.values()) {
    const address = addresses.find(isInside)
    if (address !== undefined) return `${address} of node ${name}`
  }
  for (const kind of ['gateway', 'name-server', 'api'] as const) {
    for (const fact of view.facts.byIndex(byKind, kind)) {
      if ('address' in fact && isInside(fact.address)) return `${fact.address}, a ${words[kind]} of this node`
    }
  }
  // Who has an address there has neighbours there, as a rule.
  for (const fact of view.facts.byIndex(byKind, 'address')) {
    if (fact.kind === 'address' && isInside(fact.address)) return `${fact.address} of ${fact.device} on this node`
  }
  for (const slice of view.slices.byIndex(bySlicesService, apiService)) {
    const address = slice.endpoints.map((endpoint) => endpoint.address).find(isInside)
    if (address !== undefined) return `${address}, where the API is`
  }
  return undefined
}

const words = { gateway: 'gateway', 'name-server': 'name server', api: 'API server' } as const

function shownServiceCIDRs(view: ServiceView, family: Family): ServiceCIDREntry {
  const cidrs = serviceCIDRsOf(view).filter((cidr) => cidr.family === family)
  if (cidrs.length === 0 || view.serviceCIDRs.size > 0) return { cidrs, refusals: [] }
  const clusterIPs = view.services.get(apiService)?.clusterIPs
  const api = clusterIPs?.map(parseAddress).find((address) => address?.family === family)
  if (api === undefined) {
    // The API's Service has one family; where the flag is right in that one, it is taken to be so in the other.
    const right = clusterIPs?.map(parseAddress).some((one) => one && anyContains(view.config.serviceCIDRs, one))
    return { cidrs: right ? cidrs : [], refusals: [] }
  }
  const known = cidrs.filter((cidr) => cidrContains(cidr, api))
  if (known.length > 0) return { cidrs: known, refusals: [] }
  const message = `${apiService} has ${clusterIPs?.find(sameFamily(family))}, which is outside of --service-cidr: unused addresses there are not dropped`
  return { cidrs: [], refusals: [{ reason: 'ServiceCIDRMismatch', message }] }
}
