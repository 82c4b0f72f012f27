import type { LabNode } from '../state.ts'
import { macOf, neighbourLines } from './neighbours.ts'
import type { Place, TopologyPlan } from './plan.ts'

/** Lines for `ip -batch`, to be run in one namespace. */
export interface Batch {
  netns: string
  lines: string[]
}

/**
 * The links: a bridge without an address that joins everybody, and the router's leg to the client. Both ends of each
 * veth pair are made inside the lab, so that the host's own namespace never sees a link.
 */
export function linkBatches(plan: TopologyPlan): Batch[] {
  const ports = [
    { name: 'router', ...plan.router },
    { name: 'api', ...plan.api },
    ...plan.nodes.map(({ name, netns, host }) => ({ name, netns, host })),
  ]
  const bridge = ['link set lo up', 'link add br0 type bridge mcast_snooping 0', 'link set br0 up']
  const pairs = ports.flatMap(({ name, netns, host }) => [
    `link add ${name} type veth peer name eth0 address ${macOf(host)} netns ${netns}`,
    `link set ${name} master br0 up`,
  ])
  return [
    { netns: plan.underlay, lines: [...bridge, ...pairs] },
    { netns: plan.router.netns, lines: [`link add eth1 type veth peer name eth0 netns ${plan.client.netns}`] },
  ]
}

/** Addresses and routes of every namespace that has any. */
export function addressBatches(plan: TopologyPlan): Batch[] {
  const { router, api, client, nodes, lengths } = plan
  const onUnderlay = (place: Place): Batch => ({
    netns: place.netns,
    lines: [...hostLines(place.addresses, lengths.underlay, router.addresses), ...neighbourLines(plan, place)],
  })
  return [
    { netns: router.netns, lines: [...routerLines(plan), ...neighbourLines(plan, router)] },
    { netns: client.netns, lines: hostLines(client.addresses, lengths.outside, router.outside) },
    ...[api, ...nodes].map(onUnderlay),
  ]
}

const hostLines = (addresses: readonly string[], lengths: readonly number[], gateways: readonly string[]): string[] => [
  'link set lo up',
  ...addressLines(addresses, lengths, 'eth0'),
  'link set eth0 up',
  ...gateways.map((gateway) => `route add default via ${gateway} dev eth0`),
]

const addressLines = (addresses: readonly string[], lengths: readonly number[], device: string): string[] =>
  addresses.map((address, i) => `address add ${address}/${lengths[i]} dev ${device}`)

/** The service network goes to the first node, as a cluster's gateway may send it. */
function routerLines({ router, nodes, serviceCIDRs, lengths }: TopologyPlan): string[] {
  return [
    'link set lo up',
    ...addressLines(router.addresses, lengths.underlay, 'eth0'),
    ...addressLines(router.outside, lengths.outside, 'eth1'),
    'link set eth0 up',
    'link set eth1 up',
    ...serviceCIDRs.map((cidr, i) => `route add ${cidr} via ${nodes[0]?.addresses[i]}`),
  ]
}

/** The router's way to the pods of each node. `replace`, since a node that is made again has its route already. */
export function podRouteBatch(
  { router, families }: Pick<TopologyPlan, 'router' | 'families'>,
  nodes: readonly Pick<LabNode, 'addresses' | 'podCIDRs'>[],
): Batch {
  const routes = nodes.flatMap(({ addresses, podCIDRs }) =>
    families.map((_, i) => `route replace ${podCIDRs[i]} via ${addresses[i]}`),
  )
  return { netns: router.netns, lines: routes }
}
