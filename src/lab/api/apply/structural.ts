import { isMap, type Json, mapOf } from '../access.ts'
import { anything, type ListSchema, type Scalar, type Schema, type StructSchema } from './schema-types.ts'
import { addRootFields } from './types.ts'

const custom = new WeakMap<object, StructSchema>()

/** The schema of a custom resource's version (`openAPIV3Schema`), made once. */
export function customSchema(schema: Json): StructSchema {
  let known = custom.get(schema)
  if (known === undefined) {
    const root = structural(schema)
    const fields = new Map<string, Schema>(root.is === 'struct' ? root.fields : [])
    addRootFields(fields)
    const open = root.is !== 'struct' || root.open === true
    known = { is: 'struct', name: '', fields, ...(open ? { open } : {}) }
    custom.set(schema, known)
  }
  return known
}

const jsonTypes: ReadonlyMap<unknown, Scalar> = new Map([
  ['string', 'string'],
  ['integer', 'int64'],
  ['number', 'float64'],
  ['boolean', 'bool'],
])

/** A structural schema (JSON schema with x-kubernetes extensions) as ours. */
function structural(schema: Json): Schema {
  if (schema['x-kubernetes-int-or-string'] === true) return { is: 'scalar', type: 'intOrString' }
  if (schema['type'] === 'array') return structuralList(schema)
  if (schema['type'] !== 'object') return { is: 'scalar', type: jsonTypes.get(schema['type']) ?? 'any' }
  return structuralObject(schema)
}

function structuralList(schema: Json): ListSchema {
  const items = structural(mapOf(schema['items']))
  const list: ListSchema = { is: 'list', items }
  if (schema['x-kubernetes-list-type'] === 'set') return { ...list, set: true }
  if (schema['x-kubernetes-list-type'] !== 'map') return list
  const properties = mapOf(mapOf(schema['items'])['properties'])
  const names: unknown = schema['x-kubernetes-list-map-keys']
  const keys = (Array.isArray(names) ? names : []).map((name: string) => {
    const value: unknown = mapOf(properties[name])['default']
    return typeof value === 'string' ? { name, default: value } : { name }
  })
  return { ...list, keys }
}

function structuralObject(schema: Json): Schema {
  const atomic = schema['x-kubernetes-map-type'] === 'atomic' ? { atomic: true as const } : {}
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  const { properties, additionalProperties } = schema
  if (isMap(properties)) {
    const fields = new Map(Object.entries(properties).map(([name, one]) => [name, structural(mapOf(one))] as const))
    if (schema['x-kubernetes-embedded-resource'] === true) addRootFields(fields)
    return { is: 'struct', name: '', fields, ...atomic, ...(open ? { open } : {}) }
  }
  if (isMap(additionalProperties)) return { is: 'map', values: structural(additionalProperties), ...atomic }
  if (open || additionalProperties === true) return { is: 'map', values: anything, ...atomic }
  return { is: 'struct', name: '', fields: new Map(), ...atomic }
}
