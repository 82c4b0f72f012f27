import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isNamespaceTerminating, isNotFound, messageOf } from '../failure.ts'
import type { DaemonSet, Node, Pod } from '../kinds.ts'
import { isTerminating, keyOf } from '../objects.ts'
import { claimPods, watchWorkloads } from '../podclaims.ts'
import { nextAvailableInMs } from '../replicaset/plan.ts'
import { claimRevisions, removeHistory, updateRevision } from '../revisions.ts'
import { type DaemonSetPlan, type DaemonSetView, planDaemonSet, statusOf } from './plan.ts'
import { hashLabel, newPod } from './pod.ts'

const source = 'daemonset-controller'

/** Gives each node that suits it a pod of a DaemonSet. */
export function daemonSetController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: source,
    watch(add) {
      watchWorkloads(caches, caches.daemonsets, 'DaemonSet', add)
      caches.nodes.onChange(({ now, before }) => {
        if (now !== undefined && before !== undefined && same(suitOf(now), suitOf(before))) return
        for (const set of caches.daemonsets.values()) add(keyOf(set))
      })
    },
    sync(key) {
      const set = caches.daemonsets.get(key)
      return set === undefined ? undefined : syncSet(context, set)
    },
  }
}

/** What matters of a node to DaemonSets: heartbeats do not. */
const suitOf = ({ metadata, spec }: Node): unknown => [metadata.labels, spec?.taints, spec?.unschedulable]

function syncSet(context: ControllerContext, set: DaemonSet): number | undefined {
  claimPods(context, set)
  const before = claimRevisions(context, set)
  if (isTerminating(set)) return undefined
  const update = updateRevision(context, set, before, hashLabel)
  const hash = update.metadata.labels?.[hashLabel] ?? ''
  const plan = planDaemonSet(viewOf(context, set, hash))
  const failure = apply(context, set, plan, hash)
  const view = viewOf(context, set, hash)
  writeStatus(context, set, view)
  if (failure !== undefined) throw failure
  const revisions = claimRevisions(context, set)
  removeHistory(
    context,
    set,
    revisions,
    new Set([update.metadata.name, ...view.pods.map((pod) => revisionName(set, pod))]),
  )
  return nextAvailableInMs(set, view.pods, context.clock.now())
}

const revisionName = (set: DaemonSet, { metadata }: Pod): string =>
  `${set.metadata.name}-${metadata.labels?.[hashLabel]}`

const viewOf = ({ caches, clock }: ControllerContext, set: DaemonSet, hash: string): DaemonSetView => ({
  set,
  nodes: [...caches.nodes.values()],
  pods: caches.pods.indexed('controller', set.metadata.uid),
  hash,
  nowMs: clock.now(),
})

/** Returns what went wrong, after the Event has told of it. */
function apply(context: ControllerContext, set: DaemonSet, plan: DaemonSetPlan, hash: string): unknown {
  const { store, record } = context
  try {
    for (const nodeName of plan.create) {
      const { metadata } = store.create('pods', newPod(set, nodeName, hash))
      const message = `Created pod: ${metadata.name}`
      record(source, set, { type: 'Normal', reason: 'SuccessfulCreate', message })
    }
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined
    record(source, set, { type: 'Warning', reason: 'FailedCreate', message: `Error creating: ${messageOf(error)}` })
    return error
  }
  for (const pod of plan.remove) remove(context, set, pod, plan.ended.has(pod))
  return undefined
}

function remove({ store, record }: ControllerContext, set: DaemonSet, pod: Pod, ended: boolean): void {
  const { namespace, name, uid } = pod.metadata
  if (ended) record(source, set, endedOccurrence(pod))
  try {
    store.remove('pods', namespace, name, { preconditions: { uid } })
  } catch (error) {
    if (isNotFound(error)) return
    throw error
  }
  record(source, set, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${name}` })
}

function endedOccurrence(pod: Pod): Parameters<ControllerContext['record']>[2] {
  const where = `daemon pod ${keyOf(pod)} on node ${pod.spec.nodeName}, will try to kill it`
  return pod.status?.phase === 'Failed'
    ? { type: 'Warning', reason: 'FailedDaemonPod', message: `Found failed ${where}` }
    : { type: 'Normal', reason: 'SucceededDaemonPod', message: `Found succeeded ${where}` }
}

function writeStatus({ store, caches }: ControllerContext, set: DaemonSet, view: DaemonSetView): void {
  const now = caches.daemonsets.get(keyOf(set))
  if (now === undefined) return
  const status = statusOf(view)
  if (!same(status, now.status)) store.updateStatus('daemonsets', { ...structuredClone(now), status })
}
