import { isMap, type Json, mapOf } from '../access.ts'
import { compare } from './compare.ts'
import { difference, type FieldTree, leaf } from './field-set.ts'
import { withoutUnowned } from './managed-fields.ts'
import type { StructSchema } from './schema-types.ts'
import { fieldsOf } from './typed.ts'

/** Where `kubectl apply` without --server-side keeps what it applied. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** The manager whose applies go on where the client's left off. Any other name opts out. */
const kubectl = 'kubectl'

function lastApplied(object: Json): Json | undefined {
  const text: unknown = mapOf(mapOf(object['metadata'])['annotations'])[annotation]
  if (typeof text !== 'string' || text === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isMap(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Fields that kubectl's own last apply wrote and nobody has changed since: kubectl may take them over without force. */
export function takenOver(manager: string, live: Json, schema: StructSchema): FieldTree {
  const last = manager === kubectl ? lastApplied(live) : undefined
  if (last === undefined) return leaf
  try {
    const fields = withoutUnowned(fieldsOf(last, schema))
    const { changed, removed } = compare(live, last, schema)
    return difference(difference(fields, changed), removed)
  } catch {
    return leaf
  }
}

/** An object whose annotation, if it has one, says what kubectl has applied now. */
export function withLastApplied(manager: string, live: Json | undefined, object: Json, config: Json): Json {
  if (manager !== kubectl || live === undefined || lastApplied(live) === undefined) return object
  const { managedFields: _fields, ...metadata } = mapOf(config['metadata'])
  const { [annotation]: _last, ...annotations } = mapOf(metadata['annotations'])
  const text = `${JSON.stringify({ ...config, metadata: { ...metadata, annotations } })}\n`
  const into = mapOf(object['metadata'])
  return { ...object, metadata: { ...into, annotations: { ...mapOf(into['annotations']), [annotation]: text } } }
}
