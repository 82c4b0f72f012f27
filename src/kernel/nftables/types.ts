import type { NetworkNamespace } from '../namespaces.ts'
import type { NetlinkSocket } from '../netlink/socket.ts'

/** Type of one field of a key or of data, by nft's name; `u32` is any 32-bit number in host order (classid, numgen). */
export type FieldType = 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service' | 'u32' | 'ifname'

export type Family = 'ip' | 'ip6'

/** Shape of a set, or of a map when there is `data`. It must be what the kernel's table has; nothing here creates it. */
export interface SetSpec {
  name: string
  key: readonly FieldType[]
  data?: readonly FieldType[]
  /** A map to verdicts: the data is `jump CHAIN`, and the chain must be there. The kernel goes through the table's rules at each change of such a map. */
  verdict?: true
  /**
   * `flags interval`: address and port fields of the key may be CIDRs or ranges. The kernel refuses overlaps (EEXIST), with one exception that it takes and then matches wrongly:
   * an interval up to the highest address (`0.0.0.0/0`) around others. So normalise first. Of a concatenation it takes a wider range after a narrower one.
   */
  interval?: boolean
}

/**
 * One element, as text: fields joined by ` . ` as nft prints them, numbers of type u32 in decimal. Key `10.43.0.10 . tcp . 80`,
 * data `10.42.0.5 . 8080`; interface names without nft's quotes. In an interval set `10.42.0.0/16`, `10.42.0.1` or `10.42.0.1-10.42.0.9`.
 * A dump gives the shortest form (RFC 5952; a prefix where the range is one; protocol names icmp, tcp, udp, ipv6-icmp, sctp): write that, or what is read back looks different.
 */
export interface Element {
  set: string
  key: string
  /** Present for maps. Not looked at by a delete. */
  data?: string
  /** Shown by `nft list`, at most 253 bytes. The kernel does not compare it: an add of an existing element leaves the old comment. */
  comment?: string
}

export interface ElementChange {
  op: 'add' | 'delete'
  element: Element
}

export interface TableInfo {
  exists: boolean
  comment?: string
}

export interface TableOptions {
  family: Family
  name: string
  sets: readonly SetSpec[]
  /** Absent: the process's own namespace. */
  namespace?: NetworkNamespace
  /** The socket that owns the table, through which all changes must go then (ownership.ts). */
  owner?: NetlinkSocket
}

/** What the real table and the fake have in common. */
export interface ElementTable {
  readonly family: Family
  readonly name: string
  /**
   * Applies all changes in one transaction, in order, or none.
   * - `add` of a key that is there with the same data succeeds and changes nothing (its comment included);
   * - `add` of a key that is there with other data is EEXIST: delete it first, in the same call;
   * - `delete` of a key that is not there is ENOENT, as is a set or table that is not there.
   * @throws KernelError whose `failed` holds indexes into `changes`, and whose errno is that of the first of them
   * @throws WeftError NFT_ELEMENT_INVALID for text that is no element; nothing was sent
   */
  apply(changes: readonly ElementChange[]): void
  /** All elements of a set of one moment, in no order, in pieces; the event loop runs in between. @throws KernelError */
  dump(set: string): AsyncGenerator<Element[]>
  info(): TableInfo
  /** Chain name → number of rules in it. Empty when there is no such table. */
  chains(): Map<string, number>
}
