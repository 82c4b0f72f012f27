import { apiTime } from '../../../kube/times.ts'
import type { NewObject } from '../../api/types.ts'
import type { Condition, Job, Pod } from '../kinds.ts'
import { controllerReference, isTerminating } from '../objects.ts'
import { isPodFinished, isPodReady } from '../pods.ts'

const indexAnnotation = 'batch.kubernetes.io/job-completion-index'

export interface JobView {
  job: Job
  /** The pods that the Job controls. */
  pods: readonly Pod[]
  nowMs: number
}

export interface JobPlan {
  create: NewObject[]
  remove: Pod[]
  status: NonNullable<Job['status']>
  /** How the Job has ended in this look, if it has. */
  ended: 'Complete' | 'Failed' | undefined
}

export const isFinished = ({ status }: Job): boolean =>
  (status?.conditions ?? []).some(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')

const phased = (pods: readonly Pod[], phase: string): Pod[] => pods.filter(({ status }) => status?.phase === phase)

const indexOf = ({ metadata }: Pod): string | undefined => metadata.annotations?.[indexAnnotation]

/**
 * What one look at a Job that has not ended leads to: as many pods as it wants at a time, until enough have succeeded or too many failed
 * (kube-controller-manager, syncJob, without pod failure policies, success policies and finalizers on pods).
 */
export function planJob(view: JobView): JobPlan {
  const { job, pods } = view
  const { completions, parallelism = 1, backoffLimit = 6, suspend } = job.spec
  const active = pods.filter((pod) => !isPodFinished(pod) && !isTerminating(pod))
  const succeeded = succeededOf(job, pods)
  const failed = phased(pods, 'Failed').length
  if (failed > backoffLimit) return end(view, active, succeeded, failed, 'Failed')
  const isDone = completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= completions
  if (isDone && suspend !== true) return end(view, active, succeeded, failed, 'Complete')
  const left = completions === undefined ? (succeeded > 0 ? active.length : parallelism) : completions - succeeded
  const wanted = suspend === true ? 0 : Math.min(parallelism, left)
  const names = namesOf(job, pods).slice(0, Math.max(0, wanted - active.length))
  const remove = active.slice(Math.max(0, wanted))
  const status = statusOf(view, active.length + names.length - remove.length, succeeded, failed)
  const conditions = suspensionOf(view)
  return {
    create: names.map((index) => newPod(job, index)),
    remove,
    status: conditions.length > 0 ? { ...status, conditions } : status,
    ended: undefined,
  }
}

const succeededOf = ({ spec }: Job, pods: readonly Pod[]): number => {
  const succeeded = phased(pods, 'Succeeded')
  return spec.completionMode === 'Indexed' ? new Set(succeeded.map(indexOf)).size : succeeded.length
}

/** The indexes that have no pod yet, of an Indexed Job; undefined for pods that have none. */
function namesOf({ spec }: Job, pods: readonly Pod[]): (number | undefined)[] {
  const { completions = 1, parallelism = 1 } = spec
  if (spec.completionMode !== 'Indexed') return Array.from({ length: parallelism }, () => undefined)
  const taken = new Set(pods.filter(({ status }) => status?.phase !== 'Failed').map(indexOf))
  return Array.from({ length: completions }, (_, index) => index).filter((index) => !taken.has(String(index)))
}

/** The labels that tell its pods apart are in the Job's template: the API has put them there. */
function newPod(job: Job, index: number | undefined): NewObject {
  const { metadata = {}, spec } = structuredClone(job.spec.template)
  const { name, namespace = 'default' } = job.metadata
  const indexed = index === undefined ? {} : { [indexAnnotation]: String(index) }
  const annotations = { ...metadata.annotations, ...indexed }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      generateName: index === undefined ? `${name}-` : `${name}-${index}-`,
      namespace,
      labels: { ...metadata.labels, ...indexed },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ownerReferences: [controllerReference(job)],
    },
    spec: { ...spec, ...(index === undefined ? {} : { hostname: `${name}-${index}` }) },
  }
}

function statusOf({ job, pods, nowMs }: JobView, active: number, succeeded: number, failed: number): JobPlan['status'] {
  const started = job.spec.suspend === true ? {} : { startTime: job.status?.startTime ?? apiTime(nowMs) }
  const ready = pods.filter((pod) => isPodReady(pod) && !isTerminating(pod)).length
  return {
    ...started,
    ...(active > 0 ? { active } : {}),
    ...(succeeded > 0 ? { succeeded } : {}),
    ...(failed > 0 ? { failed } : {}),
    terminating: pods.filter((pod) => isTerminating(pod) && !isPodFinished(pod)).length,
    ready,
    uncountedTerminatedPods: {},
  }
}

function suspensionOf({ job, nowMs }: JobView): Condition[] {
  const before = job.status?.conditions ?? []
  const wanted = job.spec.suspend === true ? 'True' : 'False'
  const current = before.find(({ type }) => type === 'Suspended')
  if ((current?.status ?? 'False') === wanted) return before
  const [reason, message] = wanted === 'True' ? ['JobSuspended', 'Job suspended'] : ['JobResumed', 'Job resumed']
  return [...before.filter((one) => one !== current), condition('Suspended', wanted, reason, message, nowMs)]
}

function condition(type: string, status: 'True' | 'False', reason = '', message = '', nowMs: number): Condition {
  const time = apiTime(nowMs)
  return { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message }
}

const endings = {
  Complete: ['SuccessCriteriaMet', 'CompletionsReached', 'Reached expected number of succeeded pods'],
  Failed: ['FailureTarget', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit'],
} as const

function end(
  view: JobView,
  active: readonly Pod[],
  succeeded: number,
  failed: number,
  ended: 'Complete' | 'Failed',
): JobPlan {
  const { job, nowMs } = view
  const [first, reason, message] = endings[ended]
  const conditions = [
    ...(job.status?.conditions ?? []),
    condition(first, 'True', reason, message, nowMs),
    condition(ended, 'True', reason, message, nowMs),
  ]
  const completion = ended === 'Complete' ? { completionTime: apiTime(nowMs) } : {}
  const status = { ...statusOf(view, 0, succeeded, failed), ...completion, conditions }
  return { create: [], remove: [...active], status, ended }
}
