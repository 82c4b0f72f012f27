import type { ApiStore, KubeObject } from '../api/types.ts'

/**
 * What is still missing until everything that was applied runs, in words for the user; empty when all is rolled out.
 * Conditions are those of `kubectl rollout status` and `kubectl wait --for=condition=Ready`.
 */
export function unfinished(store: Pick<ApiStore, 'list'>): string[] {
  return [...store.list('deployments').flatMap(deploymentProblem), ...store.list('pods').flatMap(podProblem)]
}

function deploymentProblem(deployment: KubeObject): string[] {
  const { metadata, spec, status = {} } = deployment
  const wanted: number = spec?.replicas ?? 1
  const { observedGeneration = 0, updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = status
  const observed = observedGeneration >= (metadata.generation ?? 0)
  if (observed && updatedReplicas >= wanted && availableReplicas >= wanted && replicas <= wanted) return []
  return [`Deployment ${nameOf(deployment)}: ${availableReplicas} of ${wanted} replicas available`]
}

function podProblem(pod: KubeObject): string[] {
  const conditions: { type: string; status: string; message?: string }[] = pod['status']?.conditions ?? []
  if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) return []
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
  const waiting = pod['status']?.containerStatuses?.[0]?.state?.waiting
  const reason = waiting?.message ?? (scheduled?.status === 'False' ? scheduled.message : undefined)
  return [`Pod ${nameOf(pod)}: ${pod['status']?.phase ?? 'Pending'}${reason ? `, ${reason}` : ''}`]
}

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`
