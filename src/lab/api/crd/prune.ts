import { isMap, type Json } from '../access.ts'
import { additional, type Schema } from './schema.ts'

/** Fields that every object has, and what is embedded as one. */
const typeFields = new Set(['apiVersion', 'kind', 'metadata'])

/**
 * Takes away, in place, what the schema does not name. Returns the paths of what is gone (`spec.a`, `spec.list[0].b`), in the order of names.
 * `root`: an object whose apiVersion, kind and metadata belong to it.
 */
export function pruneUnknown(object: Json, schema: Schema): string[] {
  return pruneMap(object, schema, '', true)
}

/** What `pruneUnknown` would take away. */
export const unknownFields = (object: Json, schema: Schema): string[] => pruneUnknown(structuredClone(object), schema)

function prune(value: unknown, schema: Schema, path: string): string[] {
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined ? [] : value.flatMap((item, i) => prune(item, items, `${path}[${i}]`))
  }
  return isMap(value) ? pruneMap(value, schema, path, schema['x-kubernetes-embedded-resource'] === true) : []
}

function pruneMap(map: Json, schema: Schema, path: string, isObject: boolean): string[] {
  const keep = schema['x-kubernetes-preserve-unknown-fields'] === true
  const others = additional(schema)
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`)
  return Object.keys(map)
    .sort()
    .flatMap((field) => {
      if (isObject && typeFields.has(field)) return []
      const known = own(schema.properties, field) ?? others
      if (known !== undefined) return prune(map[field], known, at(field))
      if (keep || schema.additionalProperties === true) return []
      delete map[field]
      return [at(field)]
    })
}

/** The schema of a field, which may have any name, `constructor` among them. */
export const own = (properties: Record<string, Schema> | undefined, field: string): Schema | undefined =>
  properties !== undefined && Object.hasOwn(properties, field) ? properties[field] : undefined
