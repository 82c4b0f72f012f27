import { WeftError } from '../../model/error.ts'
import { type CIDR, type Family, formatCIDR } from '../../model/ip.ts'
import { checkLabName, netnsPrefix } from '../name.ts'
import { checkRanges, nodeMasks } from './check-ranges.ts'
import { parseRanges } from './families.ts'
import { type NetworkOptions, optionError } from './options.ts'
import { hostAddress, subnetText } from './ranges.ts'
import { zonesOf } from './zones.ts'

export type { NetworkOptions } from './options.ts'

/** Port of the API inside the lab, K3s' default. */
export const apiPort = 6443

/** A node as the topology sees it: a network namespace on the underlay. */
export interface PlannedNode {
  name: string
  addresses: string[]
  /** The ranges that it gets where nobody allocates them. */
  podCIDRs: string[]
  netns: string
  /** Its number on the underlay. */
  host: number
  /** Value of `topology.kubernetes.io/zone`. */
  zone: string
}

/** A namespace with its addresses, one a family. */
export interface Place {
  netns: string
  addresses: string[]
  /** Its number in its network. */
  host: number
}

/**
 * Addresses and namespaces of a lab. The underlay is one L2 segment that holds the API, the nodes and the router; behind the router lies the
 * outside, with the client. Every list has one entry a family, the primary family first.
 */
export interface TopologyPlan {
  lab: string
  families: Family[]
  clusterCIDRs: string[]
  serviceCIDRs: string[]
  underlayCIDRs: string[]
  /** Lengths of pod CIDRs. */
  nodeMasks: number[]
  underlay: string
  api: Place
  router: Place & { outside: string[] }
  client: Place
  nodes: PlannedNode[]
  /** Prefix lengths of the networks that hosts have addresses in. */
  lengths: { underlay: number[]; outside: number[] }
}

const maxNodes = 100
/** Numbers of hosts in their networks. */
const hosts = { router: 1, api: 2, client: 10, beforeNodes: 10 }

/**
 * Lays out a lab.
 *
 * @param nodes how many nodes, 1 to 100
 * @throws WeftError LAB_NAME_INVALID, LAB_NODES_INVALID, LAB_NETWORK_INVALID
 */
export function planTopology(lab: string, nodes: number, options: NetworkOptions = {}): TopologyPlan {
  const prefix = netnsPrefix(checkLabName(lab))
  const count = checkNodeCount(nodes)
  const { families, ranges } = parseRanges(options)
  checkRanges(ranges, hosts.beforeNodes + count, count)
  const masks = nodeMasks(ranges.cluster, options, count)
  const at = (cidrs: readonly CIDR[], host: number) => cidrs.map((cidr) => hostAddress(cidr, host))
  const place = (name: string, cidrs: readonly CIDR[], host: number): Place => {
    return { netns: `${prefix}${name}`, addresses: at(cidrs, host), host }
  }
  const names = Array.from({ length: count }, (_, i) => `${checkPrefix(options.nodePrefix ?? 'node')}${i + 1}`)
  const zones = zonesOf(names, options)
  return {
    lab,
    families,
    clusterCIDRs: ranges.cluster.map(formatCIDR),
    serviceCIDRs: ranges.service.map(formatCIDR),
    underlayCIDRs: ranges.underlay.map(formatCIDR),
    nodeMasks: masks,
    underlay: `${prefix}underlay`,
    api: place('api', ranges.underlay, hosts.api),
    router: { ...place('router', ranges.underlay, hosts.router), outside: at(ranges.outside, hosts.router) },
    client: place('client', ranges.outside, hosts.client),
    nodes: names.map((name, i) => ({
      ...place(name, ranges.underlay, hosts.beforeNodes + i + 1),
      name,
      podCIDRs: ranges.cluster.map((cidr, family) => subnetText(cidr, masks[family] as number, i)),
      zone: zones[i] as string,
    })),
    lengths: {
      underlay: ranges.underlay.map(({ length }) => length),
      outside: ranges.outside.map(({ length }) => length),
    },
  }
}

function checkNodeCount(nodes: number): number {
  if (Number.isInteger(nodes) && nodes >= 1 && nodes <= maxNodes) return nodes
  throw new WeftError(`a lab cannot have ${nodes} nodes`, {
    code: 'LAB_NODES_INVALID',
    fault: 'user',
    where: '--nodes',
    remedy: `give a number from 1 to ${maxNodes}`,
  })
}

/** Ports of the underlay's bridge are named after nodes, and a link's name has 15 characters at most (IFNAMSIZ). */
function checkPrefix(prefix: string): string {
  if (/^[a-z]([a-z0-9-]{0,10}[a-z-])?$/.test(prefix)) return prefix
  const remedy = 'use 1 to 12 lower-case letters, digits and "-", a letter first and no digit last, e.g. "lab-"'
  throw optionError('--node-prefix', `"${prefix}" cannot be the beginning of a node's name`, remedy)
}

/** All namespaces of a lab, in the order in which they are made. */
export const namespacesOf = (plan: TopologyPlan): string[] => [
  plan.underlay,
  plan.router.netns,
  plan.client.netns,
  plan.api.netns,
  ...plan.nodes.map((node) => node.netns),
]
