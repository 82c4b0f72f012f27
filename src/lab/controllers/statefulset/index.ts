import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isAlreadyExists, isNamespaceTerminating, messageOf } from '../failure.ts'
import type { ControllerRevision, Pod, StatefulSet } from '../kinds.ts'
import { isTerminating, keyOf } from '../objects.ts'
import { claimPods, watchWorkloads } from '../podclaims.ts'
import { nextAvailableInMs } from '../replicaset/plan.ts'
import { claimRevisions, removeHistory, templateOf, updateRevision } from '../revisions.ts'
import { createClaims, releaseClaims } from './claims.ts'
import { planSteps, type Reason, type StatefulSetView, type Step, statusOf } from './plan.ts'
import { newPod, ordinalOf, podName, revisionLabel } from './pod.ts'

const source = 'statefulset-controller'

/** The label of a StatefulSet's revisions that holds their hash. */
const hashLabel = 'controller.kubernetes.io/hash'

/** Gives StatefulSets their pods, by ordinal. */
export function statefulSetController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: source,
    watch: (add) => watchWorkloads(caches, caches.statefulsets, 'StatefulSet', add),
    sync(key) {
      const set = caches.statefulsets.get(key)
      return set === undefined ? undefined : syncSet(context, set)
    },
  }
}

function syncSet(context: ControllerContext, set: StatefulSet): number | undefined {
  const pods = ownPods(context, set)
  if (isTerminating(set)) return undefined
  const before = claimRevisions(context, set)
  const update = updateRevision(context, set, before, hashLabel)
  const revisions = claimRevisions(context, set)
  const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update
  const view = viewOf(context, set, pods, current, update)
  const steps = planSteps(view)
  for (const step of steps) take(context, set, step, step.kind === 'create' ? byName(revisions, step.revision) : update)
  const after = viewOf(context, set, ownPods(context, set), current, update)
  writeStatus(context, set, after)
  const inUse = after.pods.map(({ metadata }) => metadata.labels?.[revisionLabel] ?? '')
  removeHistory(context, set, revisions, new Set([current.metadata.name, update.metadata.name, ...inUse]))
  return nextAvailableInMs(set, after.pods, context.clock.now())
}

const byName = (revisions: readonly ControllerRevision[], name: string): ControllerRevision =>
  revisions.find(({ metadata }) => metadata.name === name) as ControllerRevision

const ownPods = (context: ControllerContext, set: StatefulSet): Pod[] =>
  claimPods(context, set, (pod) => ordinalOf(set, pod) !== undefined)

const viewOf = (
  { clock }: ControllerContext,
  set: StatefulSet,
  pods: readonly Pod[],
  current: ControllerRevision,
  update: ControllerRevision,
): StatefulSetView => ({
  set,
  pods,
  currentRevision: current.metadata.name,
  updateRevision: update.metadata.name,
  nowMs: clock.now(),
})

function take(context: ControllerContext, set: StatefulSet, step: Step, revision: ControllerRevision): void {
  try {
    if (step.kind === 'create') createPod(context, set, step.ordinal, revision)
    else deletePod(context, set, step.pod, step.why)
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error
  }
}

function createPod(context: ControllerContext, set: StatefulSet, ordinal: number, revision: ControllerRevision): void {
  const { store, record } = context
  const { name } = set.metadata
  const pod = podName(set, ordinal)
  createClaims(context, set, ordinal)
  try {
    store.create('pods', newPod(set, templateOf(revision), revision.metadata.name, ordinal))
  } catch (error) {
    if (isAlreadyExists(error) || isNamespaceTerminating(error)) throw error
    const message = `create Pod ${pod} in StatefulSet ${name} failed error: ${messageOf(error)}`
    record(source, set, { type: 'Warning', reason: 'FailedCreate', message })
    throw error
  }
  const message = `Create Pod ${pod} in StatefulSet ${name} successful`
  record(source, set, { type: 'Normal', reason: 'SuccessfulCreate', message })
}

function deletePod(context: ControllerContext, set: StatefulSet, pod: Pod, why: Reason): void {
  const { store, record } = context
  const { namespace, name, uid } = pod.metadata
  if (why === 'surplus') releaseClaims(context, set, pod)
  if (why === 'ended') {
    const message = `StatefulSet ${keyOf(set)} is recreating failed Pod ${name}`
    record(source, set, { type: 'Warning', reason: 'RecreatingFailedPod', message })
  }
  store.remove('pods', namespace, name, { preconditions: { uid } })
  const message = `Delete Pod ${name} in StatefulSet ${set.metadata.name} successful`
  record(source, set, { type: 'Normal', reason: 'SuccessfulDelete', message })
}

function writeStatus({ store, caches }: ControllerContext, set: StatefulSet, view: StatefulSetView): void {
  const now = caches.statefulsets.get(keyOf(set))
  if (now === undefined) return
  const status = statusOf(view)
  if (!same(status, now.status)) store.updateStatus('statefulsets', { ...structuredClone(now), status })
}
