import { apiTime } from '../../../kube/times.ts'
import { putCondition } from '../conditions.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isNotFound } from '../failure.ts'
import type { Node, Pod, Taint } from '../kinds.ts'
import { isTerminating, keyOf } from '../objects.ts'
import { isPodFinished } from '../pods.ts'
import { tolerates } from '../taints.ts'

const source = 'taint-eviction-controller'

/** Deletes pods from nodes with a NoExecute taint that they do not tolerate, or not for so long. Keys are pods. */
export function taintEvictionController(context: ControllerContext): Controller {
  const { caches } = context
  /** Since when the time of a pod runs. */
  const sinceMs = new Map<string, number>()
  return {
    name: source,
    watch(add) {
      caches.nodes.onChange(({ now, before }) => {
        const { name } = ((now ?? before) as Node).metadata
        if (noExecute(now).length === 0 && noExecute(before).length === 0) return
        for (const pod of caches.pods.indexed('node', name)) add(keyOf(pod))
      })
      caches.pods.onChange(({ now, before }) => {
        if (now?.spec.nodeName && now.spec.nodeName !== before?.spec.nodeName) add(keyOf(now))
      })
    },
    sync(key) {
      const pod = caches.pods.get(key)
      const nowMs = context.clock.now()
      const startMs = sinceMs.get(key)
      sinceMs.delete(key)
      if (pod === undefined || isTerminating(pod) || isPodFinished(pod)) return undefined
      const taints = noExecute(caches.nodes.get(pod.spec.nodeName ?? ''))
      const leftMs = (startMs ?? nowMs) + toleratedForMs(pod, taints) - nowMs
      if (leftMs === Infinity && startMs !== undefined) tell(context, pod, `Cancelling deletion of Pod ${key}`)
      if (leftMs <= 0) evict(context, pod)
      if (leftMs <= 0 || leftMs === Infinity) return undefined
      sinceMs.set(key, startMs ?? nowMs)
      return leftMs
    },
  }
}

const noExecute = (node: Node | undefined): Taint[] =>
  (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')

/** How long the pod may stay, from when the taints are seen on it: until the first of its tolerations runs out; 0 if a taint has none. */
function toleratedForMs({ spec }: Pod, taints: readonly Taint[]): number {
  const lefts = taints.map((taint) => {
    const used = (spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint))
    if (used.length === 0) return 0
    return Math.max(0, Math.min(...used.map(({ tolerationSeconds }) => tolerationSeconds ?? Infinity))) * 1000
  })
  return Math.min(Infinity, ...lefts)
}

const tell = ({ record }: ControllerContext, pod: Pod, message: string): void =>
  record(source, pod, { type: 'Normal', reason: 'TaintManagerEviction', message })

function evict(context: ControllerContext, pod: Pod): void {
  const { store, clock } = context
  tell(context, pod, `Marking for deletion Pod ${keyOf(pod)}`)
  const time = apiTime(clock.now())
  const disrupted = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: time,
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  } as const
  const conditions = putCondition(pod.status?.conditions ?? [], disrupted, time)
  const { namespace, name, uid } = pod.metadata
  try {
    store.updateStatus('pods', { ...structuredClone(pod), status: { ...structuredClone(pod.status), conditions } })
    store.remove('pods', namespace, name, { preconditions: { uid } })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
