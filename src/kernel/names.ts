/**
 * Names, hook priorities, mark bits and route protocols of everything that Weft puts into the kernel, in one place: whoever adds one sees what is taken.
 */

/** The two tables of the nftables mode, used in turn: a new version of the constant rules is built beside the old one. */
export const tableNames = ['weft', 'weft-b'] as const
export type TableName = (typeof tableNames)[number]

/** The other of the two. */
export const otherTable = (name: TableName): TableName => (name === 'weft' ? 'weft-b' : 'weft')

/** Made and removed at once, to learn what the kernel can. */
export const probeTable = 'weft-probe'

/** Keeps established translated connections alive while others flush what they can reach. */
export const anchorTable = 'weft-anchor'

export const hookPriorities = {
  /** prerouting and output, type nat. Before the host ports of CNI's portmap plugin at -100, whose order at equal priority is that of registration. */
  translateDestination: -101,
  /** postrouting, type nat. Before flannel's masquerade at 100, so that source addresses that must stay do stay. */
  translateSource: 99,
  /** postrouting, type filter: NetworkPolicy, where each flow shows both pods' own addresses. */
  policy: 90,
} as const

/**
 * Bits of the packet mark. None yet: the number of an endpoint list travels in skb->priority (`meta priority`), because marks are what others route and
 * filter by. Taken by others: 0x4000 and 0x8000 kube-proxy, 0x2000 CNI portmap, 0x10000 and 0x20000 kube-router.
 */
export const markBits = {} as const

/**
 * Who made a route, in the routing tables (rtm_protocol, a number of 8 bits): the mark by which we know our own. `ip route show proto 87`. Taken by others (iproute2's
 * rt_protos): 1 to 4 and 8 to 18, 42 babel, 186 bgp, 187 isis, 188 ospf, 189 rip, 192 eigrp.
 */
export const routeProtocols = {
  /** Routes to the pods of other nodes, whatever the backend. */
  fabric: 87,
} as const
