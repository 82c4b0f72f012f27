import { type Json, mapOf, sameJson } from '../access.ts'
import { type FieldError, invalidValue, notSupported } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'
import { defaultStrategy, defaultTemplate, workloadErrors } from './workloads.ts'

const templateGeneration = 'deprecated.daemonset.template.generation'

export const daemonSetStatus = (): Json => ({
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
})

export function defaultDaemonSet(set: Json): void {
  set['spec'] = mapOf(set['spec'])
  const spec = set['spec'] as Json
  defaultTemplate(spec)
  defaultStrategy(spec, 'updateStrategy', { maxUnavailable: 1, maxSurge: 0 })
  fill(spec, 'revisionHistoryLimit', 10)
  const metadata = set['metadata'] as Json
  metadata['annotations'] = { [templateGeneration]: '1', ...mapOf(metadata['annotations']) }
}

/** An annotation counts the changes of the template; nobody sets it. */
export function carryOverDaemonSet(set: Json, old: Json): void {
  const before = { spec: structuredClone(mapOf(set['spec'])), metadata: {} }
  defaultDaemonSet(before)
  const changed = !sameJson(before.spec['template'], mapOf(old['spec'])['template'])
  const metadata = set['metadata'] as Json
  const number = Number(mapOf(mapOf(old['metadata'])['annotations'])[templateGeneration]) || 1
  metadata['annotations'] = {
    ...mapOf(metadata['annotations']),
    [templateGeneration]: String(changed ? number + 1 : number),
  }
}

export function daemonSetErrors(set: Json, old: Json | undefined): FieldError[] {
  const { maxSurge, maxUnavailable } = mapOf(mapOf(mapOf(set['spec'])['updateStrategy'])['rollingUpdate'])
  const zero = (value: unknown): boolean => value === 0 || value === '0%' || value === undefined
  const field = 'spec.updateStrategy.rollingUpdate.maxUnavailable'
  const stuck = maxUnavailable !== undefined && zero(maxUnavailable) && zero(maxSurge)
  const { type } = mapOf(mapOf(set['spec'])['updateStrategy'])
  const known = ['RollingUpdate', 'OnDelete']
  if (!known.includes(String(type)))
    return [notSupported('spec.updateStrategy', { Type: type, RollingUpdate: null }, known)]
  return [
    ...workloadErrors('daemonset')(set, old),
    ...(stuck ? [invalidValue(field, maxUnavailable, 'cannot be 0 when maxSurge is 0')] : []),
  ]
}
