import type { Family } from './ip.ts'

/** Transport protocols that a Service port can have. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** What Weft keeps of a Service. Times are milliseconds since the epoch; addresses are in canonical spelling, of either family. */
export interface Service {
  namespace: string
  name: string
  createdMs: number
  type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  clusterIPs: readonly string[]
  externalIPs: readonly string[]
  /** status.loadBalancer.ingress[].ip whose ipMode is VIP or absent; "Proxy" ones are never translated. Empty unless the type is LoadBalancer. */
  loadBalancerIPs: readonly string[]
  ports: readonly ServicePort[]
  /** How long a client is kept with its endpoint (sessionAffinity ClientIP), in seconds; 0: not at all. */
  affinitySeconds: number
  externalTrafficPolicy: 'Cluster' | 'Local'
  internalTrafficPolicy: 'Cluster' | 'Local'
  /** As they stand in the object; service-table.ts reads them. */
  loadBalancerSourceRanges: readonly string[]
  /** Where a load balancer asks whether this node has endpoints; 0 where it does not. */
  healthCheckNodePort: number
}

export interface ServicePort {
  /** Empty where the Service has a single, unnamed port. */
  name: string
  protocol: Protocol
  port: number
  /** 0 where there is none. */
  nodePort: number
}

/** What a Service asks for and does not get: CamelCase reason as in an Event, and a sentence. */
export interface Finding {
  reason: string
  message: string
  /** It follows from objects and flags alone: every node says so, in the same words. */
  clusterWide?: boolean
}

export const serviceKey = (service: { namespace: string; name: string }): string =>
  [service.namespace, service.name].join('/')

/** What gets planned on its own: one port of one Service, `namespace/name:port-name`. */
export const servicePortKey = (service: string, portName: string): string => [service, portName].join(':')

/** The inverse of servicePortKey; undefined for a text that is none. */
export function parseServicePortKey(key: string): { service: string; portName: string } | undefined {
  const colon = key.indexOf(':')
  return colon > 0 && key.includes('/') ? { service: key.slice(0, colon), portName: key.slice(colon + 1) } : undefined
}

/** The Service of the API itself; its ClusterIP tells which CIDR is that of Services. */
export const apiService = 'default/kubernetes'

/** externalTrafficPolicy counts only where the Service can be reached from outside (ExternallyAccessible in k8s.io/kubernetes/pkg/api/v1/service). */
export const isExternal = ({ type, externalIPs }: Service): boolean =>
  type === 'NodePort' || type === 'LoadBalancer' || externalIPs.length > 0

/** `10.0.0.1:80/TCP`, `[fd00::1]:80/TCP`. */
export const addressText = (address: string, port: number, protocol: Protocol): string =>
  [address.includes(':') ? `[${address}]` : address, ':', port, '/', protocol].join('')

export const sameFamily =
  (family: Family) =>
  (address: string): boolean =>
    address.includes(':') === (family === 'IPv6')

/** Of two Services that ask for one thing, the one that gets it: the older, then the lesser name. */
export const isOlder = (a: Service, b: Service): boolean =>
  a.createdMs === b.createdMs ? serviceKey(a) < serviceKey(b) : a.createdMs < b.createdMs
