import { same } from '../canonical.ts'
import type { Controller, ControllerContext } from '../controller.ts'
import { isConflict, isNamespaceTerminating, isNotFound, messageOf } from '../failure.ts'
import type { Job } from '../kinds.ts'
import { controllerOf, isTerminating, joinKey, keyOf, timeOf } from '../objects.ts'
import { conditionOf } from '../pods.ts'
import { isFinished, type JobPlan, planJob } from './plan.ts'

const source = 'job-controller'

/** Runs the pods of Jobs until enough of them have succeeded. */
export function jobController(context: ControllerContext): Controller {
  const { caches } = context
  return {
    name: source,
    watch(add) {
      caches.jobs.onKey(add)
      caches.pods.onChange(({ now, before }) => {
        const pod = now ?? before
        const owner = pod && controllerOf(pod)
        if (owner?.kind === 'Job') add(joinKey(pod?.metadata.namespace, owner.name))
      })
    },
    sync(key) {
      const job = caches.jobs.get(key)
      if (job === undefined || isTerminating(job)) return undefined
      return isFinished(job) ? expire(context, job) : syncJob(context, job)
    },
  }
}

function syncJob(context: ControllerContext, job: Job): undefined {
  const { caches, clock, store, record } = context
  const pods = caches.pods.indexed('controller', job.metadata.uid)
  const plan = planJob({ job, pods, nowMs: clock.now() })
  for (const pod of plan.create) createPod(context, job, pod)
  for (const { metadata } of plan.remove) {
    try {
      store.remove('pods', metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  if (plan.ended === 'Complete') record(source, job, { type: 'Normal', reason: 'Completed', message: 'Job completed' })
  if (plan.ended === 'Failed')
    record(source, job, {
      type: 'Warning',
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    })
  writeStatus(context, job, plan.status)
}

function createPod({ store, record }: ControllerContext, job: Job, pod: JobPlan['create'][number]): void {
  try {
    const { metadata } = store.create('pods', pod)
    record(source, job, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${metadata.name}` })
  } catch (error) {
    if (isNamespaceTerminating(error)) return
    if (!isConflict(error))
      record(source, job, { type: 'Warning', reason: 'FailedCreate', message: `Error creating: ${messageOf(error)}` })
    throw error
  }
}

function writeStatus({ store, caches }: ControllerContext, job: Job, status: NonNullable<Job['status']>): void {
  const now = caches.jobs.get(keyOf(job))
  if (now !== undefined && !same(now.status, status)) store.updateStatus('jobs', { ...structuredClone(now), status })
}

/** Removes a Job that has ended and says how long it is to be kept; returns the milliseconds that are left to it. */
function expire({ store, clock }: ControllerContext, job: Job): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec
  if (ttlSecondsAfterFinished === undefined) return undefined
  const ended = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed')
  const leftMs = timeOf(ended?.lastTransitionTime) + ttlSecondsAfterFinished * 1000 - clock.now()
  if (leftMs > 0) return leftMs
  store.remove('jobs', job.metadata.namespace, job.metadata.name, { propagationPolicy: 'Foreground' })
  return undefined
}
