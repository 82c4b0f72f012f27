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

/**
 * What a link is given once it is switched on, and again each time: with a link that is switched off Linux forgets its IPv6 addresses, routes and neighbours. Done twice
 * it changes nothing.
 */
export interface LinkSetup extends Batch {
  link: string
}

/** Addresses, routes and neighbours of all links that have any. */
export function linkSetups(plan: TopologyPlan): LinkSetup[] {
  const { router, api, client, nodes, lengths } = plan
  const onUnderlay = (place: Place): LinkSetup => ({
    netns: place.netns,
    link: 'eth0',
    lines: [...hostLines(place.addresses, lengths.underlay, router.addresses), ...neighbourLines(plan, place)],
  })
  return [
    { netns: router.netns, link: 'eth0', lines: [...routerLines(plan), ...neighbourLines(plan, router)] },
    { netns: router.netns, link: 'eth1', lines: addressLines(router.outside, lengths.outside, 'eth1') },
    { netns: client.netns, link: 'eth0', lines: hostLines(client.addresses, lengths.outside, router.outside) },
    ...[api, ...nodes].map(onUnderlay),
  ]
}

/** Switches the links of each namespace on and gives them what they have. */
export function setupBatches(setups: readonly LinkSetup[]): Batch[] {
  const lines = new Map<string, string[]>()
  for (const setup of setups) {
    const before = lines.get(setup.netns) ?? ['link set lo up']
    lines.set(setup.netns, [...before, `link set ${setup.link} up`, ...setup.lines])
  }
  return [...lines].map(([netns, all]) => ({ netns, lines: all }))
}

const hostLines = (addresses: readonly string[], lengths: readonly number[], gateways: readonly string[]): string[] => [
  ...addressLines(addresses, lengths, 'eth0'),
  ...gateways.map((gateway) => `route replace default via ${gateway} dev eth0`),
]

const addressLines = (addresses: readonly string[], lengths: readonly number[], device: string): string[] =>
  addresses.map((address, i) => `address replace ${address}/${lengths[i]} dev ${device}`)

/** The service network goes to the first node, as a cluster's gateway may send it. */
function routerLines({ router, nodes, serviceCIDRs, lengths }: TopologyPlan): string[] {
  return [
    ...addressLines(router.addresses, lengths.underlay, 'eth0'),
    ...serviceCIDRs.map((cidr, i) => `route replace ${cidr} via ${nodes[0]?.addresses[i]}`),
  ]
}

/** The router's way to the pods of each node. `replace`, since a node that is made again has its route already. */
export function podRoutes(
  { router, families }: Pick<TopologyPlan, 'router' | 'families'>,
  nodes: readonly Pick<LabNode, 'addresses' | 'podCIDRs'>[],
): LinkSetup {
  const routes = nodes.flatMap(({ addresses, podCIDRs }) =>
    families.map((_, i) => `route replace ${podCIDRs[i]} via ${addresses[i]}`),
  )
  return { netns: router.netns, link: 'eth0', lines: routes }
}
