import { apiTime } from '../../../kube/times.ts'
import { same } from '../canonical.ts'
import { setCondition, withoutCondition } from '../conditions.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isConflict, isNamespaceTerminating, isNotFound, messageOf } from '../failure.ts'
import type { Pod, ReplicaSet } from '../kinds.ts'
import { controllerOf, isTerminating, keyOf } from '../objects.ts'
import { claimPods, watchWorkloads } from '../podclaims.ts'
import { isPodActive } from '../pods.ts'
import { missingReplicas, newPod, nextAvailableInMs, replicaSetStatus, surplusPods } from './plan.ts'

const source = 'replicaset-controller'

/** Keeps as many pods as a ReplicaSet wants. */
export function replicaSetController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: source,
    watch(add) {
      watchWorkloads(caches, caches.replicasets, 'ReplicaSet', add)
    },
    sync(key) {
      const replicaSet = caches.replicasets.get(key)
      return replicaSet === undefined ? undefined : syncReplicaSet(context, replicaSet)
    },
  }
}

function syncReplicaSet(context: ControllerContext, replicaSet: ReplicaSet): number | undefined {
  claimPods(context, replicaSet)
  const failure = isTerminating(replicaSet) ? undefined : manageReplicas(context, replicaSet)
  const owned = ownedPods(context, replicaSet)
  const nowMs = context.clock.now()
  writeStatus(context, replicaSet, owned, failure, nowMs)
  if (failure !== undefined) throw failure.error
  return nextAvailableInMs(replicaSet, owned, nowMs)
}

const ownedPods = ({ caches }: ControllerContext, replicaSet: ReplicaSet): Pod[] =>
  caches.pods.indexed('controller', replicaSet.metadata.uid)

interface CreateFailure {
  reason: 'FailedCreate' | 'FailedDelete'
  error: unknown
}

/** Creates or deletes pods; returns what went wrong, after the Event has told of it. */
function manageReplicas(context: ControllerContext, replicaSet: ReplicaSet): CreateFailure | undefined {
  const active = ownedPods(context, replicaSet).filter(isPodActive)
  const missing = missingReplicas(replicaSet, active)
  if (missing >= 0) return createPods(context, replicaSet, missing)
  return deletePods(context, replicaSet, surplusPods(active, -missing, relatedPods(context, replicaSet)))
}

function createPods(
  { store, record }: ControllerContext,
  replicaSet: ReplicaSet,
  count: number,
): CreateFailure | undefined {
  try {
    for (let created = 0; created < count; created++) {
      const pod = store.create('pods', newPod(replicaSet))
      record(source, replicaSet, {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `Created pod: ${pod.metadata.name}`,
      })
    }
    return undefined
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined
    if (isConflict(error)) throw error
    record(source, replicaSet, {
      type: 'Warning',
      reason: 'FailedCreate',
      message: `Error creating: ${messageOf(error)}`,
    })
    return { reason: 'FailedCreate', error }
  }
}

function deletePods(
  { store, record }: ControllerContext,
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
): CreateFailure | undefined {
  for (const { metadata } of pods) {
    try {
      store.remove('pods', metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } })
      record(source, replicaSet, {
        type: 'Normal',
        reason: 'SuccessfulDelete',
        message: `Deleted pod: ${metadata.name}`,
      })
    } catch (error) {
      if (isNotFound(error)) continue
      record(source, replicaSet, {
        type: 'Warning',
        reason: 'FailedDelete',
        message: `Error deleting: ${messageOf(error)}`,
      })
      return { reason: 'FailedDelete', error }
    }
  }
  return undefined
}

/** The active pods of all ReplicaSets that share this one's controller. */
function relatedPods({ caches }: ControllerContext, replicaSet: ReplicaSet): Pod[] {
  const controller = controllerOf(replicaSet)
  const siblings = controller === undefined ? [replicaSet] : caches.replicasets.indexed('controller', controller.uid)
  return siblings.flatMap(({ metadata }) => caches.pods.indexed('controller', metadata.uid)).filter(isPodActive)
}

function writeStatus(
  { store, caches }: ControllerContext,
  before: ReplicaSet,
  owned: readonly Pod[],
  failure: CreateFailure | undefined,
  nowMs: number,
): void {
  const replicaSet = caches.replicasets.get(keyOf(before))
  if (replicaSet === undefined) return
  const conditions = replicaSet.status?.conditions ?? []
  const next =
    failure === undefined
      ? withoutCondition(conditions, 'ReplicaFailure')
      : setCondition(
          conditions,
          { type: 'ReplicaFailure', status: 'True', reason: failure.reason, message: messageOf(failure.error) },
          apiTime(nowMs),
          { lastUpdateTime: false },
        )
  const status = replicaSetStatus(replicaSet, owned, next, nowMs)
  if (!same(status, replicaSet.status)) store.updateStatus('replicasets', { ...structuredClone(replicaSet), status })
}
