import { isMap, type Json } from '../access.ts'
import { goText } from '../go-text.ts'
import { asMember, type FieldTree, leaf, shownElement } from './field-set.ts'
import { anything, type ListSchema, type MapSchema, type Schema, type StructSchema } from './schema-types.ts'

/** What is wrong with a typed object; the message begins with the field's path. */
export class TypedError extends Error {}

/** Whether a value changes as a whole. */
export const isAtomic = (schema: Schema): boolean =>
  schema.is === 'scalar' || (schema.is === 'list' ? schema.keys === undefined && schema.set !== true : !!schema.atomic)

export const fieldOf = (schema: StructSchema | MapSchema, name: string): Schema | undefined =>
  schema.is === 'map' ? schema.values : (schema.fields.get(name) ?? (schema.open ? anything : undefined))

/** The path element of an item of a list of type map or set. @throws TypedError if a key is missing */
function elementOf(schema: ListSchema, item: unknown): string {
  if (schema.set === true) return `v:${JSON.stringify(item)}`
  const keys = [...(schema.keys ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1))
  const entries = keys.map(({ name, default: value }) => {
    const given: unknown = isMap(item) ? (item[name] ?? value) : undefined
    if (given === undefined)
      throw new TypedError(
        `associative list with keys has an element that omits key field ${JSON.stringify(name)} (and doesn't have default value)`,
      )
    return [name, given]
  })
  return `k:${JSON.stringify(Object.fromEntries(entries))}`
}

/** Items of a list, members of a map. */
export const size = (value: unknown): number =>
  Array.isArray(value) ? value.length : isMap(value) ? Object.keys(value).length : 0

/**
 * The fields that a configuration names, which its manager will own.
 * @throws TypedError for a field that there is not, a wrong type, or two items with one key
 */
export function fieldsOf(value: unknown, schema: Schema, path = ''): FieldTree {
  checkType(value, schema, path)
  if (value === null || isAtomic(schema) || size(value) === 0) {
    checkBelow(value, schema, path)
    return leaf
  }
  if (schema.is === 'list') return listFields(value as unknown[], schema, path)
  const result: FieldTree = {}
  for (const [name, child] of Object.entries(value as Json)) {
    if (child === undefined) continue
    const field = schema.is === 'scalar' ? anything : fieldOf(schema, name)
    if (field === undefined) throw new TypedError(`${path}.${name}: field not declared in schema`)
    result[`f:${name}`] = fieldsOf(child, field, `${path}.${name}`)
  }
  return result
}

function listFields(list: readonly unknown[], schema: ListSchema, path: string): FieldTree {
  const result: FieldTree = {}
  for (const [i, item] of list.entries()) {
    const element = keyAt(schema, item, i, path)
    const shown = shownElement(element)
    if (result[element] !== undefined) throw new TypedError(`${path}: duplicate entries for key ${shown}`)
    const below = schema.set === true ? leaf : fieldsOf(item, schema.items, path + shown)
    result[element] = asMember(below)
  }
  return result
}

function keyAt(schema: ListSchema, item: unknown, index: number, path: string): string {
  try {
    return elementOf(schema, item)
  } catch (error) {
    throw new TypedError(`${path}: element ${index}: ${(error as Error).message}`)
  }
}

/** Fields that there are not are errors inside of atomic values too. */
function checkBelow(value: unknown, schema: Schema, path: string): void {
  if (value === null || schema.is === 'scalar') return
  if (schema.is === 'list') {
    for (const [i, item] of (value as unknown[]).entries()) checkWhole(item, schema.items, `${path}[${i}]`)
    return
  }
  for (const [name, child] of Object.entries(value as Json)) {
    const field = fieldOf(schema, name)
    if (field === undefined) throw new TypedError(`${path}.${name}: field not declared in schema`)
    checkWhole(child, field, `${path}.${name}`)
  }
}

function checkWhole(value: unknown, schema: Schema, path: string): void {
  checkType(value, schema, path)
  checkBelow(value, schema, path)
}

/** The Go type of a decoded value. */
const goType = (value: unknown): string => {
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'string' ? 'string' : 'map[string]interface {}'
}

/** In the words of structured-merge-diff, each of which shows the value in another way. */
function checkType(value: unknown, schema: Schema, path: string): void {
  if (value === null || value === undefined) return
  const wrong = (words: string): TypedError => new TypedError(`${path}: expected ${words}`)
  if (schema.is === 'list' && !Array.isArray(value)) throw wrong(`list, got &{${goText(value)}}`)
  if ((schema.is === 'map' || schema.is === 'struct') && !isMap(value)) throw wrong(`map, got &{${goText(value)}}`)
  if (schema.is !== 'scalar') return
  const { type } = schema
  if ((type === 'int32' || type === 'int64' || type === 'float64') && typeof value !== 'number')
    throw wrong(`numeric (int or float), got ${goType(value)}`)
  if (type === 'bool' && typeof value !== 'boolean') throw wrong(`boolean, got &{${goText(value)}}`)
  if ((type === 'string' || type === 'bytes' || type === 'time') && typeof value !== 'string')
    throw wrong(`string, got &value.valueUnstructured{Value:${goText(value)}}`)
}

/** The path element of an item; of one without its keys, itself. */
export function keyOrWhole(schema: ListSchema, item: unknown): string {
  try {
    return elementOf(schema, item)
  } catch {
    return `v:${JSON.stringify(item)}`
  }
}
