import { type CIDR, familyOf, parseAddress } from './ip.ts'
import { anyContains } from './ranges.ts'
import { addressText, type Finding, isOlder, type Protocol, type Service, sameFamily, serviceKey } from './services.ts'

/** A port by which people and control planes reach a node. No Service takes it away from a node's address (promise 1). */
export interface ManagementPort {
  protocol: Protocol
  port: number
  why: string
  /** Known of this node only. */
  ofNode?: true
}

/** Ports that are never given away on a node's address, whatever the objects say. */
export const managementPorts: readonly ManagementPort[] = [
  { protocol: 'TCP', port: 22, why: 'sshd' },
  { protocol: 'TCP', port: 2379, why: 'etcd' },
  { protocol: 'TCP', port: 2380, why: 'etcd' },
  { protocol: 'TCP', port: 6443, why: 'Kubernetes API' },
  { protocol: 'TCP', port: 9345, why: 'the supervisor of RKE2' },
  { protocol: 'TCP', port: 10250, why: 'kubelet' },
]

/** The addresses and ports by which this cluster and its nodes are reached and managed, as far as they are known now. */
export interface Infrastructure {
  /** Addresses in here are ClusterIPs, whoever else claims them. */
  readonly serviceCIDRs: readonly CIDR[]
  /** Addresses in here are pods', and those by which nodes reach them. */
  readonly clusterCIDRs: readonly CIDR[]
  /** Name of the Node whose InternalIP or ExternalIP it is. */
  nodeWith(address: string): string | undefined
  /** Name of a device of this node that has it. */
  deviceWith(address: string): string | undefined
  isGateway(address: string): boolean
  /** The broadcast address of a network of this node, or the network's own. */
  isBroadcast(address: string): boolean
  /** Does this node ask it for names? */
  isNameServer(address: string): boolean
  /** Ports at which the API answers there. */
  apiPortsAt(address: string): readonly number[]
  /** managementPorts, what sshd listens on here, the port of the agent's own API connection, and UDP ports of this node's tunnels. */
  readonly managementPorts: readonly ManagementPort[]
  /** Ports at which the API answers at addresses of this node. */
  readonly ownApiPorts: readonly number[]
  /** Whether this node asks one of its own addresses for names, other than loopback, where no node port is served. */
  readonly isOwnNameServer: boolean
  /** This node's own addresses, as its Node object has them. */
  readonly nodeAddresses: readonly string[]
  /** Services that ask for this node port, and those that ask for an address of a Node with this port; claims of both kinds meet there. */
  nodePortServices(port: number, protocol: Protocol): Iterable<Service>
  externalServices(port: number, protocol: Protocol): Iterable<Service>
}

/** DNS, and DNS over TLS. */
export const namePorts: ReadonlySet<number> = new Set([53, 853])

/**
 * Why a Service does not get this address and port (promise 1): somebody who is no Service is reached there. undefined: nothing against it. Every other port of
 * an address that is refused, and of one that is not, keeps its meaning: exactly the Service's ports are translated.
 */
export function whyNotTaken(
  infrastructure: Infrastructure,
  address: string,
  port: number,
  protocol: Protocol,
): Finding | undefined {
  const at = addressText(address, port, protocol)
  const refuse = (reason: string, why: string, clusterWide: boolean): Finding => ({
    reason,
    message: `${at} is not translated: ${why}`,
    clusterWide,
  })
  if (isSpecial(address)) return refuse('AddressIsSpecial', `${address} has a meaning of its own on every host`, true)
  if (infrastructure.isBroadcast(address)) {
    return refuse('AddressIsBroadcast', `${address} means all hosts of a network that this node is in`, false)
  }
  if (inServiceCIDR(infrastructure, address)) {
    return refuse('AddressInServiceCIDR', `${address} is in the service CIDR, whose addresses are ClusterIPs`, true)
  }
  if (protocol === 'TCP' && infrastructure.apiPortsAt(address).includes(port)) {
    return refuse('AddressIsAPI', 'the Kubernetes API is reached there', true)
  }
  const holder = holderOf(infrastructure, address)
  const taken = infrastructure.managementPorts.find((one) => one.port === port && one.protocol === protocol)
  if (holder !== undefined && taken !== undefined) {
    const why = `${address} is ${holder.words}, and ${protocol} port ${port} is ${taken.why}`
    return refuse('AddressIsManagementPort', why, !holder.ofNode && taken.ofNode === undefined)
  }
  if (infrastructure.isNameServer(address) && (namePorts.has(port) || taken !== undefined)) {
    return refuse('AddressIsNameServer', `this node asks ${address} for names`, false)
  }
  if (infrastructure.isGateway(address) && holder === undefined) {
    return refuse('AddressIsGateway', `${address} is a gateway of this node`, false)
  }
  return undefined
}

/**
 * Why an external or load-balancer address is not this Service's: a pod has it, or the bridge or tunnel of a node, which no Node object tells. Not asked of ClusterIPs: the flag may
 * be wider than the pods' range is.
 */
