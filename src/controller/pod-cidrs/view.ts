import { ObjectStore } from '../../kube/store.ts'
import type { Node as ApiNode } from '../../kube/types.ts'
import type { CIDR } from '../../model/ip.ts'
import { Ledger } from './ledger.ts'
import type { NodeRange } from './range.ts'

/** A Node, as far as pod CIDRs need it. */
export interface RangedNode {
  name: string
  uid: string
  createdMs: number
  /** spec.podCIDRs as they stand there; empty: it needs some. */
  podCIDRs: readonly string[]
}

/** What pod CIDRs are planned from. No I/O. */
export interface PodCIDRView {
  nodes: ObjectStore<RangedNode>
  /** Who has what, and who is to get what; kept in step with `nodes` by whoever follows them. */
  ledger: Ledger
  ranges: readonly NodeRange[]
}

const sameNode = (a: RangedNode, b: RangedNode): boolean =>
  a.uid === b.uid && a.podCIDRs.join() === b.podCIDRs.join() && a.createdMs === b.createdMs

/** The view, empty; `nodes` is filled by a reflector with `decodeRangedNode`. Blocks that lie in a service CIDR are given to nobody. */
export const makePodCIDRView = (ranges: readonly NodeRange[], serviceCIDRs: readonly CIDR[]): PodCIDRView => ({
  nodes: new ObjectStore<RangedNode>({ equal: sameNode }),
  ledger: new Ledger(ranges, serviceCIDRs),
  ranges,
})

export function decodeRangedNode({ metadata, spec }: ApiNode): { key: string; value: RangedNode } {
  const value: RangedNode = {
    name: metadata.name,
    uid: metadata.uid ?? '',
    createdMs: Date.parse(metadata.creationTimestamp ?? '') || 0,
    podCIDRs: spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []),
  }
  return { key: metadata.name, value }
}
