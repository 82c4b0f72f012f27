import { fieldAt, isMap, type Json, setField } from '../access.ts'
import { own } from './prune.ts'
import { additional, type Schema } from './schema.ts'

/** Fills in, in place, what the schema has defaults for; a null where none may be counts as left out. */
export function applyDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) applyDefaults(item, schema.items)
    return
  }
  if (isMap(value)) defaultMap(value, schema)
}

function defaultMap(map: Json, schema: Schema): void {
  const others = additional(schema)
  for (const field of Object.keys(map)) {
    const known = own(schema.properties, field) ?? others
    if (map[field] === null && known !== undefined && known.nullable !== true) delete map[field]
  }
  for (const [field, known] of Object.entries(schema.properties ?? {}))
    if (known.default !== undefined && fieldAt(map, field) === undefined)
      setField(map, field, structuredClone(known.default))
  for (const [field, value] of Object.entries(map)) {
    const known = own(schema.properties, field) ?? others
    if (known !== undefined) applyDefaults(value, known)
  }
}
