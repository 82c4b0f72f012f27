/**
 * The fields of Kubernetes' objects that Weft reads or writes, as JSON carries them; nothing else of them is typed. Source: Kubernetes API reference,
 * core/v1, discovery.k8s.io/v1, meta/v1. Items of a list come without `apiVersion` and `kind`. Go writes an empty slice without `omitempty`
 * as null: where a real server was seen doing that, the type says so.
 */

export interface ObjectMeta {
  name: string
  namespace?: string
  uid?: string
  /** Opaque: compare for equality only. */
  resourceVersion?: string
  generation?: number
  /** RFC 3339, in whole seconds. */
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** What every object has in common; what a reflector can rely on before decoding. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export type IPFamily = 'IPv4' | 'IPv6'

export interface Service extends KubeObject {
  spec: ServiceSpec
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] }; conditions?: Condition[] }
}

export interface ServiceSpec {
  type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  /** `None` for a headless Service, `''` for ExternalName. */
  clusterIP?: string
  clusterIPs?: string[]
  ipFamilies?: IPFamily[]
  ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
  externalName?: string
  externalIPs?: string[]
  ports?: ServicePort[]
  selector?: Record<string, string>
  sessionAffinity?: 'None' | 'ClientIP'
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } }
  internalTrafficPolicy?: 'Cluster' | 'Local'
  externalTrafficPolicy?: 'Cluster' | 'Local'
  /** `PreferClose`, `PreferSameZone`, `PreferSameNode`; any other word is to be treated as absent. */
  trafficDistribution?: string
  healthCheckNodePort?: number
  publishNotReadyAddresses?: boolean
  loadBalancerIP?: string
  loadBalancerClass?: string
  loadBalancerSourceRanges?: string[]
  allocateLoadBalancerNodePorts?: boolean
}

export interface ServicePort {
  /** May be absent or `''` where the Service has one port only. */
  name?: string
  protocol?: Protocol
  port: number
  /** A number, or the name of a container's port. */
  targetPort?: number | string
  nodePort?: number
  appProtocol?: string
}

export interface LoadBalancerIngress {
  ip?: string
  hostname?: string
  /** Absent means `VIP`. */
  ipMode?: 'VIP' | 'Proxy'
  ports?: { port: number; protocol: Protocol; error?: string }[]
}

export interface EndpointSlice extends KubeObject {
  addressType: 'IPv4' | 'IPv6' | 'FQDN'
  /** null where there are none. */
  endpoints?: Endpoint[] | null
  /** null where there are none: then no port is served (or, headless without selector, any). */
  ports?: EndpointPort[] | null
}

export interface Endpoint {
  addresses: string[]
  conditions?: EndpointConditions
  hostname?: string
  nodeName?: string
  zone?: string
  hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] }
  targetRef?: { kind?: string; namespace?: string; name?: string; uid?: string }
}

/** Absent: `ready` and `serving` count as true (`serving` follows `ready`), `terminating` as false. */
export interface EndpointConditions {
  ready?: boolean | null
  serving?: boolean | null
  terminating?: boolean | null
}

export interface EndpointPort {
  name?: string | null
  protocol?: Protocol | null
  port?: number | null
  appProtocol?: string | null
}

export interface Node extends KubeObject {
  spec?: {
    podCIDR?: string
    podCIDRs?: string[]
    providerID?: string
    unschedulable?: boolean
    taints?: { key: string; value?: string; effect: string }[]
  }
  status?: {
    addresses?: NodeAddress[]
    conditions?: Condition[]
    nodeInfo?: Record<string, string>
  }
}

export interface NodeAddress {
  type: 'InternalIP' | 'ExternalIP' | 'Hostname' | 'InternalDNS' | 'ExternalDNS'
  address: string
}

export interface Pod extends KubeObject {
  spec: {
    nodeName?: string
    hostNetwork?: boolean
    hostname?: string
    subdomain?: string
    containers?: PodContainer[]
    initContainers?: PodContainer[]
  }
  status?: {
    phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
    podIP?: string
    podIPs?: { ip: string }[]
    hostIP?: string
    hostIPs?: { ip: string }[]
    conditions?: Condition[]
  }
}

export interface PodContainer {
  name: string
  ports?: { name?: string; containerPort: number; hostPort?: number; hostIP?: string; protocol?: Protocol }[]
}

export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastTransitionTime?: string
}

/** Body of every failed call, and the object of an ERROR event. meta/v1 Status. */
export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  status?: 'Success' | 'Failure'
  message?: string
  /** CamelCase word such as `NotFound`; a server may leave it out. */
  reason?: string
  code?: number
  details?: StatusDetails
  metadata?: { continue?: string; resourceVersion?: string }
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: { reason?: string; message?: string; field?: string }[]
  retryAfterSeconds?: number
}

/** One line of a watch stream. A BOOKMARK's object has nothing but `metadata.resourceVersion`; ERROR never gets this far (`ApiClient.watch` throws it). */
export interface WatchEvent<T = KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  object: T
}

/** `namespace/name`, or `name` for what has no namespace: the key of an object everywhere in Weft. */
export const objectKey = (metadata: Pick<ObjectMeta, 'name' | 'namespace'>): string =>
  metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name
