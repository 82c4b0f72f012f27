import { fieldAt, isMap, type Json, sameJson } from '../access.ts'
import { duplicate, type FieldError, invalidValue, notSupported, required } from '../field-errors.ts'
import { hasFormat } from './formats.ts'
import { own } from './prune.ts'
import { additional, type Schema } from './schema.ts'

/**
 * What is wrong with a value, in the words of a real server (validation of kube-openapi, translated by apiextensions-apiserver).
 * Rules in CEL (x-kubernetes-validations) are not evaluated.
 */
export function schemaErrors(value: unknown, schema: Schema, path = ''): FieldError[] {
  if (value === null && schema.nullable === true) return []
  const wrongType = typeErrors(value, schema, path)
  if (wrongType.length > 0) return wrongType
  return [
    ...enumErrors(value, schema, path),
    ...(typeof value === 'string' ? textErrors(value, schema, path) : []),
    ...(typeof value === 'number' ? numberErrors(value, schema, path) : []),
    ...(Array.isArray(value) ? listErrors(value, schema, path) : []),
    ...(isMap(value) ? mapErrors(value, schema, path) : []),
    ...combinedErrors(value, schema, path),
  ]
}

/** Field of a message; the whole object has no name. */
const fieldOf = (path: string): string => (path === '' ? '<nil>' : path)

const typeOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function typeErrors(value: unknown, schema: Schema, path: string): FieldError[] {
  const intOrString = schema['x-kubernetes-int-or-string'] === true
  const wanted = intOrString ? 'integer,string' : schema.type
  if (wanted === undefined || wanted === '') return []
  const found = typeOf(value)
  const fits = wanted.split(',').includes(found) || (wanted === 'number' && found === 'integer')
  if (fits) return []
  const words = `Invalid value: "${found}": ${path} in body must be of type ${wanted}: "${found}"`
  const error = { reason: 'FieldValueTypeInvalid', message: words, field: fieldOf(path) }
  if (wanted !== 'integer' || found !== 'number') return [error]
  return [error, invalidValue('<nil>', '', `Checked value must be of type integer (default format) in ${path}`)]
}

function enumErrors(value: unknown, schema: Schema, path: string): FieldError[] {
  if (schema.enum === undefined || schema.enum.some((known) => sameJson(known, value))) return []
  const known = schema.enum.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  return [notSupported(fieldOf(path), value, known)]
}

const wrong = (path: string, value: unknown, words: string): FieldError =>
  invalidValue(fieldOf(path), value, `${path} in body ${words}`)

const tooMany = (path: string, found: number, most: number): FieldError => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${found}: must have at most ${most} items`,
  field: fieldOf(path),
})

function textErrors(text: string, schema: Schema, path: string): FieldError[] {
  const { minLength, maxLength, pattern, format } = schema
  const errors: FieldError[] = []
  const length = Array.from(text).length
  if (maxLength !== undefined && length > maxLength)
    errors.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${maxLength} bytes`,
      field: fieldOf(path),
    })
  if (minLength !== undefined && length < minLength)
    errors.push(wrong(path, text, `should be at least ${minLength} chars long`))
  if (errors.length === 0 && pattern !== undefined && !matchesPattern(text, pattern))
    errors.push(wrong(path, text, `should match '${pattern}'`))
  if (format !== undefined && !hasFormat(text, format))
    errors.push({
      reason: 'FieldValueTypeInvalid',
      message: `Invalid value: ${JSON.stringify(text)}: ${path} in body must be of type ${format}: ${JSON.stringify(text)}`,
      field: fieldOf(path),
    })
  return errors
}

/** Patterns are Go's (RE2): flags may stand in the text. One that cannot be read here holds for everything. */
function matchesPattern(text: string, pattern: string): boolean {
  const [, flags = '', rest = ''] = /^(?:\(\?([ims]+)\))?([^]*)$/.exec(pattern) ?? []
  try {
    return new RegExp(rest.replace(/\\z/g, '$').replace(/\\A/g, '^'), `u${flags}`).test(text)
  } catch {
    return relaxed(text, rest, flags)
  }
}

function relaxed(text: string, pattern: string, flags: string): boolean {
  try {
    return new RegExp(pattern, flags).test(text)
  } catch {
    return true
  }
}

function numberErrors(value: number, schema: Schema, path: string): FieldError[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
  const errors: FieldError[] = []
  if (minimum !== undefined && (exclusiveMinimum === true ? value <= minimum : value < minimum))
    errors.push(
      wrong(path, value, `should be greater than ${exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`),
    )
  if (maximum !== undefined && (exclusiveMaximum === true ? value >= maximum : value > maximum))
    errors.push(wrong(path, value, `should be less than ${exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`))
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf))
    errors.push(wrong(path, value, `should be a multiple of ${multipleOf}`))
  return errors
}

