import { apiTime } from '../../../kube/times.ts'
import { setCondition, withoutCondition } from '../conditions.ts'
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from '../kinds.ts'
import { timeOf } from '../objects.ts'
import { conditionOf } from '../pods.ts'
import { boundsOf } from './rolling.ts'

/** The Go client's "no limit". */
const noLimit = 2_147_483_647

export const hasDeadline = ({ spec }: Deployment): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== noLimit

const total = (replicaSets: readonly ReplicaSet[], of: (replicaSet: ReplicaSet) => number | undefined): number =>
  replicaSets.reduce((all, replicaSet) => all + (of(replicaSet) ?? 0), 0)

/**
 * The counts over all ReplicaSets and the condition Available. Counts of 0 are left out, as the API does.
 *
 * @param conditions what there is so far
 */
export function countedStatus(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  conditions: readonly Condition[],
  nowMs: number,
): DeploymentStatus {
  const available = total(replicaSets, ({ status }) => status?.availableReplicas)
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: total(replicaSets, ({ status }) => status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total(replicaSets, ({ status }) => status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(replicaSets, ({ spec }) => spec.replicas) - available),
    collisionCount: deployment.status?.collisionCount ?? 0,
  }
  const wanted = (deployment.spec.replicas ?? 1) - boundsOf(deployment.spec).maxUnavailable
  return {
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    terminatingReplicas: total(replicaSets, ({ status }) => status?.terminatingReplicas),
    conditions: setCondition(conditions, availability(available >= wanted), apiTime(nowMs)),
  }
}

const availability = (enough: boolean): Condition =>
  enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }

/** Rolled out: all pods are of the current template and available, and the status is about this generation. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const { replicas = 1 } = deployment.spec
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

function hasProgressed(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

/** Milliseconds until a rollout without progress counts as stuck; undefined where none is awaited. */
export function deadlineInMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const progressing = conditionOf({ status }, 'Progressing')
  if (!hasDeadline(deployment) || deployment.spec.paused === true || progressing === undefined) return undefined
  if (progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'ProgressDeadlineExceeded')
    return undefined
  const fromMs = timeOf(progressing.lastUpdateTime)
  return fromMs + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 - nowMs
}

/** The condition Progressing, judged by the status before and after (kube-controller-manager, syncRolloutStatus). */
export function withProgress(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  status: DeploymentStatus,
  nowMs: number,
): DeploymentStatus {
  const conditions = status.conditions ?? []
  if (!hasDeadline(deployment)) return { ...status, conditions: withoutCondition(conditions, 'Progressing') }
  const before = conditionOf({ status }, 'Progressing')
  const settled =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && before?.reason === 'NewReplicaSetAvailable'
  if (settled) return status
  const who =
    current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`
  const set = (condition: Condition, renew: boolean): DeploymentStatus => ({
    ...status,
    conditions: renew ? renewed(conditions, condition, nowMs) : setCondition(conditions, condition, apiTime(nowMs)),
  })
  if (isComplete(deployment, status))
    return set(progress('True', 'NewReplicaSetAvailable', `${who} has successfully progressed.`), false)
  if (hasProgressed(deployment.status ?? {}, status))
    return set(progress('True', 'ReplicaSetUpdated', `${who} is progressing.`), true)
  if ((deadlineInMs(deployment, status, nowMs) ?? 1) <= 0) {
    return set(progress('False', 'ProgressDeadlineExceeded', `${who} has timed out progressing.`), false)
  }
  return status
}

export const progress = (status: Condition['status'], reason: string, message: string): Condition => ({
  type: 'Progressing',
  status,
  reason,
  message,
})

/** Sets a condition whose reason may be the same, with a new lastUpdateTime: the deadline runs from there. */
function renewed(conditions: readonly Condition[], { type, status, ...why }: Condition, nowMs: number): Condition[] {
  const time = apiTime(nowMs)
  const before = conditions.find((condition) => condition.type === type)
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? time) : time
  return [...withoutCondition(conditions, type), { type, status, lastUpdateTime: time, lastTransitionTime, ...why }]
}

/** A failure of a ReplicaSet to create pods, of the current one before the old ones, shows at the Deployment. */
export function withReplicaFailure(
  status: DeploymentStatus,
  replicaSets: readonly ReplicaSet[],
  nowMs: number,
): DeploymentStatus {
  const conditions = status.conditions ?? []
  const [failure] = replicaSets.flatMap((replicaSet) => conditionOf(replicaSet, 'ReplicaFailure') ?? [])
  if (failure === undefined) return { ...status, conditions: withoutCondition(conditions, 'ReplicaFailure') }
  const { type, status: value, reason = '', message = '' } = failure
  return { ...status, conditions: setCondition(conditions, { type, status: value, reason, message }, apiTime(nowMs)) }
}
