import type { Service, ServicePort } from '../../kube/types.ts'
import { choose, type NamedEndpoint } from './endpoints.ts'
import { askingPods, type Origins, type PodOrigin } from './origins.ts'

/** One port of a Service at one of its cluster IPs, with all that is needed to say what it should do. */
export interface ServiceTarget {
  service: Service
  port: ServicePort
  protocol: 'TCP' | 'UDP'
  clusterIP: string
  /** `namespace/name:port`, without an address. */
  name: string
  endpoints: readonly NamedEndpoint[]
  origins: Origins
}

/** Cluster IPs of a Service, one a family; none for ExternalName. */
export const clusterIPsOf = (service: Service): string[] =>
  (service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']).filter((address) => address !== '')

/** Pods to ask this target from. */
export const podsAsking = ({ endpoints, origins }: ServiceTarget): PodOrigin[] =>
  askingPods(origins, new Set(choose(endpoints).chosen.flatMap(({ pod }) => pod ?? [])))
