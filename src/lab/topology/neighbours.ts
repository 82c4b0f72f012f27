import type { Place, TopologyPlan } from './plan.ts'

/** Link address of a host on the underlay, a locally administered one (IEEE 802), so that all can be told of all beforehand. */
export const macOf = (host: number): string => `02:57:46:54:${hex(Math.floor(host / 256))}:${hex(host % 256)}`

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

/**
 * The neighbours of a host on the underlay, as permanent entries. One table of neighbours serves all network namespaces of a machine, and refuses new ones above
 * net.ipv4.neigh.default.gc_thresh3, 1024 by default: 33 nodes that talk to each other fill it. Permanent entries do not count (net/core/neighbour.c, neigh_alloc: exempt_from_gc).
 */
export function neighbourLines({ router, api, nodes }: TopologyPlan, own: Place): string[] {
  const others = [router, api, ...nodes].filter(({ host }) => host !== own.host)
  return others.flatMap(({ addresses, host }) =>
    addresses.map((address) => `neigh replace ${address} lladdr ${macOf(host)} dev eth0 nud permanent`),
  )
}
