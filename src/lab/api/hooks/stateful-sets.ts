import { isMap, type Json, listOf, mapOf, sameJson } from '../access.ts'
import { type FieldError, forbiddenField, invalidValue } from '../field-errors.ts'
import { fill } from './pod-defaults.ts'
import { defaultClaim } from './volumes.ts'
import { defaultReplicaSet, defaultStrategy, workloadErrors } from './workloads.ts'

export function defaultStatefulSet(set: Json): void {
  defaultReplicaSet(set)
  const spec = set['spec'] as Json
  fill(spec, 'podManagementPolicy', 'OrderedReady')
  defaultStrategy(spec, 'updateStrategy', { partition: 0 })
  fill(spec, 'revisionHistoryLimit', 10)
  fill(spec, 'persistentVolumeClaimRetentionPolicy', {})
  const retention = mapOf(spec['persistentVolumeClaimRetentionPolicy'])
  fill(retention, 'whenDeleted', 'Retain')
  fill(retention, 'whenScaled', 'Retain')
  for (const claim of listOf(spec['volumeClaimTemplates'])) {
    Object.assign(claim, { kind: 'PersistentVolumeClaim', apiVersion: 'v1' })
    defaultClaim(claim)
    if (!isMap(claim['status'])) claim['status'] = { phase: 'Pending' }
  }
}

/** What an update may change. */
const mutable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const

export function statefulSetErrors(set: Json, old: Json | undefined): FieldError[] {
  const spec = mapOf(set['spec'])
  return [
    ...choiceErrors(spec),
    ...workloadErrors('statefulset')(set, undefined),
    ...(old === undefined ? [] : changeErrors(spec, mapOf(old['spec']))),
  ]
}

function choiceErrors(spec: Json): FieldError[] {
  const policy = spec['podManagementPolicy']
  const { type } = mapOf(spec['updateStrategy'])
  const shown = { Type: type, RollingUpdate: null }
  return [
    ...(policy === 'OrderedReady' || policy === 'Parallel'
      ? []
      : [invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")]),
    ...(type === 'OnDelete' || type === 'RollingUpdate'
      ? []
      : [invalidValue('spec.updateStrategy', shown, "must be 'RollingUpdate' or 'OnDelete'")]),
  ]
}

function changeErrors(spec: Json, old: Json): FieldError[] {
  const fixed = (whole: Json): Json =>
    Object.fromEntries(Object.entries(whole).filter(([field]) => !mutable.some((name) => name === field)))
  if (sameJson(fixed(spec), fixed(old))) return []
  const names = mutable.map((name) => `'${name}'`)
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return [forbiddenField('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)]
}
