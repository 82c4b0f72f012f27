import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isMap, type Json } from '../access.ts'
import { pruneUnknown, unknownFields } from './prune.ts'
import type { Schema } from './schema.ts'
import { structuralErrors } from './structural.ts'
import { objectErrors } from './validate.ts'

const names = fc.constantFrom('a', 'b', 'spec', '__proto__', 'constructor')

const leaf = {
  type: fc.constantFrom('object', 'array', 'string', 'integer', 'boolean', 'number'),
  nullable: fc.boolean(),
  pattern: fc.constantFrom('^a', '(', '(?i)b'),
  minimum: fc.integer(),
  maxLength: fc.nat(3),
  enum: fc.array(fc.constantFrom('a', 1, null), { maxLength: 3 }),
  required: fc.array(names, { maxLength: 2 }),
  'x-kubernetes-preserve-unknown-fields': fc.boolean(),
  'x-kubernetes-int-or-string': fc.boolean(),
}
const above = (inner: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> =>
  fc.record(
    {
      ...leaf,
      properties: fc.dictionary(names, inner, { maxKeys: 3 }),
      additionalProperties: fc.oneof(fc.boolean(), inner),
      items: inner,
      anyOf: fc.array(inner, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
const schemas = above(above(fc.record(leaf, { requiredKeys: [] })))
const objects = fc
  .dictionary(names, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  .map((value): Json => JSON.parse(JSON.stringify(value)) as Json)
  .filter(isMap)

it('what has been pruned has nothing more to prune', () => {
  fc.assert(
    fc.property(schemas, objects, (schema, object) => {
      const expected = unknownFields(object, schema)
      const draft = structuredClone(object)
      expect(pruneUnknown(draft, schema)).toEqual(expected)
      expect(pruneUnknown(draft, schema)).toEqual([])
    }),
  )
})

it('every schema and object gets a verdict', () => {
  fc.assert(
    fc.property(schemas, objects, (schema, object) => {
      for (const { field, message } of [...objectErrors(object, schema), ...structuralErrors(schema, 'spec')])
        expect([typeof field, typeof message]).toEqual(['string', 'string'])
    }),
  )
})
