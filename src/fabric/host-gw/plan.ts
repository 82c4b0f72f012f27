import type { Family } from '../../model/ip.ts'
import type { Item, Part, Plan, Previous, Refusal, Subject } from '../../reconcile/types.ts'
import { canonicalAddress, contains, overlaps, type Prefix, tryPrefix } from '../cidr.ts'
import { byPodCIDR, type FabricNode, type FabricView, type LinkFact } from '../view.ts'
import { deviceOf, routeKind, routeValue } from './item.ts'

type Reason = Omit<Refusal, 'subject'>

/** Every Node but this one. */
export function* allPeers(view: FabricView): Generator<Subject> {
  for (const name of view.nodes.keys()) if (name !== view.nodeName) yield name
}

/** networkd.conf(5). */
const whoWrites =
  "'ip monitor route' shows each change; systemd-networkd takes away routes of others unless networkd.conf says ManageForeignRoutes=no"

/**
 * The pod network without any encapsulation: a route to each peer's pods through the peer itself, which must be a neighbour on this node's own link.
 * A subject is a peer Node, an item a route.
 */
export const hostGatewayPart = (view: FabricView): Part => ({
  name: 'fabric/host-gw',
  kinds: { [routeKind]: { stage: 0, container: ({ value }) => deviceOf(value) ?? '', whoWrites } },
  plan: (subject, previous) => planPeer(view, subject, previous),
  learn: () => [],
  ownerOf: ({ key }) => view.nodes.keysByIndex(byPodCIDR, key).find((name) => name !== view.nodeName),
})

function planPeer(view: FabricView, subject: Subject, previous: Previous): Plan {
  const peer = subject === view.nodeName ? undefined : view.nodes.get(subject)
  const rank = { gone: peer === undefined, createdMs: peer?.createdMs ?? 0, name: subject }
  if (peer === undefined) return { items: [], rank }
  const items: Item[] = []
  const refusals: Reason[] = []
  for (const cidr of peer.podCIDRs) {
    const prefix = tryPrefix(cidr)
    if (prefix === undefined) refusals.push({ reason: 'PodCIDRInvalid', message: `"${cidr}" is not a CIDR` })
    else planRoute(view, peer, cidr, prefix, previous, items, refusals)
  }
  return { items, refusals, rank }
}

function planRoute(
  view: FabricView,
  peer: FabricNode,
  cidr: string,
  prefix: Prefix,
  previous: Previous,
  items: Item[],
  refusals: Reason[],
): void {
  const refuse = (reason: string, message: string): void => void refusals.push({ reason, message })
  const held = previous.items.find(({ key }) => key === cidr)
  const conflict = conflictOf(view, cidr, prefix)
  if (conflict !== undefined) return refuse('PodCIDRConflict', conflict)
  const foreign = view.foreignRoutes.get(cidr)
  if (foreign !== undefined && held === undefined) {
    return refuse('RouteTaken', `somebody else's route is there already: ${cidr} ${foreign}`)
  }
  const gateway = addressOf(peer, prefix.family)
  if (gateway === undefined) return refuse('PeerAddressMissing', `${peer.name} has no ${prefix.family} InternalIP`)
  const underlay = underlayOf(view, prefix.family)
  if (underlay === undefined) {
    // Perhaps the address is only being renewed: what flows goes on flowing.
    if (held !== undefined && keepsRoutes(view, held, prefix.family)) items.push({ ...held, claim: cidr })
    return refuse('UnderlayUnknown', `no link of this node has its ${prefix.family} InternalIP`)
  }
  if (!underlay.up) return refuse('UnderlayDown', `${underlay.name} is down, and with it go its routes`)
  const offLink = offLinkReason(underlay, gateway, prefix.family)
  if (offLink !== undefined) return refuse('PeerNotOnLink', offLink)
  items.push({ kind: routeKind, key: cidr, value: routeValue({ via: gateway, dev: underlay.name }), claim: cidr })
}

/** Why nothing may be routed there: a pod CIDR, however it came about, takes no address away from a node. */
function conflictOf(view: FabricView, cidr: string, prefix: Prefix): string | undefined {
  const cluster = view.clusterCIDRs.flatMap((text) => tryPrefix(text) ?? [])
  if (cluster.length > 0 && !cluster.some((one) => contains(one, prefix))) {
    return `${cidr} is outside of the cluster CIDR ${view.clusterCIDRs.join(',')}`
  }
  const own = view.nodes.get(view.nodeName)?.podCIDRs.find((text) => within(text, prefix))
  if (own !== undefined) return `${cidr} overlaps ${own}, the pod CIDR of this node`
  for (const { name, addresses } of view.links.values()) {
    const address = addresses.find((text) => within(text, prefix))
    if (address !== undefined) return `${cidr} overlaps ${address} of ${name}`
  }
  return undefined
}

function within(text: string, prefix: Prefix): boolean {
  const other = tryPrefix(text)
  return other !== undefined && overlaps(other, prefix)
}

function addressOf(node: FabricNode | undefined, family: Family): string | undefined {
  for (const text of node?.internalIPs ?? []) {
    if (tryPrefix(text)?.family === family) return canonicalAddress(text)
  }
  return undefined
}

/** The link that has this node's own address. */
function underlayOf(view: FabricView, family: Family): LinkFact | undefined {
  const own = addressOf(view.nodes.get(view.nodeName), family)
  if (own === undefined) return undefined
  for (const link of view.links.values()) {
    if (link.addresses.some((address) => address.startsWith(`${own}/`))) return link
  }
  return undefined
}

/** Without any IPv4 address the kernel has taken the link's IPv4 routes, and would refuse them. */
function keepsRoutes(view: FabricView, { value }: Item, family: Family): boolean {
  const link = view.links.get(deviceOf(value) ?? '')
  if (!link?.up) return false
  return family === 'IPv6' || link.addresses.some((address) => !address.includes(':'))
}

function offLinkReason({ name, addresses }: LinkFact, gateway: string, family: Family): string | undefined {
  const target = tryPrefix(gateway) as Prefix
  const subnets = addresses.flatMap((text) => {
    const prefix = tryPrefix(text)
    return prefix?.family === family ? [{ text, prefix }] : []
  })
  if (subnets.some(({ text }) => text.startsWith(`${gateway}/`))) return `${gateway} is an address of this node`
  if (subnets.some(({ prefix }) => contains(prefix, target))) return undefined
  const where = subnets.map(({ text }) => text).join(', ')
  return `${gateway} is not in the subnet of ${name} (${where}); host-gw needs nodes on one link; elsewhere leave the pod network to flannel`
}
