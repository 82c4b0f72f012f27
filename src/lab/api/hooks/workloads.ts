import { isMap, type Json, listOf, mapOf, sameJson, stringsOf } from '../access.ts'
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { selectorErrors, selectorFromObject } from '../label-selectors.ts'
import { defaultPodSpec, fill } from './pod-defaults.ts'
import { podSpecErrors } from './pod-validation.ts'

/** What Deployments, ReplicaSets and StatefulSets have in common. */
export function defaultReplicaSet(object: Json): void {
  object['spec'] = mapOf(object['spec'])
  fill(object['spec'] as Json, 'replicas', 1)
  defaultTemplate(object['spec'] as Json)
}

/** The pod template of a spec, or of a PodTemplate. */
export function defaultTemplate(spec: Json): void {
  spec['template'] = mapOf(spec['template'])
  const template = spec['template'] as Json
  fill(template, 'metadata', {})
  fill(template, 'spec', {})
  if (isMap(template['spec'])) defaultPodSpec(template['spec'])
}

/** How a workload goes over to a new template: `field` of its spec. @param rolling what a rolling update has where nothing is said */
export function defaultStrategy(spec: Json, field: 'strategy' | 'updateStrategy', rolling: Json): void {
  fill(spec, field, {})
  const strategy = mapOf(spec[field])
  fill(strategy, 'type', 'RollingUpdate')
  if (strategy['type'] !== 'RollingUpdate') return
  fill(strategy, 'rollingUpdate', {})
  for (const [name, value] of Object.entries(rolling)) fill(mapOf(strategy['rollingUpdate']), name, value)
}

export function defaultDeployment(object: Json): void {
  defaultReplicaSet(object)
  const spec = object['spec'] as Json
  defaultStrategy(spec, 'strategy', { maxUnavailable: '25%', maxSurge: '25%' })
  fill(spec, 'revisionHistoryLimit', 10)
  fill(spec, 'progressDeadlineSeconds', 600)
}

const notNegative = (field: string, value: unknown): FieldError[] =>
  typeof value === 'number' && value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : []

/** `what`: the kind in lower case, for the message about an empty selector. */
export const workloadErrors =
  (what: 'deployment' | 'replicaset' | 'statefulset' | 'daemonset') =>
  (object: Json, old: Json | undefined): FieldError[] => {
    const spec = mapOf(object['spec'])
    const template = mapOf(spec['template'])
    const podSpec = mapOf(template['spec'])
    return [
      ...notNegative('spec.replicas', spec['replicas']),
      ...selectorFieldErrors(spec['selector'], what),
      ...templateLabelErrors(spec['selector'], mapOf(template['metadata'])['labels']),
      // A StatefulSet's pods may mount volumes that its claim templates make, so that the real one leaves their spec unchecked.
      ...(what === 'statefulset' ? [] : podSpecErrors(podSpec, 'spec.template.spec')),
      ...restartErrors(podSpec['restartPolicy']),
      ...strategyErrors(mapOf(spec['strategy'])),
      ...notNegative('spec.minReadySeconds', spec['minReadySeconds']),
      ...notNegative('spec.revisionHistoryLimit', spec['revisionHistoryLimit']),
      ...deadlineErrors(spec),
      ...(old === undefined ? [] : immutableSelector(spec, mapOf(old['spec']))),
    ]
  }

function selectorFieldErrors(selector: unknown, what: string): FieldError[] {
  if (!isMap(selector)) return [required('spec.selector')]
  const errors = selectorErrors(selector, 'spec.selector')
  if (errors.length > 0) return [...errors, invalidValue('spec.selector', selector, 'invalid label selector')]
  const empty = Object.keys(mapOf(selector['matchLabels'])).length + listOf(selector['matchExpressions']).length === 0
  return empty ? [invalidValue('spec.selector', {}, `empty selector is invalid for ${what}`)] : []
}

function templateLabelErrors(selector: unknown, labels: unknown): FieldError[] {
  const mismatch = invalidValue(
    'spec.template.metadata.labels',
    labels ?? null,
    '`selector` does not match template `labels`',
  )
  if (!isMap(selector)) return [mismatch]
  if (selectorErrors(selector, '').length > 0) return []
  const requirements = selectorFromObject(selector)
  return requirements.every((matches) => matches(stringsOf(labels))) ? [] : [mismatch]
}

function restartErrors(policy: unknown): FieldError[] {
  const known = policy === 'OnFailure' || policy === 'Never'
  return known ? [notSupported('spec.template.spec.restartPolicy', policy, ['Always'])] : []
}

function strategyErrors(strategy: Json): FieldError[] {
  const type = strategy['type']
  if (type === undefined) return []
  if (type !== 'Recreate' && type !== 'RollingUpdate')
    return [notSupported('spec.strategy', { Type: type, RollingUpdate: null }, ['Recreate', 'RollingUpdate'])]
  const { rollingUpdate } = strategy
  if (type === 'Recreate')
    return rollingUpdate === undefined
      ? []
      : [forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'")]
  const { maxSurge, maxUnavailable } = mapOf(rollingUpdate)
  const wrong = [
    ...intOrPercentErrors('spec.strategy.rollingUpdate.maxSurge', maxSurge, false),
    ...intOrPercentErrors('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, true),
  ]
  if (wrong.length > 0) return wrong
  const zero = (value: unknown): boolean => value === 0 || value === '0%'
  return zero(maxSurge) && zero(maxUnavailable)
    ? [invalidValue('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
    : []
}

/** `atMostAll`: no more than 100%. */
function intOrPercentErrors(field: string, value: unknown, atMostAll: boolean): FieldError[] {
  if (typeof value !== 'string') return notNegative(field, value)
  if (!/^[0-9]+%$/.test(value))
    return [
      invalidValue(
        field,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    ]
  const tooMuch = atMostAll && Number(value.slice(0, -1)) > 100
  return tooMuch ? [invalidValue(field, value, 'must not be greater than 100%')] : []
}

function deadlineErrors(spec: Json): FieldError[] {
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec
  return typeof deadline === 'number' && deadline <= minReadySeconds
    ? [invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')]
    : []
}

const immutableSelector = (spec: Json, old: Json): FieldError[] =>
  sameJson(spec['selector'], old['selector'])
    ? []
    : [invalidValue('spec.selector', spec['selector'], 'field is immutable')]
