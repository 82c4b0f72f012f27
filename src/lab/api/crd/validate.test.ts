import { describe, expect, it } from 'vitest'
import type { Json } from '../access.ts'
import type { Schema } from './schema.ts'
import { objectErrors, schemaErrors } from './validate.ts'

const words = (value: unknown, schema: Schema): string[] =>
  schemaErrors(value, schema, 'spec').map(({ field, message }) => `${field}: ${message}`)

describe('a value and its schema', () => {
  it.each<[string, unknown, Schema, string[]]>([
    [
      'type',
      'x',
      { type: 'integer' },
      ['spec: Invalid value: "string": spec in body must be of type integer: "string"'],
    ],
    ['an integer is a number', 1, { type: 'number' }, []],
    ['null where it may be', null, { type: 'string', nullable: true }, []],
    ['null', null, { type: 'string' }, ['spec: Invalid value: "null": spec in body must be of type string: "null"']],
    ['int or string', 'a', { 'x-kubernetes-int-or-string': true }, []],
    [
      'exclusive',
      1,
      { minimum: 1, exclusiveMinimum: true },
      ['spec: Invalid value: 1: spec in body should be greater than 1'],
    ],
    ['multiple', 3, { multipleOf: 2 }, ['spec: Invalid value: 3: spec in body should be a multiple of 2']],
    ['too short', 'a', { minLength: 2 }, ['spec: Invalid value: "a": spec in body should be at least 2 chars long']],
    ['Go flags in a pattern', 'ABC', { pattern: '(?i)^abc$' }, []],
    ['a pattern that cannot be read', 'a', { pattern: '(?<' }, []],
    [
      'format',
      '10.0.0.0',
      { format: 'cidr' },
      ['spec: Invalid value: "10.0.0.0": spec in body must be of type cidr: "10.0.0.0"'],
    ],
    ['unknown format', 'x', { format: 'colour' }, []],
    [
      'too few',
      [],
      { type: 'array', minItems: 1 },
      ['spec: Invalid value: 0: spec in body should have at least 1 items'],
    ],
    ['set', ['a', 'b', 'a'], { 'x-kubernetes-list-type': 'set' }, ['spec[2]: Duplicate value: "a"']],
    [
      'map',
      [{ name: 'a' }, { name: 'a', v: 1 }],
      { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
      ['spec[1]: Duplicate value: {"name":"a"}'],
    ],
    ['anyOf', 5, { anyOf: [{ type: 'integer' }, { type: 'string' }] }, []],
    [
      'oneOf',
      {},
      { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      [
        'spec.a: Required value',
        'spec: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid',
      ],
    ],
    ['not', 1, { not: { enum: [1] } }, ['spec: Invalid value: 1: "spec" must not validate the schema (not)']],
    [
      'embedded',
      { kind: 'A' },
      { type: 'object', 'x-kubernetes-embedded-resource': true },
      ['spec.apiVersion: Required value: must not be empty'],
    ],
  ])('%s', (_name, value, schema, expected) => {
    expect(words(value, schema)).toEqual(expected)
  })

  it('does not take inherited names for properties', () => {
    const schema: Schema = { type: 'object', properties: {}, additionalProperties: { type: 'string' } }
    expect(words({ constructor: 1 }, schema)).toHaveLength(1)
  })
})

it('says that rules were not checked only where there are rules', () => {
  const schema: Schema = { type: 'object', required: ['spec'] }
  const object: Json = { metadata: { name: 'x' } }
  expect(objectErrors(object, schema)).toHaveLength(1)
  const ruled: Schema = { ...schema, 'x-kubernetes-validations': [{ rule: 'true' }] }
  expect(objectErrors(object, ruled).at(-1)?.message).toContain('some validation rules were not checked')
})
