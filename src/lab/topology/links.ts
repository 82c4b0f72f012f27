import { serviceCIDR, type TopologyPlan } from './plan.ts'

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
    { name: 'router', netns: plan.router.netns },
    { name: 'api', netns: plan.api.netns },
    ...plan.nodes.map(({ name, netns }) => ({ name, netns })),
  ]
  const bridge = ['link set lo up', 'link add br0 type bridge mcast_snooping 0', 'link set br0 up']
  const pairs = ports.flatMap(({ name, netns }) => [
    `link add ${name} type veth peer name eth0 netns ${netns}`,
    `link set ${name} master br0 up`,
  ])
  return [
    { netns: plan.underlay, lines: [...bridge, ...pairs] },
    { netns: plan.router.netns, lines: [`link add eth1 type veth peer name eth0 netns ${plan.client.netns}`] },
  ]
}

/** Addresses and routes of every namespace that has any. */
export function addressBatches(plan: TopologyPlan): Batch[] {
  const { router, api, client, nodes } = plan
  return [
    { netns: router.netns, lines: routerLines(plan) },
    { netns: client.netns, lines: hostLines(client.address, router.outside) },
    { netns: api.netns, lines: hostLines(api.address, router.address) },
    ...nodes.map((node) => ({ netns: node.netns, lines: hostLines(node.address, router.address) })),
  ]
}

const hostLines = (address: string, gateway: string): string[] => [
  'link set lo up',
  `address add ${address}/24 dev eth0`,
  'link set eth0 up',
  `route add default via ${gateway}`,
]

/** The router knows each node's pods, and sends the service network to the first node, as a cluster's gateway may. */
function routerLines({ router, nodes }: TopologyPlan): string[] {
  const first = nodes[0]?.address
  return [
    'link set lo up',
    `address add ${router.address}/24 dev eth0`,
    `address add ${router.outside}/24 dev eth1`,
    'link set eth0 up',
    'link set eth1 up',
    ...nodes.map((node) => `route add ${node.podCIDR} via ${node.address}`),
    `route add ${serviceCIDR} via ${first}`,
  ]
}
