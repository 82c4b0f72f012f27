import type { KubeObject } from '../api/types.ts'
import type { Cache } from './cache.ts'
import { type Caches, candidates } from './caches.ts'
import { planClaims, withController, withoutOwner } from './claim.ts'
import type { ControllerContext } from './controller.ts'
import type { LabelSelector, Pod } from './kinds.ts'
import { controllerOf, joinKey, keyOf } from './objects.ts'
import { matchesSelector } from './selector.ts'

/** Keys of the workloads of one kind that a pod matters to: the one that controls it, or all that could adopt it. */
function* ownersOf<T extends KubeObject & { spec: { selector: LabelSelector } }>(
  workloads: Cache<T>,
  kind: string,
  pod: Pod,
): Iterable<string> {
  const controller = controllerOf(pod)
  if (controller?.kind === kind) yield joinKey(pod.metadata.namespace, controller.name)
  if (controller !== undefined) return
  for (const workload of workloads.indexed('namespace', pod.metadata.namespace ?? '')) {
    if (matchesSelector(workload.spec.selector, pod.metadata.labels)) yield keyOf(workload)
  }
}

/** Tells of the workloads of one kind that change, and of those whose pods do. */
export function watchWorkloads<T extends KubeObject & { spec: { selector: LabelSelector } }>(
  caches: Caches,
  workloads: Cache<T>,
  kind: string,
  add: (key: string) => void,
): void {
  workloads.onKey(add)
  caches.pods.onChange(({ now, before }) => {
    for (const pod of [now, before]) if (pod !== undefined) for (const key of ownersOf(workloads, kind, pod)) add(key)
  })
}

/** The pods that a workload controls; orphans that match are adopted, its own that do not are released. */
export function claimPods(
  { caches, store }: ControllerContext,
  owner: KubeObject & { spec: { selector: LabelSelector } },
  mayAdopt: (pod: Pod) => boolean = () => true,
): Pod[] {
  const { selector } = owner.spec
  const found = candidates(caches.pods, owner.metadata.namespace ?? '', selector.matchLabels)
  const all = new Set([...found, ...caches.pods.indexed('controller', owner.metadata.uid)])
  const { adopt, release } = planClaims(owner, selector, all)
  const changes = [
    ...adopt.filter(mayAdopt).map((pod) => ({ pod, ownerReferences: withController(pod, owner) })),
    ...release.map((pod) => ({ pod, ownerReferences: withoutOwner(pod, owner) })),
  ]
  for (const { pod, ownerReferences } of changes) {
    store.update('pods', { ...structuredClone(pod), metadata: { ...structuredClone(pod.metadata), ownerReferences } })
  }
  return caches.pods.indexed('controller', owner.metadata.uid)
}
