import type { NewObject } from '../../api/types.ts'
import type { Condition, Pod, ReplicaSet, ReplicaSetStatus } from '../kinds.ts'
import { controllerReference, isTerminating, timeOf } from '../objects.ts'
import { isPodActive, isPodAvailable, isPodFinished, isPodReady, readySinceMs } from '../pods.ts'
import { matchesLabels } from '../selector.ts'

/** Pods that one sync creates or deletes at most (kube-controller-manager, BurstReplicas). */
const burstReplicas = 500

/** By how many pods a ReplicaSet is short (positive) or over (negative). */
export const missingReplicas = (replicaSet: ReplicaSet, active: readonly Pod[]): number =>
  Math.max(-burstReplicas, Math.min(burstReplicas, (replicaSet.spec.replicas ?? 1) - active.length))

/** A pod as the template says. The store makes the name from `generateName`. */
export function newPod(replicaSet: ReplicaSet): NewObject {
  const { metadata = {}, spec } = replicaSet.spec.template
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...structuredClone(metadata),
      namespace: replicaSet.metadata.namespace ?? 'default',
      generateName: `${replicaSet.metadata.name}-`,
      ownerReferences: [controllerReference(replicaSet)],
    },
    spec: structuredClone(spec),
  }
}

const phases = ['Pending', 'Unknown', 'Running']
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

const deletionCost = (pod: Pod): number => Number(pod.metadata.annotations?.[deletionCostAnnotation] ?? 0) || 0
const restarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0))

/**
 * The pods to delete, those that are missed least first: not on a node; Pending; not Ready; low deletion cost; on a node with more pods of the
 * same workload; Ready for a shorter time; restarted more often; newer (kubectl and kube-controller-manager, ActivePodsWithRanks).
 *
 * @param related the active pods of the whole workload (all ReplicaSets of one Deployment)
 */
export function surplusPods(active: readonly Pod[], count: number, related: readonly Pod[]): Pod[] {
  const onNode = new Map<string, number>()
  for (const { spec } of related) onNode.set(spec.nodeName ?? '', (onNode.get(spec.nodeName ?? '') ?? 0) + 1)
  const merit = (pod: Pod): number[] => [
    pod.spec.nodeName ? 1 : 0,
    phases.indexOf(pod.status?.phase ?? 'Pending'),
    isPodReady(pod) ? 1 : 0,
    deletionCost(pod),
    -(onNode.get(pod.spec.nodeName ?? '') ?? 0),
    -(readySinceMs(pod) ?? 0),
    -restarts(pod),
    -timeOf(pod.metadata.creationTimestamp),
  ]
  return active
    .map((pod) => ({ pod, merit: merit(pod) }))
    .sort((a, b) => compareLists(a.merit, b.merit))
    .slice(0, count)
    .map(({ pod }) => pod)
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

/** A status as the API has it: a count of 0 is left out but for those two. */
export function replicaSetStatus(
  replicaSet: ReplicaSet,
  owned: readonly Pod[],
  conditions: readonly Condition[],
  nowMs: number,
): ReplicaSetStatus {
  const active = owned.filter(isPodActive)
  const labels = replicaSet.spec.template.metadata?.labels ?? {}
  const minReadySeconds = replicaSet.spec.minReadySeconds ?? 0
  return {
    replicas: active.length,
    ...counted('fullyLabeledReplicas', active.filter((pod) => matchesLabels(labels, pod.metadata.labels)).length),
    ...counted('readyReplicas', active.filter(isPodReady).length),
    ...counted('availableReplicas', active.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length),
    terminatingReplicas: owned.filter((pod) => isTerminating(pod) && !isPodFinished(pod)).length,
    ...counted('observedGeneration', replicaSet.metadata.generation ?? 0),
    ...(conditions.length > 0 ? { conditions: [...conditions] } : {}),
  }
}

const counted = <Name extends string>(name: Name, count: number): { [name in Name]?: number } =>
  (count === 0 ? {} : { [name]: count }) as { [name in Name]?: number }

/** Milliseconds until the next Ready pod becomes available; undefined if none is waiting for that. */
export function nextAvailableInMs(
  workload: { spec: { minReadySeconds?: number } },
  owned: readonly Pod[],
  nowMs: number,
): number | undefined {
  const minReadyMs = (workload.spec.minReadySeconds ?? 0) * 1000
  if (minReadyMs === 0) return undefined
  const waits = owned
    .filter(isPodActive)
    .map((pod) => (readySinceMs(pod) ?? -Infinity) + minReadyMs - nowMs)
    .filter((waitMs) => waitMs > 0)
  return waits.length > 0 ? Math.min(...waits) : undefined
}
