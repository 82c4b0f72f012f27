import { fieldTable } from './fields.ts'
import { atomicMaps, atomicTypes, granularFields, mapLists, setLists } from './list-types.ts'
import { anything, type Scalar, type Schema, type StructSchema, text } from './schema-types.ts'

const scalars: Readonly<Record<string, Scalar>> = {
  s: 'string',
  i: 'int32',
  l: 'int64',
  d: 'float64',
  b: 'bool',
  t: 'time',
  T: 'microtime',
  y: 'bytes',
  x: 'intOrString',
  q: 'quantity',
  o: 'any',
}

const rows = new Map<string, string>()
const types = new Map<string, StructSchema>()

function rowOf(name: string): string | undefined {
  if (rows.size === 0)
    for (const line of fieldTable.split('\n')) {
      const at = line.indexOf(' ')
      if (line !== '') rows.set(at < 0 ? line : line.slice(0, at), at < 0 ? '' : line.slice(at + 1))
    }
  return rows.get(name)
}

/** A type of the table, made when first asked for. Types name themselves (JSONSchemaProps), so it is known before its fields are. */
export function typeNamed(name: string): StructSchema | undefined {
  const known = types.get(name)
  if (known !== undefined) return known
  const row = rowOf(name)
  if (row === undefined) return undefined
  const fields = new Map<string, Schema>()
  const type: StructSchema = { is: 'struct', name, fields, ...(atomicTypes.has(name) ? { atomic: true } : {}) }
  types.set(name, type)
  if (rootTypes.has(name)) addRootFields(fields)
  for (const field of row.split(' ')) {
    const at = field.lastIndexOf(':')
    if (at > 0) fields.set(field.slice(0, at), fieldSchema(`${name}.${field.slice(0, at)}`, field.slice(at + 1)))
  }
  return type
}

/** What every object of its own has. */
export function addRootFields(fields: Map<string, Schema>): void {
  fields.set('apiVersion', text)
  fields.set('kind', text)
  fields.set('metadata', typeNamed('ObjectMeta') ?? anything)
}

function fieldSchema(path: string, code: string): Schema {
  if (code.startsWith('[')) {
    const items = fieldSchema('', code.slice(1, -1))
    const keys = mapLists[path]?.split(' ').map(keyOf)
    return { is: 'list', items, ...(keys ? { keys } : {}), ...(setLists.has(path) ? { set: true } : {}) }
  }
  if (code.startsWith('{')) {
    const values = fieldSchema('', code.slice(1, -1))
    return { is: 'map', values, ...(atomicMaps.has(path) ? { atomic: true } : {}) }
  }
  const scalar = scalars[code]
  if (scalar !== undefined) return { is: 'scalar', type: scalar }
  const type = typeNamed(code) ?? anything
  if (!granularFields.has(path) || type.is !== 'struct') return type
  return { is: 'struct', name: type.name, fields: type.fields }
}

function keyOf(word: string): { name: string; default?: string } {
  const [name = '', value] = word.split('=')
  return value === undefined ? { name } : { name, default: value }
}

/** Objects of their own: they have kind, apiVersion and metadata. */
export const rootTypes: ReadonlySet<string> = new Set(
  `APIService AuthenticationTokenRequest Binding CSIDriver CSINode CSIStorageCapacity ClusterRole ClusterRoleBinding ConfigMap ControllerRevision
CronJob CustomResourceDefinition DaemonSet Deployment EndpointSlice Endpoints Event EventsEvent Eviction HorizontalPodAutoscaler
HorizontalPodAutoscalerV1 IPAddress Ingress IngressClass Job Lease LimitRange LocalSubjectAccessReview MutatingAdmissionPolicy
MutatingAdmissionPolicyBinding MutatingWebhookConfiguration Namespace NetworkPolicy Node PersistentVolume PersistentVolumeClaim Pod
PodDisruptionBudget PodTemplate PriorityClass ReplicaSet ReplicationController ResourceQuota Role RoleBinding RuntimeClass Scale Secret
SelfSubjectAccessReview SelfSubjectReview SelfSubjectRulesReview Service ServiceAccount ServiceCIDR StatefulSet StorageClass SubjectAccessReview
TokenReview ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass`.split(
    /\s+/,
  ),
)
