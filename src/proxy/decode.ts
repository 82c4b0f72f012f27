import { LruMap } from '../kube/lru-map.ts'
import type {
  Node as ApiNode,
  Service as ApiService,
  EndpointSlice as ApiSlice,
  Endpoint,
  KubeObject,
} from '../kube/types.ts'
import { isSpecial } from '../model/infrastructure.ts'
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
/** Its longest (core/v1 MaxClientIPServiceAffinitySeconds): a day. */
const longestAffinitySeconds = 86_400
const none: readonly never[] = []

// What an API server checks itself is checked again here, since all of it becomes elements and comments of the kernel's tables: an object
// from elsewhere (an API without validation, one written around it) must not get stuck half-way.
const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
const isProtocol = (value: unknown): value is ServicePort['protocol'] =>
  value === 'TCP' || value === 'UDP' || value === 'SCTP'
/** Names of objects and ports: letters, digits and the marks between them (RFC 1123), 63 at most. */
const isName = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z0-9._-]{0,63}$/.test(value)

/** Services that another proxy serves (label service.kubernetes.io/service-proxy-name) are not for us; nor are those without a ClusterIP. */
export function decodeService(raw: ApiService): Decoded<Service> {
  const { metadata, spec } = raw
  if (metadata.labels?.[proxyNameLabel] !== undefined || spec.type === 'ExternalName') return undefined
  if (!isName(metadata.name) || !isName(metadata.namespace ?? '')) return undefined
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  if (clusterIPs.length === 0 || clusterIPs[0] === 'None') return undefined
  const type = spec.type === 'NodePort' || spec.type === 'LoadBalancer' ? spec.type : 'ClusterIP'
  const value: Service = {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
    type,
    clusterIPs: canonical(clusterIPs),
    externalIPs: canonical(spec.externalIPs ?? none),
    loadBalancerIPs: type === 'LoadBalancer' ? canonical(ingressIPs(raw)) : none,
    ports: decodePorts(spec.ports ?? none),
    affinitySeconds: affinitySecondsOf(spec),
    externalTrafficPolicy: spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    internalTrafficPolicy: spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    // What is no text stays an entry, which is no CIDR and lets nobody in: fewer entries would let in more.
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges?.map(String) ?? none,
    healthCheckNodePort: type === 'LoadBalancer' && isPort(spec.healthCheckNodePort) ? spec.healthCheckNodePort : 0,
  }
  return { key: serviceKey(value), value }
}

/** A port without a number or with an unknown protocol is left out, as is a second one of the same name. */
function decodePorts(ports: NonNullable<ApiService['spec']['ports']> | readonly never[]): readonly ServicePort[] {
  const decoded: ServicePort[] = []
  for (const { name: given, protocol: spoken, port, nodePort } of ports) {
    const name = given ?? ''
    const protocol = spoken ?? 'TCP'
    if (!isName(name) || !isPort(port) || !isProtocol(protocol) || decoded.some((one) => one.name === name)) continue
    decoded.push({ name, protocol, port, nodePort: isPort(nodePort) ? nodePort : 0 })
  }
  if (decoded.some(({ nodePort }) => nodePort !== 0)) return exact(decoded)
  return knownServicePorts.use(JSON.stringify(decoded), () => exact(decoded))
}

/** Without node ports, most Services have the ports of many others: one array serves them all. */
const knownServicePorts = new LruMap<readonly ServicePort[]>(1000)

function affinitySecondsOf({ sessionAffinity, sessionAffinityConfig }: ApiService['spec']): number {
  if (sessionAffinity !== 'ClientIP') return 0
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  const isValid = Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= longestAffinitySeconds
  return isValid ? Number(seconds) : defaultAffinitySeconds
}

/** Only what is known to be the Service itself: as kube-proxy has it, no mode but VIP, be it one that is yet to come. */
const ingressIPs = ({ status }: ApiService): string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip !== undefined && ip !== '' && (ipMode ?? 'VIP') === 'VIP' ? [ip] : [],
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
  if (service === undefined || (family !== 'IPv4' && family !== 'IPv6')) return undefined
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
  const decoded = (ports ?? []).flatMap(({ name, protocol, port }) => {
    const spoken = protocol ?? 'TCP'
    return isPort(port) && isProtocol(spoken) ? [{ name: name ?? '', protocol: spoken, port }] : []
  })
  return knownPorts.use(JSON.stringify(decoded), () => exact(decoded))
}

/** An array that grew has room for more; what is kept for long should have none. */
const exact = <T>(array: readonly T[]): readonly T[] => array.slice()

function decodeEndpoint(
  { addresses, conditions, nodeName, hints }: Endpoint,
  family: Family,
): SliceEndpoint | undefined {
  const address = canonicalIP(addresses[0] ?? '')
  // Nobody is sent to this node's loopback, nor to what a link-local address means to it (a cloud's metadata).
  if (address === undefined || familyOf(address) !== family || isSpecial(address)) return undefined
  const ready = conditions?.ready !== false
  const terminating = conditions?.terminating === true
  const endpoint: SliceEndpoint = {
    address,
    ready,
    serving: typeof conditions?.serving === 'boolean' ? conditions.serving : ready,
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
  const podCIDRs = (spec?.podCIDRs ?? [spec?.podCIDR]).filter(
    (text) => typeof text === 'string' && text !== '',
  ) as string[]
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
