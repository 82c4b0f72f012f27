import { apiTime } from '../../../kube/times.ts'
import type { Pod, Service } from '../kinds.ts'
import { timeOf } from '../objects.ts'
import { conditionOf } from '../pods.ts'

/** When the cause of a change of endpoints happened; kube-proxy measures its latency from there. */
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

interface Known {
  serviceMs: number
  podsMs: Map<string, number>
}

/**
 * Finds out what has changed since a Service was looked at last: the earliest time of the news that carry one, a pod's turn of readiness or the
 * Service's creation. A pod that begins to terminate, or is gone, says no time (kube-controller-manager, TriggerTimeTracker).
 */
export class TriggerTimes {
  readonly #known = new Map<string, Known>()

  /** The annotation to write beside a change, or none. */
  look(key: string, service: Service, pods: readonly Pod[]): Record<string, string> {
    const before = this.#known.get(key)
    const serviceMs = timeOf(service.metadata.creationTimestamp)
    const podsMs = new Map<string, number>()
    let earliestMs = before !== undefined && serviceMs > before.serviceMs ? serviceMs : Infinity
    for (const pod of pods) {
      const atMs = turnedMs(pod)
      podsMs.set(pod.metadata.name, atMs)
      if (atMs > (before?.podsMs.get(pod.metadata.name) ?? 0)) earliestMs = Math.min(earliestMs, atMs)
    }
    this.#known.set(key, { serviceMs, podsMs })
    if (before === undefined) return annotation(serviceMs)
    return earliestMs === Infinity ? {} : annotation(earliestMs)
  }

  forget(key: string): void {
    this.#known.delete(key)
  }
}

const annotation = (atMs: number): Record<string, string> => ({ [triggerTimeAnnotation]: apiTime(atMs) })

/** Objects of the store never change: what was read of one holds. */
const turned = new WeakMap<Pod, number>()

function turnedMs(pod: Pod): number {
  const known = turned.get(pod)
  if (known !== undefined) return known
  const atMs = timeOf(conditionOf(pod, 'Ready')?.lastTransitionTime)
  turned.set(pod, atMs)
  return atMs
}

/** Annotations with the time of the last change in the place of an older one. */
export function withTrigger(
  annotations: Record<string, string> | undefined,
  trigger: Record<string, string>,
): { annotations?: Record<string, string> } {
  const { [triggerTimeAnnotation]: _before, ...others } = annotations ?? {}
  const next = { ...others, ...trigger }
  return Object.keys(next).length > 0 ? { annotations: next } : {}
}
