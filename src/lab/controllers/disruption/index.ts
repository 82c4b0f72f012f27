import { apiTime } from '../../../kube/times.ts'
import { candidates } from '../caches.ts'
import { same } from '../canonical.ts'
import { putCondition } from '../conditions.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { portionOf } from '../deployment/rolling.ts'
import type { Condition, Pod, PodDisruptionBudget } from '../kinds.ts'
import { controllerOf, isTerminating, joinKey, keyOf } from '../objects.ts'
import { isPodFinished, isPodReady } from '../pods.ts'
import { matchesSelector } from '../selector.ts'

/** Says in the status of PodDisruptionBudgets how many of their pods may be evicted. */
export function disruptionController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: 'disruption-controller',
    watch(add) {
      caches.poddisruptionbudgets.onKey(add)
      caches.pods.onChange(({ now, before }) => {
        for (const pod of [now, before]) if (pod !== undefined) for (const key of budgetsOf(context, pod)) add(key)
      })
    },
    sync(key) {
      const budget = caches.poddisruptionbudgets.get(key)
      if (budget !== undefined && !isTerminating(budget)) writeStatus(context, budget)
      return undefined
    },
  }
}

/** A selector that is absent selects nothing (policy/v1). */
const selects = ({ spec }: PodDisruptionBudget, { metadata }: Pod): boolean =>
  spec.selector !== undefined && matchesSelector(spec.selector, metadata.labels)

function* budgetsOf({ caches }: ControllerContext, pod: Pod): Iterable<string> {
  for (const budget of caches.poddisruptionbudgets.scan('namespace', pod.metadata.namespace ?? ''))
    if (selects(budget, pod)) yield keyOf(budget)
}

function writeStatus(context: ControllerContext, budget: PodDisruptionBudget): void {
  const { caches, clock, store } = context
  const { namespace = '', generation } = budget.metadata
  const pods = candidates(caches.pods, namespace, budget.spec.selector?.matchLabels).filter(
    (pod) => selects(budget, pod) && !isPodFinished(pod),
  )
  const { expected, desired } = wantedOf(context, budget, pods)
  const healthy = pods.filter((pod) => isPodReady(pod) && !isTerminating(pod)).length
  const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0
  const before = budget.status?.conditions ?? []
  const condition: Condition = {
    type: 'DisruptionAllowed',
    status: allowed > 0 ? 'True' : 'False',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
  }
  const status = {
    ...budget.status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: putCondition(before, condition, apiTime(clock.now())),
  }
  if (!same(status, budget.status)) store.updateStatus('poddisruptionbudgets', { ...structuredClone(budget), status })
}

/** How many pods there should be, and how many of them have to stay healthy: of a share, the workloads say how many there should be. */
function wantedOf(
  context: ControllerContext,
  { spec }: PodDisruptionBudget,
  pods: readonly Pod[],
): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = spec
  if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable }
  const expected = scaleOf(context, pods)
  if (maxUnavailable === undefined) return { expected, desired: portionOf(minAvailable ?? 1, expected, Math.ceil) }
  return { expected, desired: Math.max(0, expected - portionOf(maxUnavailable, expected, Math.ceil)) }
}

/** The replicas that the pods' workloads want. */
function scaleOf({ caches }: ControllerContext, pods: readonly Pod[]): number {
  const scales = new Map<string, number>()
  for (const pod of pods) {
    const owner = controllerOf(pod)
    if (owner === undefined) continue
    const key = joinKey(pod.metadata.namespace, owner.name)
    const workload = owner.kind === 'StatefulSet' ? caches.statefulsets.get(key) : caches.replicasets.get(key)
    const above = workload === undefined ? undefined : controllerOf(workload)
    const deployment =
      above?.kind === 'Deployment' ? caches.deployments.get(joinKey(pod.metadata.namespace, above.name)) : undefined
    const top = deployment ?? workload
    if (top !== undefined) scales.set(top.metadata.uid, top.spec.replicas ?? 1)
  }
  return [...scales.values()].reduce((sum, scale) => sum + scale, 0)
}
