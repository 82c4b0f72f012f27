import { WeftError } from '../../model/error.ts'
import { checkLabName, netnsPrefix } from '../name.ts'

/** Pod network of every lab. */
export const clusterCIDR = '10.42.0.0/16'
/** Service network of every lab. */
export const serviceCIDR = '10.43.0.0/16'
/** Port of the API inside the lab, K3s' default. */
export const apiPort = 6443

/** A node as the topology sees it: a network namespace on the underlay. */
export interface PlannedNode {
  name: string
  address: string
  podCIDR: string
  netns: string
  /** Value of `topology.kubernetes.io/zone`. */
  zone: string
}

/** A namespace with one address. */
export interface Place {
  netns: string
  address: string
}

/**
 * Addresses and namespaces of a lab. The underlay is one L2 segment, 172.30.0.0/24, that holds the API, the nodes and the
 * router; behind the router lies the outside, 198.51.100.0/24 (TEST-NET-2, RFC 5737), with the client.
 */
export interface TopologyPlan {
  lab: string
  underlay: string
  api: Place
  router: Place & { outside: string }
  client: Place
  nodes: PlannedNode[]
}

const maxNodes = 100

/**
 * Lays out a lab.
 *
 * @param nodes how many nodes, 1 to 100
 * @throws WeftError LAB_NAME_INVALID, LAB_NODES_INVALID
 */
export function planTopology(lab: string, nodes: number): TopologyPlan {
  const prefix = netnsPrefix(checkLabName(lab))
  return {
    lab,
    underlay: `${prefix}underlay`,
    api: { netns: `${prefix}api`, address: '172.30.0.2' },
    router: { netns: `${prefix}router`, address: '172.30.0.1', outside: '198.51.100.1' },
    client: { netns: `${prefix}client`, address: '198.51.100.10' },
    nodes: Array.from({ length: checkNodeCount(nodes) }, (_, i) => planNode(prefix, i + 1)),
  }
}

function planNode(prefix: string, number: number): PlannedNode {
  const name = `node${number}`
  return {
    name,
    address: `172.30.0.${10 + number}`,
    podCIDR: `10.42.${number - 1}.0/24`,
    netns: `${prefix}${name}`,
    zone: `z${number}`,
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

/** All namespaces of a lab, in the order in which they are made. */
export const namespacesOf = (plan: TopologyPlan): string[] => [
  plan.underlay,
  plan.router.netns,
  plan.client.netns,
  plan.api.netns,
  ...plan.nodes.map((node) => node.netns),
]
