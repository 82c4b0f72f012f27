import type { SetSpec } from '../../kernel/nftables/types.ts'
import type { KindSpec } from '../../reconcile/types.ts'

/** A kind of item: one set or map of the table. The item's key and value are the element's, as nft prints them. */
export interface SetKind extends KindSpec, SetSpec {
  /** The owner stands in the element's comment, for adoption and for people who list the table. */
  owned?: boolean
}

const address = 'ipv4_addr'

/**
 * Stages: endpoints, then lists, then the addresses that lead to them; last what drops the unused addresses of a service CIDR, since while one table takes
 * the place of another, the new one must not drop what only the old one serves yet.
 */
const kindTable: readonly SetKind[] = [
  { name: 'pod_sources', stage: 0, key: [address], interval: true },
  { name: 'plain_sources', stage: 0, key: [address], interval: true },
  { name: 'service_cidrs', stage: 3, key: [address], interval: true },
  { name: 'protected', stage: 0, key: [address, 'inet_proto', 'inet_service'] },
  { name: 'nodeport_addrs', stage: 2, key: [address] },
  { name: 'hairpin', stage: 0, shared: true, key: [address, address] },
  { name: 'endpoints', stage: 0, key: ['u32', 'u32'], data: [address, 'inet_service'] },
  { name: 'lists', stage: 1, owned: true, key: ['u32'], data: ['u32'] },
  { name: 'local_lists', stage: 1, owned: true, key: ['u32'], data: ['u32'] },
  { name: 'cluster_ips', stage: 2, shared: true, key: [address] },
  { name: 'services', stage: 2, owned: true, key: [address, 'inet_proto', 'inet_service'], data: ['u32'] },
  { name: 'nodeports', stage: 2, owned: true, key: ['inet_proto', 'inet_service'], data: ['u32'] },
]

/** By name; the name is the item's kind and the name of the set. */
export const setKinds: Readonly<Record<string, SetKind>> = Object.fromEntries(
  kindTable.map((kind) => [kind.name, kind]),
)
