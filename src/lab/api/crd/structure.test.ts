import { describe, expect, it } from 'vitest'
import type { Json } from '../access.ts'
import { applyDefaults } from './default.ts'
import { followPath, parseJsonPath } from './json-path.ts'
import { pruneUnknown } from './prune.ts'
import type { Schema } from './schema.ts'
import { structuralErrors } from './structural.ts'

const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', default: 1 },
        list: { type: 'array', items: { type: 'object', properties: { on: { type: 'boolean', default: true } } } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'object' } } },
        map: { type: 'object', additionalProperties: { type: 'object', properties: { b: { type: 'string' } } } },
        pod: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
      },
    },
  },
}

describe('a schema', () => {
  it.each(['int', 'constructor', 'null'])('has no type %s', (type) => {
    const supported = '"array", "boolean", "integer", "number", "object", "string"'
    const errors = structuralErrors({ type: 'object', properties: { a: { type } } }, 'schema')
    expect(errors.map(({ field, message }) => [field, message])).toEqual([
      ['schema.properties[a].type', `Unsupported value: "${type}": supported values: ${supported}`],
    ])
  })
})

describe('pruning', () => {
  it('takes away what is not named, and tells where', () => {
    const object: Json = {
      apiVersion: 'v1',
      kind: 'X',
      metadata: { anything: 1 },
      extra: 1,
      spec: {
        other: 1,
        list: [{ on: true, off: 1 }],
        free: { b: { c: 1 }, a: { d: 1 } },
        map: { x: { b: 'b', c: 1 } },
        pod: { kind: 'Pod', metadata: {}, status: {} },
      },
    }
    expect(pruneUnknown(object, schema)).toEqual([
      'extra',
      'spec.free.a.d',
      'spec.list[0].off',
      'spec.map.x.c',
      'spec.other',
      'spec.pod.status',
    ])
    expect(object['spec']).toEqual({
      list: [{ on: true }],
      free: { b: { c: 1 }, a: {} },
      map: { x: { b: 'b' } },
      pod: { kind: 'Pod', metadata: {} },
    })
  })
})

describe('defaults', () => {
  it('are filled in within what is there, also for null', () => {
    const object: Json = { spec: { size: null, list: [{}, { on: false }] } }
    applyDefaults(object, schema)
    expect(object).toEqual({ spec: { size: 1, list: [{ on: true }, { on: false }] } })
  })

  it('make no objects', () => {
    const object: Json = {}
    applyDefaults(object, schema)
    expect(object).toEqual({})
  })
})

describe('paths', () => {
  const object = {
    metadata: { labels: { 'a.b/c': 'label' } },
    status: {
      conditions: [
        { type: 'Ready', status: 'True', n: 1 },
        { type: 'Other', status: 'False', n: 2 },
      ],
    },
  }
  it.each<[string, unknown[]]>([
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type=='Other')].status", ['False']],
    ['.status.conditions[?(@.n!=1)].type', ['Other']],
    ['.status.conditions[-1].type', ['Other']],
    ['.status.conditions[*].type', ['Ready', 'Other']],
    ["['metadata']['labels']['a.b/c']", ['label']],
    ['.metadata.labels.a\\.b/c', ['label']],
    ['.metadata.none.deeper', []],
  ])('%s', (path, expected) => {
    expect(followPath(object, parseJsonPath(path) ?? [])).toEqual(expected)
  })

  it('that are none are told', () => {
    expect(parseJsonPath('.a[')).toBeUndefined()
  })
})
