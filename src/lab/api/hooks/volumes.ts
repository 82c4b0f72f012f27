import { type Json, mapOf, sameJson } from '../access.ts'
import { type FieldError, forbiddenField, required } from '../field-errors.ts'
import type { HookContext } from '../kind.ts'
import { fill } from './pod-defaults.ts'

/** A PersistentVolumeClaim's defaults; a new one waits for its volume. */
export function defaultClaim(claim: Json): void {
  claim['spec'] = mapOf(claim['spec'])
  fill(claim['spec'] as Json, 'volumeMode', 'Filesystem')
}

const defaultClass = 'storageclass.kubernetes.io/is-default-class'

/** A new claim without a class gets the default one (admission plugin DefaultStorageClass). */
export function admitClaim(claim: Json, context: HookContext): void {
  const spec = claim['spec'] as Json
  if (spec['storageClassName'] !== undefined) return
  const found = context
    .list('storageclasses')
    .find((one) => mapOf(mapOf(one['metadata'])['annotations'])[defaultClass] === 'true')
  if (found !== undefined) spec['storageClassName'] = mapOf(found['metadata'])['name']
}

export function claimErrors(claim: Json, old: Json | undefined): FieldError[] {
  const spec = mapOf(claim['spec'])
  const storage = mapOf(mapOf(spec['resources'])['requests'])['storage']
  return [
    ...(Array.isArray(spec['accessModes']) && spec['accessModes'].length > 0
      ? []
      : [required('spec.accessModes', 'at least 1 access mode is required')]),
    ...(storage === undefined ? [required('spec.resources[storage]')] : []),
    ...(old === undefined ? [] : claimChangeErrors(spec, mapOf(old['spec']))),
  ]
}

const frozenWords =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'

function claimChangeErrors(spec: Json, old: Json): FieldError[] {
  const fixed = ({ resources: _r, volumeAttributesClassName: _v, volumeName: _n, ...rest }: Json): Json => rest
  return sameJson(fixed(spec), fixed(old)) ? [] : [forbiddenField('spec', frozenWords)]
}

export function defaultVolume(volume: Json): void {
  volume['spec'] = mapOf(volume['spec'])
  fill(volume['spec'] as Json, 'persistentVolumeReclaimPolicy', 'Retain')
  fill(volume['spec'] as Json, 'volumeMode', 'Filesystem')
}

export function volumeErrors(volume: Json): FieldError[] {
  const spec = mapOf(volume['spec'])
  return [
    ...(Array.isArray(spec['accessModes']) && spec['accessModes'].length > 0 ? [] : [required('spec.accessModes')]),
    ...(mapOf(spec['capacity'])['storage'] === undefined ? [required('spec.capacity')] : []),
  ]
}

export function defaultStorageClass(storageClass: Json): void {
  fill(storageClass, 'reclaimPolicy', 'Delete')
  fill(storageClass, 'volumeBindingMode', 'Immediate')
}

export const storageClassErrors = (storageClass: Json): FieldError[] =>
  storageClass['provisioner'] ? [] : [required('provisioner')]

export function defaultDriver(driver: Json): void {
  driver['spec'] = mapOf(driver['spec'])
  const spec = driver['spec'] as Json
  fill(spec, 'attachRequired', true)
  fill(spec, 'podInfoOnMount', false)
  fill(spec, 'volumeLifecycleModes', ['Persistent'])
  fill(spec, 'storageCapacity', false)
  fill(spec, 'fsGroupPolicy', 'ReadWriteOnceWithFSType')
  fill(spec, 'requiresRepublish', false)
  fill(spec, 'seLinuxMount', false)
}
