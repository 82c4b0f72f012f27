import { type Json, listOf, mapOf, textOf } from './access.ts'
import { selectorFromObject } from './label-selectors.ts'
import { forbidden, StatusError } from './status.ts'
import type { MemoryStore } from './store.ts'
import type { KubeObject } from './types.ts'

/**
 * Takes an eviction off the PodDisruptionBudget of a pod (policy/v1; Kubernetes, "API-initiated Eviction"). A pod that does not run yet or any more costs
 * nothing, nor does an unhealthy one where the budget allows that.
 *
 * @throws StatusError 429 if the budget does not allow it now, 500 if more than one budget selects the pod
 */
export function spendDisruption(store: MemoryStore, namespace: string, name: string, dryRun: boolean): void {
  const pod = store.get('pods', namespace, name)
  if (pod === undefined || !counts(pod)) return
  const [budget, another] = store.list('poddisruptionbudgets', namespace).filter((one) => selects(one, pod))
  if (budget === undefined) return
  if (another !== undefined) throw new StatusError(500, undefined, tooMany)
  if (!isReady(pod) && unhealthyMayGo(budget)) return
  const status = checked(budget)
  if (dryRun) return
  const disruptionsAllowed = Number(status['disruptionsAllowed']) - 1
  store.updateStatus('poddisruptionbudgets', { ...budget, status: { ...status, disruptionsAllowed } })
}

const tooMany = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'

const counts = (pod: KubeObject): boolean =>
  pod.metadata.deletionTimestamp === undefined && !['Succeeded', 'Failed', 'Pending'].includes(phaseOf(pod))

const phaseOf = (pod: KubeObject): string => textOf(mapOf(pod['status'])['phase'])

const isReady = (pod: KubeObject): boolean =>
  listOf(mapOf(pod['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True')

/** A selector that is absent selects nothing. */
function selects(budget: KubeObject, pod: KubeObject): boolean {
  const selector: unknown = mapOf(budget['spec'])['selector']
  if (selector === undefined) return false
  return selectorFromObject(mapOf(selector)).every((holds) => holds(pod.metadata.labels ?? {}))
}

function unhealthyMayGo(budget: KubeObject): boolean {
  if (mapOf(budget['spec'])['unhealthyPodEvictionPolicy'] === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = mapOf(budget['status'])
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy
}

/** The status of a budget that has an eviction left. @throws StatusError 429, 403 */
function checked(budget: KubeObject): Json {
  const { name, generation = 0 } = budget.metadata
  const status = mapOf(budget['status'])
  const { observedGeneration = 0, disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0 } = status
  if (observedGeneration < generation)
    throw violated(`The disruption budget ${name} is still being processed by the server.`, 10)
  if (disruptionsAllowed < 0)
    throw forbidden(
      { group: 'policy', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudget' },
      name,
      'pdb disruptions allowed is negative',
    )
  if (disruptionsAllowed === 0)
    throw violated(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    )
  return status
}

/** In the words of kube-apiserver; clients try again later. */
const violated = (message: string, retryAfterSeconds?: number): StatusError =>
  new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    causes: [{ reason: 'DisruptionBudget', message }],
  })
