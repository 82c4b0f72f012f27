import { apiTime } from '../../../kube/times.ts'
import type { NewObject } from '../../api/types.ts'
import { same } from '../canonical.ts'
import { setCondition } from '../conditions.ts'
import type { Occurrence } from '../events.ts'
import type { Deployment, DeploymentStatus, ReplicaSet } from '../kinds.ts'
import { byCreation, isTerminating } from '../objects.ts'
import { conditionOf } from '../pods.ts'
import { asNew, draftOf, newReplicaSet } from './draft.ts'
import { desiredReplicasAnnotation, revisionAnnotation } from './names.ts'
import { currentAnnotations, nextRevision, revisionOf, sizeAnnotations } from './revision.ts'
import { boundsOf, nextNewReplicas, nextOldReplicas } from './rolling.ts'
import { rescaled, totalSpec } from './scale.ts'
import {
  countedStatus,
  deadlineInMs,
  hasDeadline,
  isComplete,
  progress,
  withProgress,
  withReplicaFailure,
} from './status.ts'
import { sameTemplate } from './template.ts'

/** What one look at a Deployment leads to. */
export interface DeploymentPlan {
  create: NewObject | undefined
  update: ReplicaSet[]
  remove: ReplicaSet[]
  /** The Deployment's revision annotation, if it has to change. */
  revision: string | undefined
  status: DeploymentStatus
  occurrences: Occurrence[]
  wakeInMs: number | undefined
}

export interface DeploymentView {
  deployment: Deployment
  /** The ReplicaSets that it controls. */
  replicaSets: readonly ReplicaSet[]
  /** True if a pod of another ReplicaSet than the current one is still there (Recreate waits for that). */
  hasOldPods: (current: ReplicaSet | undefined) => boolean
  nowMs: number
}

/** The work in hand: ReplicaSets are drafts, to be compared with the originals in the end. */
interface Draft {
  view: DeploymentView
  deployment: Deployment
  current: ReplicaSet | undefined
  created: boolean
  /** The others, oldest first. */
  old: ReplicaSet[]
  removed: ReplicaSet[]
  status: DeploymentStatus
  occurrences: Occurrence[]
}

/** Decides what a Deployment needs next (kube-controller-manager, syncDeployment): one step of a rollout at a time. */
export function planDeployment(view: DeploymentView): DeploymentPlan {
  const draft = startDraft(view)
  const { deployment } = view
  if (isTerminating(deployment)) return finish(draft, false)
  notePause(draft)
  if (deployment.spec.paused === true || isBeingScaled(draft)) {
    adoptRevision(draft)
    for (const { replicaSet, replicas } of rescaled(deployment, draft.current, draft.old))
      scaleTo(draft, replicaSet, replicas)
    if (deployment.spec.paused === true) removeHistory(draft)
    return finish(draft, false)
  }
  if (deployment.spec.strategy?.type === 'Recreate') rollRecreate(draft)
  else rollStep(draft)
  return finish(draft, true)
}

function startDraft(view: DeploymentView): Draft {
  const sorted = view.replicaSets.map(draftOf).sort(byCreation)
  const current = sorted.find(({ spec }) => sameTemplate(spec.template, view.deployment.spec.template))
  const old = sorted.filter((replicaSet) => replicaSet !== current)
  const status = { ...view.deployment.status, conditions: [...(view.deployment.status?.conditions ?? [])] }
  return { view, deployment: view.deployment, current, created: false, old, removed: [], status, occurrences: [] }
}

/** Pausing shows in Progressing, and so does going on. */
function notePause({ deployment, status, view }: Draft): void {
  const reason = conditionOf({ status }, 'Progressing')?.reason
  const paused = deployment.spec.paused === true
  if (!hasDeadline(deployment) || reason === 'ProgressDeadlineExceeded' || paused === (reason === 'DeploymentPaused'))
    return
  const next = paused
    ? progress('Unknown', 'DeploymentPaused', 'Deployment is paused')
    : progress('Unknown', 'DeploymentResumed', 'Deployment is resumed')
  status.conditions = setCondition(status.conditions ?? [], next, apiTime(view.nowMs))
}

const isBeingScaled = ({ deployment, current, old }: Draft): boolean =>
  [...old, ...(current === undefined ? [] : [current])].some(({ spec, metadata }) => {
    const desired = metadata.annotations?.[desiredReplicasAnnotation]
    return (spec.replicas ?? 0) > 0 && desired !== undefined && desired !== String(deployment.spec.replicas ?? 1)
  })

/** Brings the current ReplicaSet's revision and copied annotations up to date, if there is one. */
function adoptRevision(draft: Draft): void {
  const { current, deployment, status } = draft
  if (current === undefined) return
  current.metadata.annotations = currentAnnotations(deployment, current.metadata.annotations, nextRevision(draft.old))
  if (deployment.spec.minReadySeconds !== undefined) current.spec.minReadySeconds = deployment.spec.minReadySeconds
  if (hasDeadline(deployment) && conditionOf({ status }, 'Progressing') === undefined) {
    noteProgress(draft, 'FoundNewReplicaSet', `Found new replica set "${current.metadata.name}"`)
  }
}

function noteProgress({ status, view }: Draft, reason: string, message: string): void {
  status.conditions = setCondition(status.conditions ?? [], progress('True', reason, message), apiTime(view.nowMs))
}

