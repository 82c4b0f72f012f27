import type { ApiStore, KubeObject } from '../api/types.ts'

/**
 * What is still missing until everything that was applied runs, in words for the user; empty when all is rolled out.
 * Conditions are those of `kubectl rollout status` and `kubectl wait --for=condition=Ready`.
 */
export function unfinished(store: Pick<ApiStore, 'list'>): string[] {
  return [
    ...store.list('deployments').flatMap(deploymentProblem),
    ...store.list('statefulsets').flatMap(statefulSetProblem),
    ...store.list('daemonsets').flatMap(daemonSetProblem),
    ...store.list('jobs').flatMap(jobProblem),
    ...store.list('pods').flatMap(podProblem),
  ]
}

const isSeen = ({ metadata, status }: KubeObject): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)

function statefulSetProblem(set: KubeObject): string[] {
  const wanted: number = set['spec']?.replicas ?? 1
  const available: number = set['status']?.availableReplicas ?? 0
  if (isSeen(set) && available >= wanted) return []
  return [`StatefulSet ${nameOf(set)}: ${available} of ${wanted} replicas available`]
}

function daemonSetProblem(set: KubeObject): string[] {
  const { desiredNumberScheduled: wanted = 0, numberAvailable: available = 0 } = set['status'] ?? {}
  if (isSeen(set) && available >= wanted) return []
  return [`DaemonSet ${nameOf(set)}: ${available} of ${wanted} pods available`]
}

function jobProblem(job: KubeObject): string[] {
  const conditions: { type: string; status: string }[] = job['status']?.conditions ?? []
  const isDone = conditions.some(({ type, status }) => type === 'Complete' && status === 'True')
  return isDone || job['spec']?.suspend === true ? [] : [`Job ${nameOf(job)}: not complete`]
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
  if (pod['status']?.phase === 'Succeeded') return []
  if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) return []
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
  const { initContainerStatuses = [], containerStatuses = [] } = pod['status'] ?? {}
  const waiting = [...initContainerStatuses, ...containerStatuses].find(({ state }) => state?.waiting)?.state.waiting
  const unscheduled = scheduled?.status === 'False' ? scheduled.message : undefined
  const reason = waiting?.message ?? waiting?.reason ?? unscheduled ?? pod['status']?.message
  return [`Pod ${nameOf(pod)}: ${pod['status']?.phase ?? 'Pending'}${reason ? `, ${reason}` : ''}`]
}

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`
