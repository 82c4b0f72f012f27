import type { Node, Pod } from '../kinds.ts'
import { compareText, controllerOf } from '../objects.ts'
import { isPodActive } from '../pods.ts'
import { misfitOf, type Misfit } from './fit.ts'

/** Where a pod goes, or why nowhere. */
export type Placement = { nodeName: string } | { message: string }

/**
 * Picks a node: of those that take the pod the one with the fewest active pods of the same owner, then the fewest pods, then by name.
 *
 * @param podsOn the pods bound to a node, of which it may be asked more than once
 */
export function placePod(pod: Pod, nodes: Iterable<Node>, podsOn: (nodeName: string) => Iterable<Pod>): Placement {
  const owner = controllerOf(pod)?.uid
  const misfits = new Map<Misfit, number>()
  let best: Candidate | undefined
  for (const node of nodes) {
    const there = podsOn(node.metadata.name)
    const misfit = misfitOf(pod, node, there)
    if (misfit !== undefined) misfits.set(misfit, (misfits.get(misfit) ?? 0) + 1)
    else best = better(best, candidateOf(node, there, owner))
  }
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

/** In kube-scheduler's words; nothing here can be cured by preemption but a port that is taken, and that is not tried. */
function unschedulableMessage(misfits: ReadonlyMap<Misfit, number>): string {
  const total = [...misfits.values()].reduce((sum, count) => sum + count, 0)
  if (total === 0) return 'no nodes available to schedule pods'
  const reasons = [...misfits].map(([misfit, count]) => `${count} ${misfit}`).sort()
  return (
    `0/${total} nodes are available: ${reasons.join(', ')}. no new claims to deallocate, ` +
    `preemption: 0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`
  )
}
