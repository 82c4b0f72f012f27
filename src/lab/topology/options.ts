import { WeftError } from '../../model/error.ts'
import type { Family } from '../../model/ip.ts'

/** What of a lab's network the user may choose; ranges as on the command line, one a family, separated by a comma. */
export interface NetworkOptions {
  /** IPv4 alone if absent. */
  stack?: 'dual-stack' | 'ipv6'
  clusterCIDR?: string
  serviceCIDR?: string
  underlayCIDR?: string
  /** Lengths of pod CIDRs, as the flags of kube-controller-manager: the first for one family alone, the others by family. */
  nodeCIDRMaskSize?: number
  nodeCIDRMaskSizeIPv4?: number
  nodeCIDRMaskSizeIPv6?: number
  /** Dealt to the nodes in turn; absent: each node has its own. */
  zones?: readonly string[]
  /** `NODE=ZONE`, goes before `zones`. */
  nodeZones?: readonly string[]
  /** Beginning of the nodes' names; `node` if absent. */
  nodePrefix?: string
}

/** What is to be had without any option. IPv6 ranges of pods and Services are K3s' own; the outside is documentation space (RFC 5737, RFC 3849). */
export const defaultRanges: Readonly<Record<RangeName, Readonly<Record<Family, string>>>> = {
  cluster: { IPv4: '10.42.0.0/16', IPv6: 'fd00:42::/56' },
  service: { IPv4: '10.43.0.0/16', IPv6: 'fd00:43::/112' },
  underlay: { IPv4: '172.30.0.0/24', IPv6: 'fd00:30::/64' },
  outside: { IPv4: '198.51.100.0/24', IPv6: '2001:db8::/64' },
}

export type RangeName = 'cluster' | 'service' | 'underlay' | 'outside'

/** The flag that says a range; the outside has none. */
export const flagOf: Readonly<Record<RangeName, string>> = {
  cluster: '--cluster-cidr',
  service: '--service-cidr',
  underlay: '--underlay-cidr',
  outside: "the lab's outside network",
}

/** A mistake in an option. */
export const optionError = (flag: string, message: string, remedy: string): WeftError =>
  new WeftError(message, { code: 'LAB_NETWORK_INVALID', fault: 'user', where: flag, remedy })
