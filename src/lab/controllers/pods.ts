import type { Condition, Pod } from './kinds.ts'
import { isTerminating, timeOf } from './objects.ts'

export const conditionOf = (
  object: { status?: { conditions?: Condition[] } | undefined },
  type: string,
): Condition | undefined => object.status?.conditions?.find((condition) => condition.type === type)

export const isPodReady = (pod: Pod): boolean => readySinceMs(pod) !== undefined

/** Its containers have ended for good. */
export const isPodFinished = ({ status }: { status?: { phase?: string } }): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** Counts towards a workload's replicas: neither finished nor on its way out. */
export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && !isTerminating(pod)

/** What was found out of a pod's status. Objects of the store never change, and a workload's pods are looked at again and again. */
const readySince = new WeakMap<Pod, { sinceMs: number | undefined }>()

/** Milliseconds since the epoch since when the pod is Ready; undefined if it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const known = readySince.get(pod)
  if (known !== undefined) return known.sinceMs
  const ready = conditionOf(pod, 'Ready')
  const sinceMs = ready?.status === 'True' ? timeOf(ready.lastTransitionTime) : undefined
  readySince.set(pod, { sinceMs })
  return sinceMs
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const sinceMs = readySinceMs(pod)
  return sinceMs !== undefined && (minReadySeconds === 0 || sinceMs + minReadySeconds * 1000 <= nowMs)
}
