import type { FieldType, SetSpec } from '../../kernel/nftables/types.ts'
import type { Family } from '../../model/ip.ts'
import type { KindSpec } from '../../reconcile/types.ts'

/** A kind of item: one set or map of the table. The item's key and value are the element's, as nft prints them. */
export interface SetKind extends KindSpec, SetSpec {
  /** The owner stands in the element's comment, for adoption and for people who list the table. */
  owned?: boolean
  /** No set at all: chains that come and go with what leads to them (sticky-chains.ts). */
  chains?: true
}

/** The kind of chains that keep a client for another time than the constant rules do; the key is the time in seconds. */
export const stickyChains = 'sticky_chains'

/**
 * Stages: endpoints, then lists, then the addresses that lead to them; last what drops the unused addresses of a service CIDR, since while one table takes
 * the place of another, the new one must not drop what only the old one serves yet.
 */
const kindTable = (address: FieldType): readonly SetKind[] => [
  { name: 'pod_sources', stage: 0, key: [address], interval: true },
  { name: 'plain_sources', stage: 0, key: [address], interval: true },
  { name: 'service_cidrs', stage: 3, key: [address], interval: true },
  { name: 'pod_ifaces', stage: 0, key: ['ifname'], interval: true },
  { name: 'plain_ifaces', stage: 0, key: ['ifname'], interval: true },
  { name: 'protected', stage: 0, key: [address, 'inet_proto', 'inet_service'] },
  { name: 'nodeport_addrs', stage: 2, key: [address] },
  { name: 'hairpin', stage: 0, shared: true, key: [address, address] },
  { name: 'endpoints', stage: 0, key: ['u32', 'u32'], data: [address, 'inet_service'] },
  { name: 'sticky_slots', stage: 0, key: ['u32', 'u32'], data: ['u32'] },
  { name: 'sticky_ends', stage: 0, key: ['u32'], data: [address, 'inet_service'] },
  { name: stickyChains, stage: 0, shared: true, referenced: true, chains: true, key: [] },
  { name: 'sticky_times', stage: 1, key: ['u32'], verdict: true },
  { name: 'lb_sources', stage: 1, owned: true, key: ['u32', address] },
  { name: 'lists', stage: 1, owned: true, key: ['u32'], data: ['u32'] },
  { name: 'local_lists', stage: 1, owned: true, key: ['u32'], data: ['u32'] },
  { name: 'cluster_ips', stage: 2, shared: true, key: [address] },
  { name: 'services', stage: 2, owned: true, key: [address, 'inet_proto', 'inet_service'], data: ['u32'] },
  { name: 'nodeports', stage: 2, owned: true, key: ['inet_proto', 'inet_service'], data: ['u32'] },
]

const own = { ours: true, whoWrites: "'nft monitor' names the process of each change" }

const byName = (family: Family): Readonly<Record<string, SetKind>> =>
  Object.fromEntries(
    kindTable(family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr').map((kind) => [kind.name, { ...kind, ...own }]),
  )

/** By family, then by name; the name is the item's kind and the name of the set. The families differ in how an address is written. */
export const setKinds: Readonly<Record<Family, Readonly<Record<string, SetKind>>>> = {
  IPv4: byName('IPv4'),
  IPv6: byName('IPv6'),
}
