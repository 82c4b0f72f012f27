import { familyOf } from '../../model/ip.ts'
import type { Part, Plan, Refusal, Subject } from '../../reconcile/types.ts'
import { blocksIn, rangeText } from './range.ts'
import type { PodCIDRView, RangedNode } from './view.ts'

/** The one kind of item: what stands in spec.podCIDRs of a Node. */
export const podCIDRsKind = 'podCIDRs'

/** A Node that was deleted and registered again under its name is another one, and has nothing yet. */
export const keyOf = ({ name, uid }: Pick<RangedNode, 'name' | 'uid'>): string => `${name}/${uid}`

/** Every Node. */
export const allNodes = (view: PodCIDRView): Iterable<Subject> => view.nodes.keys()

/**
 * Pod CIDRs for Nodes. A subject is a Node, an item what its spec.podCIDRs shall say: what they say already (the API never lets them change), else what
 * the ledger chose.
 */
export const podCIDRsPart = (view: PodCIDRView): Part => ({
  name: 'node-ipam',
  kinds: { [podCIDRsKind]: { stage: 0 } },
  plan: (subject) => planNode(view, subject),
  learn: () => [],
  ownerOf: ({ key }) => key.slice(0, key.indexOf('/')),
})

function planNode(view: PodCIDRView, name: Subject): Plan {
  const node = view.nodes.get(name)
  const rank = { gone: node === undefined, createdMs: node?.createdMs ?? 0, name }
  if (node === undefined) return { items: [], rank }
  const cidrs = node.podCIDRs.length > 0 ? node.podCIDRs : view.ledger.assigned(name, node.uid)
  if (cidrs === undefined) return { items: [], refusals: notAvailable(view), rank }
  const items = [{ kind: podCIDRsKind, key: keyOf(node), value: cidrs.join(',') }]
  const missing = missingFamilies(view, cidrs)
  if (missing.length === 0) return { items, rank }
  const message = `it keeps ${cidrs.join(',')} and gets nothing of ${missing.join(',')}: pod CIDRs never change; delete the Node and let it register again`
  return { items, refusals: [{ reason: 'PodCIDRFamilyMissing', message }], rank }
}

/** The reason is kube-controller-manager's (pkg/controller/nodeipam/ipam). Nothing is said of a Node that the ledger has not heard of yet. */
function notAvailable(view: PodCIDRView): Omit<Refusal, 'subject'>[] {
  const full = view.ledger.full.map(
    (range) =>
      `all ${blocksIn(range)} blocks of /${range.nodeMaskSize} in the cluster CIDR ${rangeText(range)} are taken`,
  )
  if (full.length === 0) return []
  return [{ reason: 'CIDRNotAvailable', message: `${full.join('; ')}; it gets one when another Node is deleted` }]
}

/** Cluster CIDRs of a family that a Node has nothing of: it registered before they were given. */
function missingFamilies({ ranges }: PodCIDRView, cidrs: readonly string[]): string[] {
  const has = new Set(cidrs.map(familyOf))
  return ranges.filter(({ cluster }) => !has.has(cluster.family)).map(rangeText)
}
