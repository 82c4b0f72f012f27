import { isMap, type Json, listOf, mapOf, sameJson } from '../access.ts'
import { type FieldError, invalidValue, notSupported, oneOf, required } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'
import { podSpecErrors } from './pod-validation.ts'
import { defaultTemplate } from './workloads.ts'

function defaultJobSpec(spec: Json): void {
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1
  fill(spec, 'parallelism', 1)
  fill(spec, 'backoffLimit', 6)
  fill(spec, 'completionMode', 'NonIndexed')
  fill(spec, 'suspend', false)
  fill(spec, 'manualSelector', false)
  fill(spec, 'podReplacementPolicy', isMap(spec['podFailurePolicy']) ? 'Failed' : 'TerminatingOrFailed')
}

export function defaultJob(job: Json): void {
  job['spec'] = mapOf(job['spec'])
  defaultTemplate(job['spec'] as Json)
  defaultJobSpec(job['spec'] as Json)
}

/** A new Job selects its pods by its own uid, unless it has a selector of its own. */
export function admitJob(job: Json): void {
  const spec = job['spec'] as Json
  if (spec['manualSelector'] === true) return
  const { uid, name } = mapOf(job['metadata'])
  const metadata = mapOf(mapOf(spec['template'])['metadata'])
  metadata['labels'] = {
    ...mapOf(metadata['labels']),
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  }
  fill(spec, 'selector', { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } })
}

const restartErrors = (policy: unknown, field: string): FieldError[] =>
  policy === 'Always' || policy === undefined
    ? [required(field, 'valid values: "OnFailure", "Never"')]
    : policy === 'OnFailure' || policy === 'Never'
      ? []
      : [notSupported(field, policy, ['OnFailure', 'Never'])]

function templateErrors(spec: Json, path: string): FieldError[] {
  const pod = mapOf(mapOf(spec['template'])['spec'])
  return [
    ...['parallelism', 'completions', 'backoffLimit', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished']
      .filter((field) => typeof spec[field] === 'number' && spec[field] < 0)
      .map((field) => invalidValue(`${path}.${field}`, spec[field], 'must be greater than or equal to 0')),
    ...podSpecErrors(pod, `${path}.template.spec`),
    ...restartErrors(pod['restartPolicy'], `${path}.template.spec.restartPolicy`),
  ]
}

export function jobErrors(job: Json, old: Json | undefined): FieldError[] {
  const spec = mapOf(job['spec'])
  const before = mapOf(old?.['spec'])
  const fixed = old === undefined ? [] : ['selector', 'template', 'completionMode']
  return [
    ...templateErrors(spec, 'spec'),
    ...oneOf('spec.completionMode', spec['completionMode'], ['NonIndexed', 'Indexed']),
    ...fixed
      .filter((field) => before['suspend'] !== true || field !== 'template')
      .filter((field) => !sameJson(spec[field], before[field]))
      .map((field) => invalidValue(`spec.${field}`, spec[field], 'field is immutable')),
  ]
}

export function defaultCronJob(cron: Json): void {
  cron['spec'] = mapOf(cron['spec'])
  const spec = cron['spec'] as Json
  fill(spec, 'concurrencyPolicy', 'Allow')
  fill(spec, 'suspend', false)
  fill(spec, 'successfulJobsHistoryLimit', 3)
  fill(spec, 'failedJobsHistoryLimit', 1)
  spec['jobTemplate'] = mapOf(spec['jobTemplate'])
  const template = spec['jobTemplate'] as Json
  fill(template, 'metadata', {})
  template['spec'] = mapOf(template['spec'])
  defaultTemplate(template['spec'] as Json)
}

const schedule = /^(@(yearly|annually|monthly|weekly|daily|midnight|hourly|every .+)|(\S+\s+){4}\S+)$/

export function cronJobErrors(cron: Json): FieldError[] {
  const spec = mapOf(cron['spec'])
  const text = String(spec['schedule'] ?? '')
  return [
    ...(text === '' ? [required('spec.schedule')] : []),
    ...(text === '' || schedule.test(text.trim())
      ? []
      : [
          invalidValue(
            'spec.schedule',
            text,
            `expected exactly 5 fields, found ${text.trim().split(/\s+/).length}: [${text.trim().split(/\s+/).join(' ')}]`,
          ),
        ]),
    ...oneOf('spec.concurrencyPolicy', spec['concurrencyPolicy'], ['Allow', 'Forbid', 'Replace']),
    ...templateErrors(mapOf(mapOf(spec['jobTemplate'])['spec']), 'spec.jobTemplate.spec'),
  ]
}

export function defaultReplicationController(controller: Json): void {
  controller['spec'] = mapOf(controller['spec'])
  const spec = controller['spec'] as Json
  fill(spec, 'replicas', 1)
  defaultTemplate(spec)
  const { labels } = mapOf(mapOf(spec['template'])['metadata'])
  if (Object.keys(mapOf(labels)).length === 0) return
  fill(spec, 'selector', labels)
  fill(mapOf(controller['metadata']), 'labels', labels)
}

export function replicationControllerErrors(controller: Json): FieldError[] {
  const spec = mapOf(controller['spec'])
  const labels = mapOf(mapOf(mapOf(spec['template'])['metadata'])['labels'])
  const selector = Object.entries(mapOf(spec['selector']))
  const words = '`selector` does not match template `labels`'
  return [
    ...(selector.length === 0 ? [required('spec.selector')] : []),
    ...(selector.some(([key, value]) => labels[key] !== value)
      ? [invalidValue('spec.template.metadata.labels', labels, words)]
      : []),
    ...(listOf(mapOf(mapOf(spec['template'])['spec'])['containers']).length === 0
      ? [required('spec.template.spec.containers')]
      : []),
  ]
}