/** Finds or makes the current ReplicaSet; a new one starts at the size that the rollout allows right away. */
function ensureCurrent(draft: Draft): ReplicaSet {
  if (draft.current !== undefined) {
    adoptRevision(draft)
    return draft.current
  }
  const { deployment } = draft
  const current = newReplicaSet(deployment, draft.status.collisionCount ?? 0)
  current.spec.replicas = allowedReplicas(draft, 0)
  const revised = currentAnnotations(deployment, undefined, nextRevision(draft.old))
  current.metadata.annotations = { ...revised, ...sizeAnnotations(deployment) }
  draft.current = current
  draft.created = true
  if (hasDeadline(deployment))
    noteProgress(draft, 'NewReplicaSetCreated', `Created new replica set "${current.metadata.name}"`)
  if (current.spec.replicas > 0) noteScaling(draft, current, 0)
  return current
}

function allowedReplicas({ deployment, old }: Draft, replicas: number): number {
  const { spec } = deployment
  if (spec.strategy?.type === 'Recreate') return spec.replicas ?? 1
  return nextNewReplicas(spec.replicas ?? 1, boundsOf(spec), replicas, totalSpec(old))
}

/** Sets a ReplicaSet's size, with the annotations that go with it. Returns true if the size changed. */
function scaleTo(draft: Draft, replicaSet: ReplicaSet, replicas: number): boolean {
  const before = replicaSet.spec.replicas ?? 0
  replicaSet.metadata.annotations = { ...replicaSet.metadata.annotations, ...sizeAnnotations(draft.deployment) }
  replicaSet.spec.replicas = replicas
  if (replicas !== before) noteScaling(draft, replicaSet, before)
  return replicas !== before
}

function noteScaling({ occurrences }: Draft, { metadata, spec }: ReplicaSet, before: number): void {
  const now = spec.replicas ?? 0
  const message = `Scaled ${now > before ? 'up' : 'down'} replica set ${metadata.name} from ${before} to ${now}`
  occurrences.push({ type: 'Normal', reason: 'ScalingReplicaSet', message })
}

/** One step of a rolling update: grow the new one, or else shrink the old ones, or else clear up. */
function rollStep(draft: Draft): void {
  const current = ensureCurrent(draft)
  if (draft.created) return
  const { deployment, old } = draft
  const next = allowedReplicas(draft, current.spec.replicas ?? 0)
  if (next !== (current.spec.replicas ?? 0)) {
    scaleTo(draft, current, next)
    return
  }
  const sizes = nextOldReplicas(
    deployment.spec.replicas ?? 1,
    boundsOf(deployment.spec),
    sizeOf(current),
    old.map(sizeOf),
  )
  const changed = old.filter((replicaSet, index) => {
    const size = sizes[index] ?? 0
    return size !== (replicaSet.spec.replicas ?? 0) && scaleTo(draft, replicaSet, size)
  })
  if (changed.length === 0) removeHistory(draft)
}

const sizeOf = ({ spec, status }: ReplicaSet): { replicas: number; available: number } => ({
  replicas: spec.replicas ?? 0,
  available: status?.availableReplicas ?? 0,
})

/** Recreate: all old pods have to be gone before the first new one is made. */
function rollRecreate(draft: Draft): void {
  const running = draft.old.filter(({ spec }) => (spec.replicas ?? 0) > 0)
  for (const replicaSet of running) scaleTo(draft, replicaSet, 0)
  if (running.length === 0 && !draft.view.hasOldPods(draft.current)) {
    const current = ensureCurrent(draft)
    if (!draft.created && current.spec.replicas !== (draft.deployment.spec.replicas ?? 1)) {
      scaleTo(draft, current, draft.deployment.spec.replicas ?? 1)
      return
    }
    removeHistory(draft)
  } else {
    adoptRevision(draft)
  }
}

/** Removes the oldest ReplicaSets that are empty, beyond the limit; during a rollout none. */
function removeHistory(draft: Draft): void {
  const { deployment, old, status } = draft
  const limit = deployment.spec.revisionHistoryLimit
  if (limit === undefined || (deployment.spec.paused !== true && !isComplete(deployment, status))) return
  const alive = old.filter((replicaSet) => !isTerminating(replicaSet))
  const surplus = [...alive]
    .sort((a, b) => revisionOf(a) - revisionOf(b) || byCreation(a, b))
    .slice(0, Math.max(0, alive.length - limit))
  draft.removed = surplus.filter(({ spec, status: counts, metadata }) => {
    const seen = (metadata.generation ?? 0) <= (counts?.observedGeneration ?? 0)
    return (spec.replicas ?? 0) === 0 && (counts?.replicas ?? 0) === 0 && seen
  })
}

/** @param rollout false where progress is not judged: while paused, scaled or on the way out */
function finish(draft: Draft, rollout: boolean): DeploymentPlan {
  const { view, current, created, old, deployment } = draft
  const all = [...(current === undefined ? [] : [current]), ...old]
  let status = countedStatus(deployment, all, current, draft.status.conditions ?? [], view.nowMs)
  if (rollout) {
    status = withProgress(deployment, current, status, view.nowMs)
    status = withReplicaFailure(status, all, view.nowMs)
  }
  const revision = isTerminating(deployment) ? undefined : current?.metadata.annotations?.[revisionAnnotation]
  return {
    create: created && current !== undefined ? asNew(current) : undefined,
    update: all.filter((replicaSet) => replicaSet !== current || !created).filter((next) => hasChanged(view, next)),
    remove: draft.removed,
    revision: revision === deployment.metadata.annotations?.[revisionAnnotation] ? undefined : revision,
    status,
    occurrences: draft.occurrences,
    wakeInMs: rollout ? deadlineInMs(deployment, status, view.nowMs) : undefined,
  }
}

const hasChanged = ({ replicaSets }: DeploymentView, next: ReplicaSet): boolean =>
  !same(
    next,
    replicaSets.find(({ metadata }) => metadata.uid === next.metadata.uid),
  )
