import { hasFreePorts } from '../controllers/scheduler/fit.ts'
import type { Pod } from './pod.ts'

/** Why a node does not take a pod that was bound to it, as its status and an Event say. */
export interface Rejection {
  reason: string
  message: string
}

/**
 * Whether a node takes a pod that came past the scheduler (`spec.nodeName`): its host ports have to be free. Reason and words are a kubelet's (pkg/kubelet/lifecycle, predicate.go).
 *
 * @param others the pods that the node has taken; those that are finished hold no ports any more
 * @returns undefined: it takes the pod; also one that runs already or is being deleted
 */
export function rejectionOf(pod: Pod, others: Iterable<Pod>): Rejection | undefined {
  if (pod.metadata.deletionTimestamp !== undefined || (pod.status?.phase ?? 'Pending') !== 'Pending') return undefined
  if (hasFreePorts(pod, others)) return undefined
  const message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
  return { reason: 'NodePorts', message }
}
