import { apiTime } from '../../../kube/times.ts'
import { same } from '../canonical.ts'
import { putCondition } from '../conditions.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import type { Condition, Node, Pod } from '../kinds.ts'
import { isTerminating, keyOf } from '../objects.ts'
import { conditionOf, isPodFinished } from '../pods.ts'
import { placePod } from './place.ts'

const source = 'default-scheduler'

/** Binds pods to nodes. */
export function schedulerController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: source,
    watch(add) {
      const addWaiting = (): void => {
        for (const pod of caches.pods.indexed('node', '')) if (isWaiting(pod)) add(keyOf(pod))
      }
      caches.pods.onChange(({ now, before }) => {
        if (now !== undefined && isWaiting(now)) add(keyOf(now))
        if (makesRoom(now, before)) addWaiting()
      })
      caches.nodes.onChange(({ now, before }) => {
        if (now !== undefined && !same(placingOf(now), before && placingOf(before))) addWaiting()
      })
    },
    sync(key) {
      const pod = caches.pods.get(key)
      if (pod !== undefined && isWaiting(pod)) schedule(context, pod)
      return undefined
    },
  }
}

const isWaiting = (pod: Pod): boolean =>
  !pod.spec.nodeName && !isTerminating(pod) && !isPodFinished(pod) && (pod.spec.schedulerName ?? source) === source

/** A pod that leaves its node gives its host ports back; one that begins to, its place in a topology spread. */
const makesRoom = (now: Pod | undefined, before: Pod | undefined): boolean =>
  before?.spec.nodeName !== undefined &&
  (now === undefined ||
    (isPodFinished(now) && !isPodFinished(before)) ||
    (isTerminating(now) && !isTerminating(before)))

/** What matters of a node to the placing of pods: heartbeats do not. */
const placingOf = (node: Node): unknown => [
  node.metadata.labels,
  node.spec?.unschedulable,
  node.spec?.taints,
  conditionOf(node, 'Ready')?.status,
]

function schedule(context: ControllerContext, pod: Pod): void {
  if ((pod.spec.schedulingGates ?? []).length > 0) {
    writeCondition(context, pod, {
      ...notScheduled(pod),
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    })
    return
  }
  const { caches, settings } = context
  const podsOn = (nodeName: string): Iterable<Pod> => caches.pods.scan('node', nodeName)
  const placement = placePod(pod, caches.nodes.values(), podsOn, (fitting) => settings.prefer?.(pod, fitting))
  if ('nodeName' in placement) bind(context, pod, placement.nodeName)
  else reject(context, pod, placement.message)
}

const notScheduled = ({ metadata }: Pod): Condition => ({
  type: 'PodScheduled',
  status: 'False',
  lastProbeTime: null,
  ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
})

function bind({ store, record }: ControllerContext, pod: Pod, nodeName: string): void {
  store.bind(pod.metadata.namespace ?? '', pod.metadata.name, nodeName)
  const message = `Successfully assigned ${keyOf(pod)} to ${nodeName}`
  record(source, pod, { type: 'Normal', reason: 'Scheduled', message, action: 'Binding' })
}

function reject(context: ControllerContext, pod: Pod, message: string): void {
  const before = conditionOf(pod, 'PodScheduled')
  if (before?.status === 'False' && before.reason === 'Unschedulable' && before.message === message) return
  writeCondition(context, pod, { ...notScheduled(pod), reason: 'Unschedulable', message })
  context.record(source, pod, { type: 'Warning', reason: 'FailedScheduling', message, action: 'Scheduling' })
}

function writeCondition({ store, clock }: ControllerContext, pod: Pod, condition: Condition): void {
  const before = pod.status?.conditions ?? []
  const conditions = putCondition(before, condition, apiTime(clock.now()))
  if (same(conditions, before)) return
  store.updateStatus('pods', { ...structuredClone(pod), status: { ...structuredClone(pod.status), conditions } })
}