function listErrors(list: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const { minItems, maxItems, uniqueItems, items } = schema
  const errors: FieldError[] = []
  if (minItems !== undefined && list.length < minItems)
    errors.push(wrong(path, list.length, `should have at least ${minItems} items`))
  if (maxItems !== undefined && list.length > maxItems) errors.push(tooMany(path, list.length, maxItems))
  if (uniqueItems === true && repeated(list, (item) => item).length > 0)
    errors.push(wrong(path, list, "shouldn't contain duplicates"))
  if (items !== undefined) errors.push(...list.flatMap((item, i) => schemaErrors(item, items, `${path}[${i}]`)))
  return [...errors, ...listTypeErrors(list, schema, path)]
}

/** Sets have no value twice, and maps no key. */
function listTypeErrors(list: readonly unknown[], schema: Schema, path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type']
  if (type !== 'set' && type !== 'map') return []
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const keyOf = (item: unknown): unknown =>
    type === 'set' || !isMap(item)
      ? item
      : Object.fromEntries(keys.map((key) => [key, fieldAt(item, key)]).filter(([, value]) => value !== undefined))
  return repeated(list, keyOf).map((i) => duplicate(`${path}[${i}]`, keyOf(list[i])))
}

/** Indexes of items that were there before. */
function repeated(list: readonly unknown[], keyOf: (item: unknown) => unknown): number[] {
  const keys = list.map((item) => JSON.stringify(keyOf(item)))
  const first = new Map<string, number>()
  for (const [i, key] of keys.entries()) if (!first.has(key)) first.set(key, i)
  return keys.flatMap((key, i) => (first.get(key) === i ? [] : [i]))
}

function mapErrors(map: Json, schema: Schema, path: string): FieldError[] {
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`)
  const { minProperties, maxProperties } = schema
  const size = Object.keys(map).length
  const others = additional(schema)
  const errors = Object.entries(map).flatMap(([field, value]) => {
    if (value === undefined) return []
    if (path === '' && (field === 'metadata' || field === 'kind' || field === 'apiVersion')) return []
    const known = own(schema.properties, field) ?? others
    return known === undefined ? [] : schemaErrors(value, known, at(field))
  })
  if (minProperties !== undefined && size < minProperties)
    errors.push(wrong(path, size, `should have at least ${minProperties} properties`))
  if (maxProperties !== undefined && size > maxProperties) errors.push(tooMany(path, size, maxProperties))
  errors.push(
    ...(schema.required ?? []).filter((field) => fieldAt(map, field) === undefined).map((field) => required(at(field))),
  )
  if (path !== '' && schema['x-kubernetes-embedded-resource'] === true) errors.push(...embeddedErrors(map, path))
  return errors
}

const embeddedErrors = (map: Json, path: string): FieldError[] =>
  ['apiVersion', 'kind']
    .filter((field) => typeof map[field] !== 'string' || map[field] === '')
    .map((field) => required(`${path}.${field}`, 'must not be empty'))

/** allOf, anyOf, oneOf and not, which may say anything about the value but its type. */
function combinedErrors(value: unknown, schema: Schema, path: string): FieldError[] {
  const all = (schema.allOf ?? []).map((part) => schemaErrors(value, part, path))
  const any = (schema.anyOf ?? []).map((part) => schemaErrors(value, part, path))
  const one = (schema.oneOf ?? []).map((part) => schemaErrors(value, part, path))
  const said = (words: string): FieldError =>
    invalidValue(fieldOf(path), isMap(value) ? '' : value, `"${path}" ${words}`)
  const fitting = one.filter((errors) => errors.length === 0).length
  return [
    ...all.flat(),
    ...(all.some((errors) => errors.length > 0) ? [said('must validate all the schemas (allOf)')] : []),
    ...(any.length > 0 && any.every((errors) => errors.length > 0)
      ? [...shortest(any), said('must validate at least one schema (anyOf)')]
      : []),
    ...(one.length > 0 && fitting !== 1
      ? [
          ...(fitting === 0 ? shortest(one) : []),
          said(
            `must validate one and only one schema (oneOf). ${fitting === 0 ? 'Found none valid' : `Found ${fitting} valid alternatives`}`,
          ),
        ]
      : []),
    ...(schema.not !== undefined && schemaErrors(value, schema.not, path).length === 0
      ? [said('must not validate the schema (not)')]
      : []),
  ]
}

/** Of several alternatives, the complaints of the one that fits best. */
const shortest = (alternatives: readonly FieldError[][]): FieldError[] =>
  alternatives.reduce((best, next) => (next.length < best.length ? next : best))

const blocking = new Set([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueNotSupported',
])

const unchecked =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'

/** What is wrong with a whole object; of one with such faults a real server does not evaluate the rules, and says so. */
export function objectErrors(object: Json, schema: Schema): FieldError[] {
  const errors = schemaErrors(object, schema)
  const cut = errors.some((error) => blocking.has(error.reason)) && hasRules(schema)
  return cut ? [...errors, invalidValue('<nil>', null, unchecked)] : errors
}

const withRules = new WeakMap<Schema, boolean>()

function hasRules(schema: Schema): boolean {
  const known = withRules.get(schema)
  if (known !== undefined) return known
  const parts = [...Object.values(schema.properties ?? {}), schema.items, additional(schema)]
  const found =
    (schema['x-kubernetes-validations'] ?? []).length > 0 || parts.some((part) => part !== undefined && hasRules(part))
  withRules.set(schema, found)
  return found
}
