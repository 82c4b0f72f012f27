import { isMap, type Json, textOf } from '../access.ts'
import { type FieldError, forbiddenField, notSupported, required } from '../field-errors.ts'

/** Keywords that say what a value is like, and so may stand in allOf, anyOf, oneOf and not; the others may not. */
const structure = ['additionalProperties', 'default', 'description', 'nullable', 'title', 'type'] as const

/** What keeps a schema from being structural (apiextensions-apiserver, schema/validation.go), the most common faults. */
export function structuralErrors(schema: Json, path: string): FieldError[] {
  return [
    ...below(schema, path),
    ...(schema['type'] === undefined || schema['type'] === ''
      ? [required(`${path}.type`, 'must not be empty at the root')]
      : schema['type'] === 'object'
        ? []
        : [
            {
              reason: 'FieldValueInvalid',
              message: `Invalid value: ${JSON.stringify(schema['type'])}: must be object at the root`,
              field: `${path}.type`,
            },
          ]),
  ]
}

function below(schema: Json, path: string): FieldError[] {
  const { properties, items, additionalProperties } = schema
  return [
    ...keywordErrors(schema, path),
    ...Object.entries(isMap(properties) ? properties : {}).flatMap(([name, value]) =>
      nodeErrors(value, `${path}.properties[${name}]`, 'must not be empty for specified object fields'),
    ),
    ...(items === undefined ? [] : nodeErrors(items, `${path}.items`, 'must not be empty for specified array items')),
    ...(isMap(additionalProperties)
      ? nodeErrors(
          additionalProperties,
          `${path}.additionalProperties`,
          'must not be empty for specified object fields',
        )
      : []),
    ...['allOf', 'anyOf', 'oneOf'].flatMap((field) =>
      (Array.isArray(schema[field]) ? (schema[field] as unknown[]) : []).flatMap((part, i) =>
        logicErrors(part, `${path}.${field}[${i}]`, schema['x-kubernetes-int-or-string'] === true),
      ),
    ),
    ...(schema['not'] === undefined ? [] : logicErrors(schema['not'], `${path}.not`, false)),
  ]
}

function nodeErrors(schema: unknown, path: string, words: string): FieldError[] {
  if (!isMap(schema)) return []
  const free = schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true
  const untyped = (schema['type'] === undefined || schema['type'] === '') && !free
  return [...below(schema, path), ...(untyped ? [required(`${path}.type`, words)] : [])]
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'] as const

function keywordErrors(schema: Json, path: string): FieldError[] {
  const errors: FieldError[] = []
  const type = textOf(schema['type'])
  if (type !== '' && !types.some((known) => known === type)) errors.push(notSupported(`${path}.type`, type, types))
  if (schema['$ref'] !== undefined) errors.push(forbiddenField(`${path}.$ref`, 'must be empty string'))
  if (isMap(schema['properties']) && isMap(schema['additionalProperties']))
    errors.push(
      forbiddenField(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    )
  if (schema['additionalProperties'] === false)
    errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be false'))
  if (schema['uniqueItems'] === true)
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    )
  if (schema['type'] === 'array' && schema['items'] === undefined)
    errors.push(required(`${path}.items`, 'must be specified'))
  if (schema['x-kubernetes-list-type'] === 'map' && schema['x-kubernetes-list-map-keys'] === undefined)
    errors.push(required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'))
  return errors
}

function logicErrors(schema: unknown, path: string, intOrString: boolean): FieldError[] {
  if (!isMap(schema)) return []
  const given = structure.filter((field) => schema[field] !== undefined && !(intOrString && field === 'type'))
  return given.map((field) => forbiddenField(`${path}.${field}`, 'must be empty to be structural'))
}
