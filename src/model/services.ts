/** Transport protocols that a Service port can have. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** What Weft keeps of a Service. Times are milliseconds since the epoch. */
export interface Service {
  namespace: string
  name: string
  createdMs: number
  type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  clusterIPs: readonly string[]
  externalIPs: readonly string[]
  /** status.loadBalancer.ingress[].ip whose ipMode is VIP or absent; "Proxy" ones are never translated. */
  loadBalancerIPs: readonly string[]
  ports: readonly ServicePort[]
  sessionAffinity: 'None' | 'ClientIP'
  externalTrafficPolicy: 'Cluster' | 'Local'
  internalTrafficPolicy: 'Cluster' | 'Local'
  loadBalancerSourceRanges: readonly string[]
}

export interface ServicePort {
  /** Empty where the Service has a single, unnamed port. */
  name: string
  protocol: Protocol
  port: number
  /** 0 where there is none. */
  nodePort: number
}

export const serviceKey = (service: { namespace: string; name: string }): string =>
  `${service.namespace}/${service.name}`

/** What gets planned on its own: one port of one Service, `namespace/name:port-name`. */
export const servicePortKey = (service: string, portName: string): string => `${service}:${portName}`

/** The inverse of servicePortKey; undefined for a text that is none. */
export function parseServicePortKey(key: string): { service: string; portName: string } | undefined {
  const colon = key.indexOf(':')
  return colon > 0 && key.includes('/') ? { service: key.slice(0, colon), portName: key.slice(colon + 1) } : undefined
}
