import type { CIDR } from '../model/ip.ts'

/** How connections of pods are told from others: kube-proxy's detectLocalMode. Without a range of a family nothing counts as a pod there. */
export type DetectLocal =
  /** Sources in the cluster's pod CIDRs. */
  | { mode: 'ClusterCIDR' }
  /** Sources in this Node's spec.podCIDRs. */
  | { mode: 'NodeCIDR' }
  /** What comes from this bridge. */
  | { mode: 'BridgeInterface'; name: string }
  /** What comes from interfaces whose names begin so. */
  | { mode: 'InterfaceNamePrefix'; prefix: string }

/** What Services are told by flags and configuration. */
export interface ServiceConfig {
  nodeName: string
  /** Addresses of pods. */
  clusterCIDRs: readonly CIDR[]
  /** Addresses of Services, where the API has no ServiceCIDR objects. */
  serviceCIDRs: readonly CIDR[]
  /** `primary`: the Node's first address of a family; else all addresses of this node in these ranges. Never those of loopback. */
  nodePortAddresses: 'primary' | readonly CIDR[]
  /** Masquerade every connection to a ClusterIP. */
  masqueradeAll: boolean
  detectLocal: DetectLocal
}

/** What a flag that is not given stands for. */
export const defaultServiceConfig: Omit<ServiceConfig, 'nodeName'> = {
  clusterCIDRs: [],
  serviceCIDRs: [],
  nodePortAddresses: 'primary',
  masqueradeAll: false,
  detectLocal: { mode: 'ClusterCIDR' },
}
