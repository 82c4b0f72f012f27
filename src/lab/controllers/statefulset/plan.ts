import type { Pod, StatefulSet, StatefulSetStatus } from '../kinds.ts'
import { isTerminating } from '../objects.ts'
import { isPodAvailable, isPodFinished, isPodReady } from '../pods.ts'
import { ordinalOf, revisionLabel } from './pod.ts'

/** One write that a StatefulSet needs; after it, the set is looked at again. */
export type Step = { kind: 'create'; ordinal: number; revision: string } | { kind: 'delete'; pod: Pod; why: Reason }

/** Why a pod is deleted: it has ended by itself, there are too many, or it has an old template. */
export type Reason = 'ended' | 'surplus' | 'old'

export interface StatefulSetView {
  set: StatefulSet
  pods: readonly Pod[]
  /** Name of the revision that pods below the partition have, and of the one that the others get. */
  currentRevision: string
  updateRevision: string
  nowMs: number
}

/**
 * The writes that bring a StatefulSet on (kube-controller-manager, updateStatefulSet). With OrderedReady there is at most one, and none while a
 * pod starts or ends; with Parallel missing and surplus pods come all at once. Rolling updates go from the highest ordinal down.
 */
export function planSteps(view: StatefulSetView): Step[] {
  const { set, pods, updateRevision } = view
  const first = set.spec.ordinals?.start ?? 0
  const count = set.spec.replicas ?? 1
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]))
  const wanted = Array.from({ length: count }, (_, index) => first + index)
  const ordered = set.spec.podManagementPolicy !== 'Parallel'
  const steps: Step[] = []
  for (const ordinal of wanted) {
    const pod = byOrdinal.get(ordinal)
    const step = pod === undefined ? createStep(view, ordinal) : replaceStep(pod)
    if (step !== undefined) steps.push(step)
    if (ordered && (step !== undefined || !isSettled(view, pod))) return steps
  }
  const surplus = pods.filter((pod) => !wanted.includes(ordinalOf(set, pod) ?? -1))
  surplus.sort((a, b) => (ordinalOf(set, b) ?? -1) - (ordinalOf(set, a) ?? -1))
  const sick = surplus.findLast((pod) => !isPodReady(pod) || isTerminating(pod))
  for (const pod of surplus) {
    if (!isTerminating(pod) && ordered && !isPodReady(pod) && pod !== sick) return steps
    if (!isTerminating(pod)) steps.push({ kind: 'delete', pod, why: 'surplus' })
    if (ordered) return steps
  }
  if (steps.length > 0 || set.spec.updateStrategy?.type === 'OnDelete') return steps
  return updateSteps(
    view,
    wanted.map((ordinal) => byOrdinal.get(ordinal)),
    updateRevision,
  )
}

/** Below the partition pods keep the revision that the set had before. */
function createStep({ set, currentRevision, updateRevision }: StatefulSetView, ordinal: number): Step {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
  const kept = type !== 'OnDelete' && ordinal < (set.spec.ordinals?.start ?? 0) + (rollingUpdate?.partition ?? 0)
  return { kind: 'create', ordinal, revision: kept ? currentRevision : updateRevision }
}

/** A pod that has ended is deleted, and made again under the same name. */
const replaceStep = (pod: Pod): Step | undefined =>
  isPodFinished(pod) && !isTerminating(pod) ? { kind: 'delete', pod, why: 'ended' } : undefined

const isSettled = ({ set, nowMs }: StatefulSetView, pod: Pod | undefined): boolean =>
  pod !== undefined && !isTerminating(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)

/** Deletes the highest pod of another revision, unless a pod above it, or that one itself, is not well yet. */
function updateSteps(view: StatefulSetView, replicas: readonly (Pod | undefined)[], updateRevision: string): Step[] {
  const partition = view.set.spec.updateStrategy?.rollingUpdate?.partition ?? 0
  for (const pod of replicas.slice(partition).reverse()) {
    if (pod !== undefined && pod.metadata.labels?.[revisionLabel] !== updateRevision && !isTerminating(pod))
      return [{ kind: 'delete', pod, why: 'old' }]
    if (!isSettled(view, pod)) return []
  }
  return []
}

/** The status of a set with these pods; a finished update makes the new revision the current one. */
export function statusOf(view: StatefulSetView): StatefulSetStatus {
  const { set, pods, updateRevision, nowMs } = view
  const alive = pods.filter((pod) => !isTerminating(pod))
  const ofRevision = (revision: string): number =>
    alive.filter(({ metadata }) => metadata.labels?.[revisionLabel] === revision).length
  const running = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod))
  const available = running.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs))
  const updated = ofRevision(updateRevision)
  const wanted = set.spec.replicas ?? 1
  const isRolling = set.spec.updateStrategy?.type !== 'OnDelete'
  const isDone = isRolling && [updated, running.length, pods.length].every((count) => count === wanted)
  const currentRevision = isDone ? updateRevision : view.currentRevision
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    ...counted('readyReplicas', running.length),
    ...counted('currentReplicas', ofRevision(currentRevision)),
    ...counted('updatedReplicas', updated),
    currentRevision,
    updateRevision,
    collisionCount: set.status?.collisionCount ?? 0,
    availableReplicas: available.length,
  }
}

const counted = (name: string, count: number): Record<string, number> => (count === 0 ? {} : { [name]: count })
