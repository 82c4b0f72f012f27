import { ObjectStore } from '../kube/store.ts'
import { sameSlice } from '../model/endpoint-changes.ts'
import type { EndpointSlice } from '../model/endpoints.ts'
import type { CIDR, Family } from '../model/ip.ts'
import { type Protocol, type Service, sameFamily } from '../model/services.ts'
import type { ServiceConfig } from './config.ts'
import type { ServiceNode } from './decode.ts'
import type { NodeFact } from './facts.ts'

export { decodeNode, decodeService, decodeServiceCIDR, decodeSlice, type ServiceNode } from './decode.ts'

/** What Services are planned from: trimmed, indexed objects and the node's own facts, of both families. No I/O. */
export interface ServiceView {
  /** Indexed by `address`: every ClusterIP, external and load-balancer address; by `nodePort` and `externalPort`. */
  services: ObjectStore<Service>
  /** Indexed by `service`: namespace/name of the Service. */
  slices: ObjectStore<EndpointSlice>
  /** Indexed by `address`. */
  nodes: ObjectStore<ServiceNode>
  /** The ranges of ServiceCIDR objects; empty where the API has none. */
  serviceCIDRs: ObjectStore<readonly CIDR[]>
  /** Indexed by `address` and `kind`. */
  facts: ObjectStore<NodeFact>
  config: ServiceConfig
}

/** Name of the slices' index. */
export const bySlicesService = 'service'
export const slicesServiceOf = (slice: EndpointSlice): readonly string[] => [[slice.namespace, slice.service].join('/')]

/** Name of the index of Services, Nodes and facts. */
export const byAddress = 'address'
export const byKind = 'kind'
/** Names of two more indexes of Services: by node port, and by the ports of those with external or load-balancer addresses. */
export const byNodePort = 'nodePort'
export const byExternalPort = 'externalPort'
export const portText = (port: number, protocol: Protocol): string => [port, protocol].join('/')

const nodePortsOf = ({ ports }: Service): readonly string[] =>
  ports.flatMap(({ nodePort, protocol }) => (nodePort === 0 ? [] : [portText(nodePort, protocol)]))
const externalPortsOf = ({ ports, externalIPs, loadBalancerIPs }: Service): readonly string[] =>
  externalIPs.length + loadBalancerIPs.length === 0 ? [] : ports.map(({ port, protocol }) => portText(port, protocol))

const addressesOf = (service: Service): readonly string[] =>
  service.externalIPs.length + service.loadBalancerIPs.length === 0
    ? service.clusterIPs
    : [...new Set([...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs])]

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
const sameCIDRs = (a: readonly CIDR[], b: readonly CIDR[]): boolean =>
  a.length === b.length && a.every((one, index) => one.network === b[index]?.network && one.length === b[index]?.length)

/** The stores, empty. Reflectors fill them with the decode functions, NodeFacts the facts; a test or benchmark does without either. */
export const makeServiceView = (config: ServiceConfig): ServiceView => ({
  services: new ObjectStore<Service>({
    equal: sameJson,
    indexes: { [byAddress]: addressesOf, [byNodePort]: nodePortsOf, [byExternalPort]: externalPortsOf },
  }),
  slices: new ObjectStore<EndpointSlice>({ equal: sameSlice, indexes: { [bySlicesService]: slicesServiceOf } }),
  nodes: new ObjectStore<ServiceNode>({ equal: sameJson, indexes: { [byAddress]: ({ addresses }) => addresses } }),
  serviceCIDRs: new ObjectStore<readonly CIDR[]>({ equal: sameCIDRs }),
  facts: new ObjectStore<NodeFact>({
    equal: sameJson,
    indexes: { [byAddress]: (fact) => ('address' in fact ? [fact.address] : []), [byKind]: ({ kind }) => [kind] },
  }),
  config,
})

/** This node's Node object. */
export const ownNode = ({ nodes, config }: ServiceView): ServiceNode | undefined => nodes.get(config.nodeName)

/** The node's own primary address of a family: where node ports are served (nodePortAddresses: primary). */
export const primaryAddress = (view: ServiceView, family: Family): string | undefined =>
  ownNode(view)?.addresses.find(sameFamily(family))

/** Ranges of ServiceCIDR objects, or else those of the flag. */
export function serviceCIDRsOf({ serviceCIDRs, config }: ServiceView): readonly CIDR[] {
  if (serviceCIDRs.size === 0) return config.serviceCIDRs
  const [first = [], ...others] = serviceCIDRs.values()
  return others.length === 0 ? first : [...first, ...others.flat()]
}
