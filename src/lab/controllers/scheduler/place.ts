import type { Node, Pod } from '../kinds.ts'
import { compareText, controllerOf } from '../objects.ts'
import { isPodActive } from '../pods.ts'
import { type Misfit, misfitOf, spreadMisfit } from './fit.ts'
import { crowdedNodes } from './spread.ts'

/** Where a pod goes, or why nowhere. */
export type Placement = { nodeName: string } | { message: string }

/**
 * Picks a node: of those that take the pod the one with the fewest active pods of the same owner, then the fewest pods, then by name.
 *
 * @param podsOn the pods bound to a node, of which it may be asked more than once
 * @param prefer may choose among the nodes that take the pod instead
 */
export function placePod(
  pod: Pod,
  nodes: Iterable<Node>,
  podsOn: (nodeName: string) => Iterable<Pod>,
  prefer?: (fitting: readonly string[]) => string | undefined,
): Placement {
  const owner = controllerOf(pod)?.uid
  const all = [...nodes]
  const crowded = crowdedNodes(pod, all, podsOn)
  const misfits = new Map<Misfit, number>()
  const fitting: Node[] = []
  for (const node of all) {
    const misfit = misfitOf(pod, node, podsOn(node.metadata.name)) ?? (crowded.has(node) ? spreadMisfit : undefined)
    if (misfit === undefined) fitting.push(node)
    else misfits.set(misfit, (misfits.get(misfit) ?? 0) + 1)
  }
  const preferred = prefer?.(fitting.map(({ metadata }) => metadata.name))
  if (preferred !== undefined) return { nodeName: preferred }
  let best: Candidate | undefined
  for (const node of fitting) best = better(best, candidateOf(node, podsOn(node.metadata.name), owner))
  return best === undefined ? { message: unschedulableMessage(misfits) } : { nodeName: best.nodeName }
}

interface Candidate {
  nodeName: string
  siblings: number
  pods: number
}

function candidateOf({ metadata }: Node, there: Iterable<Pod>, owner: string | undefined): Candidate {
  const candidate = { nodeName: metadata.name, siblings: 0, pods: 0 }
  for (const pod of there) {
    if (!isPodActive(pod)) continue
    candidate.pods++
    if (owner !== undefined && controllerOf(pod)?.uid === owner) candidate.siblings++
  }
  return candidate
}

function better(a: Candidate | undefined, b: Candidate): Candidate {
  if (a === undefined) return b
  return (a.siblings - b.siblings || a.pods - b.pods || compareText(a.nodeName, b.nodeName)) <= 0 ? a : b
}

/** Evicting other pods would help against these, if there were any of lower priority; there are none here. */
const preemptible: ReadonlySet<Misfit> = new Set([
  spreadMisfit,
  "node(s) didn't have free ports for the requested pod ports",
])

/** In kube-scheduler's words. */
function unschedulableMessage(misfits: ReadonlyMap<Misfit, number>): string {
  const total = [...misfits.values()].reduce((sum, count) => sum + count, 0)
  if (total === 0) return 'no nodes available to schedule pods'
  const reasons = [...misfits].map(([misfit, count]) => `${count} ${misfit}`).sort()
  const hopeless = [...misfits].reduce((sum, [misfit, count]) => sum + (preemptible.has(misfit) ? 0 : count), 0)
  const preemption = [
    ...(hopeless > 0 ? [`${hopeless} Preemption is not helpful for scheduling`] : []),
    ...(total > hopeless ? [`${total - hopeless} No preemption victims found for incoming pod`] : []),
  ]
  return (
    `0/${total} nodes are available: ${reasons.join(', ')}. no new claims to deallocate, ` +
    `preemption: 0/${total} nodes are available: ${preemption.join(', ')}.`
  )
}
