import { isMap, type Json, setField } from './access.ts'
import type { ListSchema, MapSchema, ScalarSchema, Schema, StructSchema } from './apply/schema-types.ts'
import { fieldOf } from './apply/typed.ts'
import { jsonType } from './go-text.ts'
import { canonicalQuantity, quantityError } from './quantities.ts'

/** A value that is not of its field's type; the message is that of Go's decoder. */
export class DecodeError extends Error {}

/**
 * Makes of an object, in place, what Go's decoder makes of it: fields that its type does not have are gone, their paths are returned; a null in a
 * list or map is the zero value. Other nulls stay.
 * @throws DecodeError for the first field whose type is wrong
 */
export function decode(object: Json, schema: StructSchema): string[] {
  const unknown: string[] = []
  visit(object, schema, { go: schema.name, path: '', where: '', unknown })
  return unknown
}

interface Place {
  /** The Go struct that has the field. */
  go: string
  /** Fields down to here, without positions in lists. */
  path: string
  /** With positions. */
  where: string
  unknown: string[]
}

function visit(value: unknown, schema: Schema, place: Place): void {
  if (value === null || value === undefined) return
  if (schema.is === 'scalar') checkScalar(value, schema, place)
  else if (schema.is === 'list') visitList(value, schema, place)
  else if (!isMap(value)) throw mismatch(value, place, goType(schema))
  else if (schema.is === 'struct') visitStruct(value, schema, place)
  else visitMap(value, schema, place)
}

function visitMap(map: Json, schema: MapSchema, place: Place): void {
  for (const [key, item] of Object.entries(map)) {
    if (item === null) setField(map, key, zeroOf(schema.values))
    else visit(item, schema.values, { ...place, where: `${place.where}.${key}` })
    canonicalize(map, key, schema.values)
  }
}

/** A quantity is written in one way only. */
function canonicalize(map: Json, key: string, schema: Schema): void {
  const value: unknown = map[key]
  if (schema.is !== 'scalar' || schema.type !== 'quantity') return
  if (typeof value !== 'string' && typeof value !== 'number') return
  const canonical = canonicalQuantity(String(value).trim())
  // What is in it already may be frozen.
  if (canonical !== value) setField(map, key, canonical)
}

function visitList(list: unknown, schema: ListSchema, place: Place): void {
  if (!Array.isArray(list)) throw mismatch(list, place, goType(schema))
  for (const [i, item] of list.entries())
    if (item === null) list[i] = zeroOf(schema.items)
    else visit(item, schema.items, { ...place, where: `${place.where}[${i}]` })
}

const zeros: Readonly<Record<ScalarSchema['type'], unknown>> = {
  string: '',
  int32: 0,
  int64: 0,
  float64: 0,
  bool: false,
  time: null,
  microtime: null,
  bytes: '',
  intOrString: 0,
  quantity: '0',
  any: null,
}

/** What a null is where Go has no pointer. */
function zeroOf(schema: Schema): unknown {
  if (schema.is === 'scalar') return zeros[schema.type]
  return schema.is === 'list' ? [] : {}
}

function visitStruct(value: Json, schema: StructSchema, place: Place): void {
  for (const [name, child] of Object.entries(value)) {
    const field = fieldOf(schema, name)
    const where = place.where === '' ? name : `${place.where}.${name}`
    if (field === undefined) {
      place.unknown.push(where)
      delete value[name]
      continue
    }
    const path = place.path === '' ? name : `${place.path}.${name}`
    visit(child, field, { go: schema.name, path, where, unknown: place.unknown })
    canonicalize(value, name, field)
  }
}

const goTypes: Readonly<Record<ScalarSchema['type'], string>> = {
  string: 'string',
  int32: 'int32',
  int64: 'int64',
  float64: 'float64',
  bool: 'bool',
  time: 'string',
  microtime: 'string',
  bytes: '[]uint8',
  intOrString: 'int32',
  quantity: 'string',
  any: 'interface {}',
}

function goType(schema: Schema): string {
  if (schema.is === 'scalar') return goTypes[schema.type]
  if (schema.is === 'list') return `[]${goType(schema.items)}`
  if (schema.is === 'map') return `map[string]${goType(schema.values)}`
  return `v1.${schema.name}`
}

function mismatch(value: unknown, { go, path }: Place, type: string): DecodeError {
  const number = typeof value === 'number' && /^u?int/.test(type) ? ` ${value}` : ''
  return new DecodeError(
    `json: cannot unmarshal ${jsonType(value)}${number} into Go struct field ${go}.${path} of type ${type}`,
  )
}

/** A whole number of so many bits, one of which is its sign. */
const isInteger = (value: unknown, bits: 32 | 64): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1)

function checkScalar(value: unknown, schema: ScalarSchema, place: Place): void {
  const { type } = schema
  const fits: Record<ScalarSchema['type'], () => boolean> = {
    string: () => typeof value === 'string',
    int32: () => isInteger(value, 32),
    int64: () => isInteger(value, 64),
    float64: () => typeof value === 'number',
    bool: () => typeof value === 'boolean',
    time: () => typeof value === 'string',
    microtime: () => typeof value === 'string',
    bytes: () => typeof value === 'string',
    intOrString: () => typeof value === 'string' || isInteger(value, 32),
    quantity: () => typeof value === 'string' || typeof value === 'number',
    any: () => true,
  }
  if (!fits[type]()) throw mismatch(value, place, goType(schema))
  if (typeof value === 'string') checkText(value, type)
  else if (type === 'quantity') checkText(String(value), type)
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

function checkText(value: string, type: ScalarSchema['type']): void {
  if (type === 'bytes') {
    const at = badBase64(value)
    if (at !== undefined) throw new DecodeError(`illegal base64 data at input byte ${at}`)
  }
  const wrongQuantity = type === 'quantity' ? quantityError(value.trim()) : undefined
  if (wrongQuantity !== undefined) throw new DecodeError(wrongQuantity)
  if ((type === 'time' || type === 'microtime') && value !== '' && !time.test(value)) {
    const layout = type === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00'
    throw new DecodeError(
      `parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as "2006"`,
    )
  }
}

/** Where base64 (RFC 4648 §4, with padding; line ends are skipped) goes wrong. */
function badBase64(value: string): number | undefined {
  const text = value.replaceAll(/[\r\n]/g, '')
  const wrong = /[^A-Za-z0-9+/]/.exec(text.replace(/={1,2}$/, ''))
  if (wrong !== null) return wrong.index
  return text.length % 4 === 0 ? undefined : Math.floor(text.length / 4) * 4
}
