import type { ObjectStore } from '../kube/store.ts'
import type { Node as ApiNode, Service as ApiService, EndpointSlice as ApiSlice } from '../kube/types.ts'
import type { EndpointSlice, SliceEndpoint } from '../model/endpoints.ts'
import { type CIDR, familyOf } from '../model/ip.ts'
import { type Service, serviceKey } from '../model/services.ts'

/** A Node, as far as Services need it. */
export interface NodeAddresses {
  name: string
  /** Addresses of type InternalIP, then those of type ExternalIP; the first of a family is the primary one. */
  addresses: readonly string[]
}

/** What Services are planned from: trimmed, indexed objects and the node's own facts. No I/O. */
export interface ServiceView {
  services: ObjectStore<Service>
  /** Indexed by `service`: namespace/name of the Service. */
  slices: ObjectStore<EndpointSlice>
  nodes: ObjectStore<NodeAddresses>
  nodeName: string
  /** Sources in here are pods: not masqueraded on their way to a ClusterIP. */
  clusterCIDRs: readonly CIDR[]
  serviceCIDRs: readonly CIDR[]
  /** The port of the agent's own API connection, which no node port may take. */
  apiPort: number | undefined
}

/** Name of the slices' index. */
export const bySlicesService = 'service'

export const slicesServiceOf = (slice: EndpointSlice): readonly string[] => [`${slice.namespace}/${slice.service}`]

const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'

/** Services that another proxy serves (label service.kubernetes.io/service-proxy-name) are not for us; nor are those without a ClusterIP. */
export function decodeService(raw: ApiService): { key: string; value: Service } | undefined {
  const { metadata, spec } = raw
  if (metadata.labels?.[proxyNameLabel] !== undefined || spec.type === 'ExternalName') return undefined
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  if (clusterIPs.length === 0 || clusterIPs[0] === 'None') return undefined
  const value: Service = {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
    type: spec.type ?? 'ClusterIP',
    clusterIPs,
    externalIPs: spec.externalIPs ?? [],
    loadBalancerIPs: (raw.status?.loadBalancer?.ingress ?? []).flatMap((ingress) =>
      ingress.ip !== undefined && ingress.ipMode !== 'Proxy' ? [ingress.ip] : [],
    ),
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      protocol: port.protocol ?? 'TCP',
      port: port.port,
      nodePort: port.nodePort ?? 0,
    })),
    sessionAffinity: spec.sessionAffinity ?? 'None',
    externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges ?? [],
  }
  return { key: serviceKey(value), value }
}

/** Slices of headless Services and of other proxies are not for us; a port without name stands for the Service's only port. */
export function decodeSlice(raw: ApiSlice): { key: string; value: EndpointSlice } | undefined {
  const labels = raw.metadata.labels ?? {}
  const service = labels['kubernetes.io/service-name']
  if (service === undefined || raw.addressType === 'FQDN') return undefined
  if (labels[proxyNameLabel] !== undefined || labels['service.kubernetes.io/headless'] !== undefined) return undefined
  const namespace = raw.metadata.namespace ?? ''
  const value: EndpointSlice = {
    namespace,
    name: raw.metadata.name,
    service,
    family: raw.addressType,
    ports: (raw.ports ?? []).flatMap((port) =>
      port.port ? [{ name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port }] : [],
    ),
    endpoints: (raw.endpoints ?? []).flatMap((endpoint): SliceEndpoint[] => {
      const address = endpoint.addresses[0]
      if (address === undefined) return []
      const ready = endpoint.conditions?.ready ?? true
      return [
        {
          address,
          ready,
          serving: endpoint.conditions?.serving ?? ready,
          terminating: endpoint.conditions?.terminating ?? false,
          nodeName: endpoint.nodeName ?? '',
        },
      ]
    }),
  }
  return { key: `${namespace}/${raw.metadata.name}`, value }
}

export function decodeNode(raw: ApiNode): { key: string; value: NodeAddresses } {
  const found = raw.status?.addresses ?? []
  const addresses = ['InternalIP', 'ExternalIP'].flatMap((type) => found.filter((address) => address.type === type))
  const value = { name: raw.metadata.name, addresses: addresses.map(({ address }) => address) }
  return { key: raw.metadata.name, value }
}

/** The node's own primary address of IPv4: where node ports are served (nodePortAddresses: primary). */
export function primaryIPv4(view: ServiceView): string | undefined {
  return view.nodes.get(view.nodeName)?.addresses.find((address) => familyOf(address) === 'IPv4')
}
