import { ObjectStore } from '../kube/store.ts'
import type { Node as ApiNode } from '../kube/types.ts'
import { canonicalCIDR } from './cidr.ts'

/** A Node, as far as the pod network needs it. */
export interface FabricNode {
  name: string
  createdMs: number
  /** Addresses of type InternalIP, in the object's order; the first of a family counts. */
  internalIPs: readonly string[]
  /** spec.podCIDRs, at most one of a family; in the kernel's spelling where they are CIDRs at all. */
  podCIDRs: readonly string[]
}

/** A link of this node that is no bridge's port. Link-local addresses do not count. */
export interface LinkFact {
  name: string
  up: boolean
  /** CIDRs, host bits and all. */
  addresses: readonly string[]
  /** Grows when the link was down, or became another one: its routes may have gone then. */
  epoch: number
}

/** What the pod network is planned from: trimmed Nodes, and this node's own facts. No I/O. */
export interface FabricView {
  /** Indexed by `podCIDR`. */
  nodes: ObjectStore<FabricNode>
  nodeName: string
  /** By name. */
  links: ObjectStore<LinkFact>
  /** Routes of the main table that others made: destination → what they say. */
  foreignRoutes: ObjectStore<string>
  /** Pod CIDRs must lie in one of these; empty: anywhere. */
  clusterCIDRs: readonly string[]
}

/** Name of the nodes' index. */
export const byPodCIDR = 'podCIDR'

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The stores, empty. `nodes` is filled by a reflector with `decodeFabricNode`, the facts by NetworkFacts. */
export const makeFabricView = (nodeName: string, clusterCIDRs: readonly string[] = []): FabricView => ({
  nodes: new ObjectStore<FabricNode>({ equal: sameJson, indexes: { [byPodCIDR]: (node) => node.podCIDRs } }),
  nodeName,
  links: new ObjectStore<LinkFact>({ equal: sameJson }),
  foreignRoutes: new ObjectStore<string>(),
  clusterCIDRs,
})

export function decodeFabricNode({ metadata, spec, status }: ApiNode): { key: string; value: FabricNode } {
  const podCIDRs = spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])
  const value: FabricNode = {
    name: metadata.name,
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
    internalIPs: (status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' ? [address] : [])),
    podCIDRs: podCIDRs.map((cidr) => canonicalCIDR(cidr) ?? cidr),
  }
  return { key: metadata.name, value }
}
