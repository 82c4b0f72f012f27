import { isMap, type Json, mapOf, textOf } from '../access.ts'
import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '../field-errors.ts'
import { dnsLabelErrors } from '../names.ts'
import { quantityOf } from '../quantities.ts'

/** Volumes of a pod: named once, of one kind each. */
export function volumeErrors(volumes: readonly Json[], path: string): FieldError[] {
  const seen = new Set<string>()
  return volumes.flatMap((volume, i) => {
    const name = textOf(volume['name'])
    const at = `${path}[${i}].name`
    const errors = sourceErrors(volume, `${path}[${i}]`)
    if (name === '') return [...errors, required(at)]
    errors.push(...dnsLabelErrors(name).map((words) => invalidValue(at, name, words)))
    if (seen.has(name)) errors.push(duplicate(at, name))
    seen.add(name)
    return errors
  })
}

/** Sources in the order in which they are looked at: all after the first are too many. */
const sources = [
  'emptyDir',
  'hostPath',
  'secret',
  'nfs',
  'iscsi',
  'persistentVolumeClaim',
  'downwardAPI',
  'fc',
  'configMap',
  'projected',
  'csi',
  'ephemeral',
  'image',
] as const

function sourceErrors(volume: Json, path: string): FieldError[] {
  const given = sources.filter((name) => isMap(volume[name]))
  return given.slice(1).map((name) => forbiddenField(`${path}.${name}`, 'may not specify more than 1 volume type'))
}

const podFields = new Set([
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'metadata.labels',
  'metadata.annotations',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
])

/** What is wrong with a field of the pod that an environment variable takes its value from. */
export function fieldRefErrors(valueFrom: Json, path: string): FieldError[] {
  const { fieldRef } = valueFrom
  if (!isMap(fieldRef)) return []
  const field = textOf(fieldRef['fieldPath'])
  if (field === '') return [required(`${path}.fieldRef.fieldPath`)]
  const base = field.replace(/\['[^']+'\]$/, '')
  if (podFields.has(base)) return []
  const words = `error converting fieldPath: field label not supported: ${field}`
  return [invalidValue(`${path}.fieldRef.fieldPath`, field, words)]
}

/** Requests are at most the limits. */
export function resourceErrors(resources: Json, path: string): FieldError[] {
  const limits = mapOf(resources['limits'])
  return Object.entries(mapOf(resources['requests'])).flatMap(([name, request]) => {
    const [wanted, limit] = [quantityOf(request), quantityOf(limits[name])]
    if (wanted === undefined || limit === undefined || wanted <= limit) return []
    const words = `must be less than or equal to ${name} limit of ${limits[name]}`
    return [invalidValue(`${path}.requests`, request, words)]
  })
}
