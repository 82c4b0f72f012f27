import { mapOf } from '../access.ts'
import * as columns from '../columns/batch.ts'
import * as scaling from '../hooks/autoscaling.ts'
import * as jobs from '../hooks/jobs.ts'
import type { Kind } from '../kind.ts'
import { kind, type Named } from './define.ts'

/** batch/v1. */
export const batchKinds: readonly Kind[] = [
  kind({
    group: 'batch',
    kind: 'CronJob',
    plural: 'cronjobs',
    shortNames: ['cj'],
    categories: ['all'],
    statusSubresource: true,
    generation: true,
    columns: columns.cronJobColumns,
    defaults: jobs.defaultCronJob,
    initialStatus: () => ({}),
    validate: jobs.cronJobErrors,
  }),
  kind({
    group: 'batch',
    kind: 'Job',
    plural: 'jobs',
    fieldSelectors: { 'status.successful': (job) => String(mapOf(job['status'])['succeeded'] ?? 0) },
    categories: ['all'],
    statusSubresource: true,
    generation: true,
    columns: columns.jobColumns,
    defaults: jobs.defaultJob,
    admit: jobs.admitJob,
    initialStatus: () => ({}),
    validate: jobs.jobErrors,
  }),
]

const autoscaler = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  statusSubresource: true,
  columns: columns.autoscalerColumns,
} satisfies Named

/** autoscaling: v2 is stored, v1 is shown of it. */
export const autoscalingKinds: readonly Kind[] = [
  kind({
    ...autoscaler,
    version: 'v2',
    defaults: scaling.defaultAutoscaler,
    initialStatus: scaling.autoscalerStatus,
    validate: scaling.autoscalerErrors,
  }),
  kind({
    ...autoscaler,
    version: 'v1',
    view: {
      stored: autoscaler.plural,
      fromStored: scaling.autoscalerToOld,
      toStored: scaling.autoscalerFromOld,
    },
  }),
]
