import type { Condition, Pod } from './kinds.ts'
import { isTerminating, timeOf } from './objects.ts'

export const conditionOf = (
  object: { status?: { conditions?: Condition[] } | undefined },
  type: string,
): Condition | undefined => object.status?.conditions?.find((condition) => condition.type === type)

export const isPodReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True'

/** Its containers have ended for good. */
export const isPodFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Counts towards a workload's replicas: neither finished nor on its way out. */
export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && !isTerminating(pod)

/** Milliseconds since the epoch since when the pod is Ready; undefined if it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = conditionOf(pod, 'Ready')
  return ready?.status === 'True' ? timeOf(ready.lastTransitionTime) : undefined
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const sinceMs = readySinceMs(pod)
  return sinceMs !== undefined && (minReadySeconds === 0 || sinceMs + minReadySeconds * 1000 <= nowMs)
}
