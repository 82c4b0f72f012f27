import type { Family } from '../../model/ip.ts'
import type { KernelError } from '../errors.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import type { neighbourStates, routeTypes } from './constants.ts'

export type { Family } from '../../model/ip.ts'

/** A link as the kernel shows it. */
export interface Link {
  /** Never used twice in one namespace: another index is another link, whatever its name. */
  index: number
  name: string
  /** e.g. `veth`, `bridge`, `vxlan`; absent for lo and hardware. */
  kind?: string
  /** IFF_UP: switched on. */
  up: boolean
  /** IFF_LOWER_UP: the cable, or the other end, is there too. */
  carrier: boolean
  mtuBytes: number
  /** Link-layer address, lower case with colons. */
  address?: string
  masterIndex?: number
  /** The device below, or the peer of a veth pair (in whatever namespace it is). */
  lowerIndex?: number
  vxlan?: VxlanSettings
  /** The UDP port of a geneve device. */
  genevePort?: number
}

export interface VxlanSettings {
  /** VNI, 24 bits. */
  id: number
  /** UDP port. */
  port: number
  local?: string
  learning: boolean
  /** The device that carries the packets. */
  devIndex?: number
}

interface NewLinkCommon {
  name: string
  up?: boolean
  mtuBytes?: number
  address?: string
  /** Name of the bridge that it becomes a port of. */
  master?: string
}

/** `ip link add`. */
export type NewLink = NewLinkCommon &
  (
    | { kind: 'bridge' | 'dummy' }
    | { kind: 'veth'; peer: { name: string; namespace?: NetworkNamespace; address?: string } }
    | { kind: 'vxlan'; vxlan: { id: number; port: number; local?: string; learning: boolean; dev?: string } }
  )

/** `ip link set`: what is absent stays. */
export interface LinkChange {
  name: string
  up?: boolean
  mtuBytes?: number
  address?: string
  /** undefined stays, null takes it out of its bridge. */
  master?: string | null
  newName?: string
}

/** An address of a link, with the length of its subnet: `10.42.0.1/24`. */
export interface Address {
  dev: string
  /** CIDR; host bits are the address. */
  address: string
  /** IPv6: use at once, without asking whether somebody else has it (add only). */
  noDuplicateDetection?: boolean
}

/** An address as the kernel shows it. */
export interface FoundAddress {
  dev: string
  address: string
  /** IPv6: not usable yet. */
  tentative: boolean
  /** IPv6: about to be replaced; not for new connections. */
  deprecated: boolean
}

export type RouteType = keyof typeof routeTypes

/** A route to make or delete. A delete matches what is given: without `metric`, `protocol` or `via` any will do. */
export interface RouteSpec {
  /** CIDR without host bits; `0.0.0.0/0` and `::/0` are the default routes. */
  dst: string
  via?: string
  dev?: string
  /** Lower wins. Absent: 0 for IPv4; the kernel takes 1024 for IPv6. */
  metric?: number
  /** Absent: main (254). */
  table?: number
  /** Who made it (rtnetlink.h, RTPROT_*). Absent: boot (3), as with ip-route(8); in a delete any. */
  protocol?: number
  /** Absent: unicast; in a delete any. */
  type?: RouteType
  /** The gateway is reachable through `dev` although no address there says so. */
  onlink?: boolean
  /** Source address of what the node itself sends there. */
  source?: string
}

export interface NextHop {
  via?: string
  dev?: string
  onlink: boolean
}

/** A route as the kernel shows it. */
export interface Route {
  family: Family
  dst: string
  via?: string
  dev?: string
  metric: number
  table: number
  protocol: number
  type: RouteType
  onlink: boolean
  source?: string
  /** For a route with several: `via` and `dev` are absent then. */
  nextHops?: NextHop[]
}

export interface RouteFilter {
  family?: Family
  table?: number
  protocol?: number
}

export type NeighbourState = keyof typeof neighbourStates

/** Who has an IP address on a link: an ARP or neighbour-discovery entry. */
export interface Neighbour {
  dev: string
  address: string
  /** Link-layer address. Absent while nobody has answered. */
  lladdr?: string
  /** Absent in a change: permanent. */
  state?: NeighbourState
}

/** Where a link-layer address is: behind a port of a bridge, or for a VXLAN device at another tunnel endpoint. */
export interface FdbEntry {
  dev: string
  lladdr: string
  /** The tunnel endpoint's address. */
  via?: string
  /** Absent in a change: permanent. */
  state?: NeighbourState
}

export type Change =
  | { object: 'link'; op: 'add'; value: NewLink }
  | { object: 'link'; op: 'set'; value: LinkChange }
  | { object: 'link'; op: 'delete'; value: { name: string } }
  | { object: 'address'; op: 'add' | 'delete'; value: Address }
  | { object: 'route'; op: 'add' | 'replace' | 'delete'; value: RouteSpec }
  | { object: 'neighbour'; op: 'add' | 'replace' | 'delete'; value: Neighbour }
  | { object: 'fdb'; op: 'add' | 'replace' | 'delete'; value: FdbEntry }

/** One change that was refused; the others were made. The error names the item. */
export interface Failure {
  /** Index into the changes given. */
  index: number
  error: KernelError
}

/** What the kernel and the fake have in common: links, addresses, routes, neighbours and FDB entries of one network namespace. */
export interface RouteNetlink {
  /**
   * Makes the changes in order, each on its own: one that is refused leaves the others alone. Synchronous.
   * Errno: EEXIST for `add` of what is there, ESRCH for `delete` of a route that is not, EADDRNOTAVAIL of an address, ENOENT of a neighbour or FDB entry,
   * ENODEV for a link that is not there, ENETDOWN for one that is down, ENETUNREACH (IPv6: EHOSTUNREACH) for a gateway that is not on link, EINVAL for nonsense.
   */
  apply(changes: readonly Change[]): Failure[]
  links(): Link[]
  link(name: string): Link | undefined
  addresses(): FoundAddress[]
  routes(filter?: RouteFilter): Route[]
  /** The same in pieces, between which the event loop runs: for thousands. @throws KernelError EINTR when others changed them during each of several readings */
  routesInPieces(filter?: RouteFilter): AsyncGenerator<Route[]>
  neighbours(): Neighbour[]
  fdb(): FdbEntry[]
}