export function whyPodKeeps(
  { clusterCIDRs }: Pick<Infrastructure, 'clusterCIDRs'>,
  address: string,
  port: number,
  protocol: Protocol,
): Finding | undefined {
  const parsed = parseAddress(address)
  if (parsed === undefined || !anyContains(clusterCIDRs, parsed)) return undefined
  const message = `${addressText(address, port, protocol)} is not translated: ${address} is in the cluster CIDR, whose addresses are pods'`
  return { reason: 'AddressInClusterCIDR', message, clusterWide: true }
}

/**
 * Why an address of a Node and a port are not this Service's: an older one has the port as node port. The other way round the older one has the address, and the node port is
 * not served there: see takenFromNodePort.
 */
export function whyNodePortStays(
  infrastructure: Infrastructure,
  service: Service,
  address: string,
  port: number,
  protocol: Protocol,
): Finding | undefined {
  const holder = holderOf(infrastructure, address)
  if (holder === undefined) return undefined
  // A node port is served in the families of which its Service has an address.
  const rivals = [...infrastructure.nodePortServices(port, protocol)].filter(({ clusterIPs }) =>
    clusterIPs.some(sameFamily(familyOf(address))),
  )
  const older = oldestBefore(service, rivals)
  if (older === undefined) return undefined
  const message = `${addressText(address, port, protocol)} is not translated: it is a node port of ${serviceKey(older)}, which is older`
  return { reason: 'AddressIsNodePort', message, clusterWide: !holder.ofNode }
}

/** Where a node port is not served, because an older Service has that port of this node's address. */
export function takenFromNodePort(
  { nodeAddresses, externalServices }: Pick<Infrastructure, 'nodeAddresses' | 'externalServices'>,
  service: Service,
  nodePort: number,
  protocol: Protocol,
): Finding | undefined {
  for (const address of nodeAddresses) {
    const others = [...externalServices(nodePort, protocol)].filter(({ externalIPs, loadBalancerIPs }) =>
      [...externalIPs, ...loadBalancerIPs].includes(address),
    )
    const older = oldestBefore(service, others)
    if (older === undefined) continue
    const message = `node port ${nodePort}/${protocol} is not served at ${address}: that is an address of ${serviceKey(older)}, which is older`
    return { reason: 'NodePortTakenHere', message }
  }
  return undefined
}

function oldestBefore(service: Service, others: Iterable<Service>): Service | undefined {
  let oldest: Service | undefined
  for (const other of others) {
    if (serviceKey(other) !== serviceKey(service) && isOlder(other, oldest ?? service)) oldest = other
  }
  return oldest
}

/** Whose address it is, if it is a node's or an API server's; and whether this node alone knows that. */
function holderOf(infrastructure: Infrastructure, address: string): { words: string; ofNode: boolean } | undefined {
  const node = infrastructure.nodeWith(address)
  if (node !== undefined) return { words: `an address of node ${node}`, ofNode: false }
  const device = infrastructure.deviceWith(address)
  if (device !== undefined) return { words: `an address of ${device} on this node`, ofNode: true }
  const isAPI = infrastructure.apiPortsAt(address).length > 0
  return isAPI ? { words: 'an address of the Kubernetes API', ofNode: false } : undefined
}

export function inServiceCIDR({ serviceCIDRs }: Infrastructure, address: string): boolean {
  const parsed = parseAddress(address)
  return parsed !== undefined && anyContains(serviceCIDRs, parsed)
}

/** Why a node port is not served: it is the node's own, or it is the API's or the names' here. */
export function whyNotNodePort(
  infrastructure: Infrastructure,
  nodePort: number,
  protocol: Protocol,
): Finding | undefined {
  const taken = infrastructure.managementPorts.find((one) => one.port === nodePort && one.protocol === protocol)
  const refuse = (reason: string, why: string, clusterWide: boolean): Finding => ({
    reason,
    message: `node port ${nodePort}/${protocol} is ${why}; it stays the node's own`,
    clusterWide,
  })
  if (taken !== undefined) return refuse('NodePortIsManagementPort', taken.why, taken.ofNode === undefined)
  if (protocol === 'TCP' && infrastructure.ownApiPorts.includes(nodePort)) {
    return refuse('NodePortIsAPI', 'where the Kubernetes API is reached on this node', false)
  }
  if (protocol !== 'SCTP' && namePorts.has(nodePort) && infrastructure.isOwnNameServer) {
    return refuse('NodePortIsNameServer', 'where this node asks itself for names', false)
  }
  return undefined
}

/** Unspecified, loopback, link-local, multicast and broadcast addresses (RFC 6890, RFC 4291); IPv4 ones in IPv6 spelling are as special. */
export const isSpecial = (address: string): boolean =>
  /^(0\.|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.255\.255\.255$)/.test(address) ||
  /^(::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:|::ffff:)/.test(address)
