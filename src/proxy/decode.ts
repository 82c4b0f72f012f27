import { LruMap } from '../kube/lru-map.ts'
import type {
  Node as ApiNode,
  Service as ApiService,
  EndpointSlice as ApiSlice,
  Endpoint,
  KubeObject,
} from '../kube/types.ts'
import type { EndpointSlice, SliceEndpoint } from '../model/endpoints.ts'
import { type CIDR, canonicalIP, type Family, familyOf, parseCIDR } from '../model/ip.ts'
import { type Service, type ServicePort, serviceKey } from '../model/services.ts'

/** A Node, as far as Services need it. */
export interface ServiceNode {
  name: string
  /** Addresses of type InternalIP, then those of type ExternalIP, in canonical spelling; the first of a family is the primary one. */
  addresses: readonly string[]
  /** Label topology.kubernetes.io/zone. */
  zone?: string
  /** spec.podCIDRs. */
  podCIDRs?: readonly string[]
}

/** Object → key and value; undefined for what is not for us. */
export type Decoded<T> = { key: string; value: T } | undefined

const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'
/** ServiceAffinity's default timeout (core/v1 DefaultClientIPServiceAffinitySeconds). */
const defaultAffinitySeconds = 10_800
const none: readonly never[] = []

/** Services that another proxy serves (label service.kubernetes.io/service-proxy-name) are not for us; nor are those without a ClusterIP. */
export function decodeService(raw: ApiService): Decoded<Service> {
  const { metadata, spec } = raw
  if (metadata.labels?.[proxyNameLabel] !== undefined || spec.type === 'ExternalName') return undefined
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  if (clusterIPs.length === 0 || clusterIPs[0] === 'None') return undefined
  const type = spec.type ?? 'ClusterIP'
  const value: Service = {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
    type,
    clusterIPs: canonical(clusterIPs),
    externalIPs: canonical(spec.externalIPs ?? none),
    loadBalancerIPs: type === 'LoadBalancer' ? canonical(ingressIPs(raw)) : none,
    ports: (spec.ports ?? []).map(decodePort),
    affinitySeconds: affinitySecondsOf(spec),
    externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges ?? none,
    healthCheckNodePort: type === 'LoadBalancer' ? (spec.healthCheckNodePort ?? 0) : 0,
  }
  return { key: serviceKey(value), value }
}

const decodePort = (port: NonNullable<ApiService['spec']['ports']>[number]): ServicePort => ({
  name: port.name ?? '',
  protocol: port.protocol ?? 'TCP',
  port: port.port,
  nodePort: port.nodePort ?? 0,
})

function affinitySecondsOf({ sessionAffinity, sessionAffinityConfig }: ApiService['spec']): number {
  if (sessionAffinity !== 'ClientIP') return 0
  return sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds
}

const ingressIPs = ({ status }: ApiService): string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip !== undefined && ip !== '' && ipMode !== 'Proxy' ? [ip] : [],
  )

/** Old objects may have leading zeros in an address; what is no address is left out. */
function canonical(texts: readonly string[]): readonly string[] {
  if (texts.length === 0) return none
  return exact(texts.flatMap((text) => canonicalIP(text) ?? none))
}

/** Slices of headless Services and of other proxies are not for us; a port without name stands for the Service's only port. */
export function decodeSlice(raw: ApiSlice): Decoded<EndpointSlice> {
  const labels = raw.metadata.labels ?? {}
  const service = labels['kubernetes.io/service-name']
  const family = raw.addressType
  if (service === undefined || family === 'FQDN') return undefined
  if (labels[proxyNameLabel] !== undefined || labels['service.kubernetes.io/headless'] !== undefined) return undefined
  const namespace = raw.metadata.namespace ?? ''
  const value: EndpointSlice = {
    namespace,
    name: raw.metadata.name,
    service,
    family,
    ports: decodeSlicePorts(raw),
    endpoints: exact((raw.endpoints ?? []).flatMap((endpoint) => decodeEndpoint(endpoint, family) ?? [])),
  }
  return { key: [namespace, raw.metadata.name].join('/'), value }
}

/** Most slices have the ports of many others: one array serves them all. */
const knownPorts = new LruMap<EndpointSlice['ports']>(1000)

function decodeSlicePorts({ ports }: ApiSlice): EndpointSlice['ports'] {
  const decoded = (ports ?? []).flatMap(({ name, protocol, port }) =>
    port ? [{ name: name ?? '', protocol: protocol ?? 'TCP', port }] : [],
  )
  return knownPorts.use(JSON.stringify(decoded), () => exact(decoded))
}

/** An array that grew has room for more; what is kept for long should have none. */
const exact = <T>(array: readonly T[]): readonly T[] => array.slice()

function decodeEndpoint(
  { addresses, conditions, nodeName, hints }: Endpoint,
  family: Family,
): SliceEndpoint | undefined {
  const address = canonicalIP(addresses[0] ?? '')
  if (address === undefined || familyOf(address) !== family) return undefined
  const ready = conditions?.ready ?? true
  const terminating = conditions?.terminating ?? false
  const endpoint: SliceEndpoint = {
    address,
    ready,
    serving: conditions?.serving ?? ready,
    terminating,
    nodeName: nodeName ?? '',
  }
  const zones = hints?.forZones ?? none
  const nodes = hints?.forNodes ?? none
  if (zones.length > 0 || nodes.length > 0) endpoint.hints = { zones: zones.map(nameOf), nodes: nodes.map(nameOf) }
  return endpoint
}

const nameOf = ({ name }: { name: string }): string => name

export function decodeNode({ metadata, spec, status }: ApiNode): { key: string; value: ServiceNode } {
  const found = status?.addresses ?? []
  const addresses = ['InternalIP', 'ExternalIP'].flatMap((type) => found.filter((address) => address.type === type))
  const zone = metadata.labels?.['topology.kubernetes.io/zone']
  const podCIDRs = spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : none)
  const value: ServiceNode = {
    name: metadata.name,
    addresses: canonical(addresses.map(({ address }) => address)),
    ...(zone !== undefined && zone !== '' && { zone }),
    ...(podCIDRs.length > 0 && { podCIDRs }),
  }
  return { key: metadata.name, value }
}

/** A ServiceCIDR object of networking.k8s.io/v1: its ranges. */
export function decodeServiceCIDR(raw: KubeObject & { spec?: { cidrs?: string[] } }): Decoded<readonly CIDR[]> {
  const cidrs = (raw.spec?.cidrs ?? []).flatMap((text) => parseCIDR(text) ?? none)
  return cidrs.length === 0 ? undefined : { key: raw.metadata.name, value: cidrs }
}
