import { describe, expect, it } from 'vitest'
import type { Json } from './access.ts'
import { fieldTable } from './apply/fields.ts'
import {
  atomicMaps,
  atomicTypes,
  granularFields,
  mapLists,
  patchOnly,
  replacedByPatch,
  setLists,
} from './apply/list-types.ts'
import { schemaOf } from './apply/schema.ts'
import { decode } from './decode.ts'
import { checkDepth } from './depth.ts'
import { duplicateKeys } from './duplicate-keys.ts'
import { quantityOf } from './quantities.ts'
import { MemoryStore } from './store.ts'

const schema = (group: string, kind: string) => {
  const found = schemaOf({ group, version: 'v1', kind })
  if (found === undefined) throw new Error(`no schema of ${kind}`)
  return found
}
const pod = (spec: unknown): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })

describe('decoding', () => {
  it('takes away fields that there are not, and names them', () => {
    const object = pod({ containers: [{ name: 'a' }, { name: 'b', imag: 'x', env: [{ nam: 'A' }] }], colour: 'red' })
    expect(decode(object, schema('', 'Pod'))).toEqual([
      'spec.containers[1].imag',
      'spec.containers[1].env[0].nam',
      'spec.colour',
    ])
    expect(object['spec']).toEqual({ containers: [{ name: 'a' }, { name: 'b', env: [{}] }] })
  })

  it.each([
    [
      pod({ containers: {} }),
      'cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [pod({ hostNetwork: 'yes' }), 'cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool'],
    [pod({ priority: 1.5 }), 'cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32'],
    [pod({ priority: 2 ** 31 }), 'of type int32'],
    [
      pod({ nodeSelector: { a: 1 } }),
      'cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type string',
    ],
    [pod({ containers: [{ resources: { limits: { cpu: 'much' } } }] }), 'quantities must match the regular expression'],
    [pod({ containers: null }), undefined],
  ])('%j', (object, message) => {
    const run = (): unknown => decode(object, schema('', 'Pod'))
    if (message === undefined) expect(run).not.toThrow()
    else expect(run).toThrow(message)
  })

  it('checks base64 and times', () => {
    const secret = (data: Json): Json => ({ apiVersion: 'v1', kind: 'Secret', data })
    expect(decode(secret({ a: 'YQ==' }), schema('', 'Secret'))).toEqual([])
    expect(() => decode(secret({ a: '?' }), schema('', 'Secret'))).toThrow('illegal base64 data at input byte 0')
    const lease = { spec: { renewTime: 'yesterday' } }
    expect(() => decode(lease, schema('coordination.k8s.io', 'Lease'))).toThrow('parsing time "yesterday"')
  })
})

describe('the table of fields', () => {
  const rows = new Map(
    fieldTable
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.split(' ').slice(1)]),
  )
  const fields = new Set(
    [...rows].flatMap(([type, list]) => list.map((field) => `${type}.${field.slice(0, field.lastIndexOf(':'))}`)),
  )

  it('names only types that it has', () => {
    for (const [type, list] of rows)
      for (const field of list) {
        const code = field.slice(field.lastIndexOf(':') + 1).replaceAll(/[[\]{}]/g, '')
        if (code.length > 1) expect(rows.has(code), `${type} ${field}`).toBe(true)
      }
  })

  it('has every field and type that lists are told of', () => {
    for (const path of [
      ...Object.keys(mapLists),
      ...setLists,
      ...atomicMaps,
      ...granularFields,
      ...Object.keys(patchOnly),
      ...replacedByPatch,
    ])
      expect(fields, path).toContain(path)
    for (const type of atomicTypes) expect([...rows.keys()]).toContain(type)
  })
})

it('keys that are named twice', () => {
  expect(duplicateKeys('{"a":1,"b":{"c":[{"d":"a\\"}{","d":2},{"d":1}]},"a":":"}')).toEqual(['b.c[0].d', 'a'])
  expect(duplicateKeys('{"a":{"b":1},"c":{"b":1}}')).toEqual([])
})

it('values that are too deep', () => {
  const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
  expect(() => checkDepth(nested(900))).not.toThrow()
  expect(() => checkDepth(nested(100_000))).toThrow('exceeded max depth')
})

it.each([
  ['500m', 0.5],
  ['1Gi', 2 ** 30],
  ['1.5k', 1500],
  ['2e3', 2000],
  [3, 3],
  ['x', undefined],
])('quantity %s', (text, number) => {
  expect(quantityOf(text)).toBe(number)
})

it('annotations that are too long for an object', () => {
  const store = new MemoryStore()
  const namespace = (note: string) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', annotations: { note } },
  })
  expect(() => store.create('namespaces', namespace('x'.repeat(262_144)))).toThrow(
    'Namespace "a" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes',
  )
  expect(() => store.create('namespaces', namespace('x'.repeat(262_140)))).not.toThrow()
})
