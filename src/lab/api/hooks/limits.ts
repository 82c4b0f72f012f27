import { isMap, type Json, listOf, mapOf } from '../access.ts'
import { type FieldError, forbiddenField, invalidValue, required } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'

/** For containers, what is given says what is not: max → default → defaultRequest, and min → defaultRequest. */
export function defaultLimitRange(range: Json): void {
  range['spec'] = mapOf(range['spec'])
  const spec = range['spec'] as Json
  fill(spec, 'limits', null)
  for (const item of listOf(spec['limits'])) {
    if (item['type'] !== 'Container') continue
    const limits = { ...mapOf(item['max']), ...mapOf(item['default']) }
    const requests = { ...mapOf(item['min']), ...limits, ...mapOf(item['defaultRequest']) }
    if (Object.keys(limits).length > 0) item['default'] = limits
    if (Object.keys(requests).length > 0) item['defaultRequest'] = requests
  }
}

export const budgetStatus = (): Json => ({
  currentHealthy: 0,
  desiredHealthy: 0,
  disruptionsAllowed: 0,
  expectedPods: 0,
})

/** policy/v1. */
export function budgetErrors(budget: Json): FieldError[] {
  const { minAvailable, maxUnavailable } = mapOf(budget['spec'])
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    return [invalidValue('spec', budget['spec'], 'minAvailable and maxUnavailable cannot be both set')]
  return []
}

export function defaultPriorityClass(priority: Json): void {
  fill(priority, 'value', 0)
  fill(priority, 'preemptionPolicy', 'PreemptLowerPriority')
}

const highestUserPriority = 1_000_000_000

export function priorityClassErrors(priority: Json, old: Json | undefined): FieldError[] {
  const { value } = priority
  const name = String(mapOf(priority['metadata'])['name'])
  if (old !== undefined && old['value'] !== value) return [forbiddenField('value', 'may not be changed in an update.')]
  if (name.startsWith('system-')) return []
  const words = `maximum allowed value of a user defined priority is ${highestUserPriority}`
  return typeof value === 'number' && value > highestUserPriority ? [forbiddenField('value', words)] : []
}

export const runtimeClassErrors = (runtime: Json, old: Json | undefined): FieldError[] => {
  if (old !== undefined && old['handler'] !== runtime['handler'])
    return [invalidValue('handler', runtime['handler'], 'field is immutable')]
  return runtime['handler'] ? [] : [required('handler')]
}

export const apiServiceErrors = (service: Json): FieldError[] => {
  const spec = mapOf(service['spec'])
  const expected = `${spec['version']}.${spec['group'] ?? ''}`
  const name = mapOf(service['metadata'])['name']
  return [
    ...(name === expected
      ? []
      : [invalidValue('metadata.name', name, `must be \`spec.version+"."+spec.group\`: "${expected}"`)]),
    ...['groupPriorityMinimum', 'versionPriority']
      .filter((field) => !spec[field])
      .map((field) => invalidValue(`spec.${field}`, 0, 'must be positive and less than 20000')),
  ]
}

export function defaultApiService(service: Json): void {
  const target = mapOf(service['spec'])['service']
  if (isMap(target)) fill(target, 'port', 443)
}
