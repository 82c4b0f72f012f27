import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Json, sameJson } from '../access.ts'
import { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { applied } from './apply.ts'
import { compare } from './compare.ts'
import { difference, type FieldTree, intersection, isEmpty, pathsOf, union, withNamedFields } from './field-set.ts'
import { givenEntries, type ManagedFieldsEntry, withSharedFields } from './managed-fields.ts'
import { merge } from './merge.ts'
import { schemaOf } from './schema.ts'
import { fieldsOf } from './typed.ts'

const store = new MemoryStore()
const kindNamed = (resource: string) => {
  const kind = store.kinds.storedKind(resource)
  if (kind === undefined) throw new Error(`no ${resource}`)
  return kind
}
const deployments = kindNamed('deployments')
const schema = schemaOf(deployments)
if (schema === undefined) throw new Error('a Deployment has a schema')

const deployment = (spec: Json, metadata: Json = {}): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', ...metadata },
  spec,
})
const containers = (...list: Json[]): Json => ({ template: { spec: { containers: list } } })

const apply = (manager: string, config: Json, live?: Json, force = false): Json =>
  applied({ kind: deployments, config, manager, force, time: '2020-01-01T00:00:00Z' }, live)

const owners = (object: Json): Record<string, string[]> =>
  Object.fromEntries(
    (object['metadata'].managedFields as ManagedFieldsEntry[]).map(({ manager, fieldsV1 }) => [
      manager,
      pathsOf(fieldsV1),
    ]),
  )

describe('a server-side apply', () => {
  it('owns what it names, items by key', () => {
    const object = apply('one', deployment(containers({ name: 'a', ports: [{ containerPort: 80 }] })))
    expect(owners(object)['one']).toEqual([
      '.spec.template.spec.containers[name="a"]',
      '.spec.template.spec.containers[name="a"].name',
      '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
      '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].containerPort',
    ])
  })

  it('takes away what only it owned, and what was filled in below', () => {
    const first = apply('one', deployment({ replicas: 2, ...containers({ name: 'a', image: 'x' }) }))
    const both = apply('two', deployment(containers({ name: 'b', image: 'y' })), first)
    both['spec'].template.spec.containers[1].imagePullPolicy = 'Always'
    const { spec: _spec, ...nothing } = deployment({})
    const left = apply('two', nothing, both)
    expect(left['spec']).toEqual({ replicas: 2, ...containers({ name: 'a', image: 'x' }) })
    expect(Object.keys(owners(left))).toEqual(['one'])
  })

  it('keeps what another owns too', () => {
    const first = apply('one', deployment({ replicas: 2 }))
    const shared = apply('two', deployment({ replicas: 2 }), first)
    const kept = apply('one', deployment({}), shared)
    expect(kept['spec'].replicas).toBe(2)
    expect(owners(kept)).toEqual({ one: ['.spec'], two: ['.spec.replicas'] })
  })

  it('names every field that another owns and that would change', () => {
    const first = apply('one', deployment({ replicas: 2, paused: true }))
    const second = apply('two', deployment({ minReadySeconds: 1 }), first)
    expect(() => apply('three', deployment({ replicas: 3, paused: false, minReadySeconds: 2 }), second)).toThrow(
      'Apply failed with 3 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas\nconflicts with "two":\n- .spec.minReadySeconds',
    )
    const forced = apply('three', deployment({ replicas: 3 }), second, true)
    expect(owners(forced)).toMatchObject({ one: ['.spec.paused'], three: ['.spec.replicas'] })
  })

  it('says what is no such object, with the path', () => {
    expect(() => apply('one', deployment({ replica: 1 }))).toThrow(
      'failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema',
    )
    expect(() => apply('one', deployment(containers({ image: 'x' })))).toThrow(
      '.spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name"',
    )
    expect(() => apply('one', deployment(containers({ name: 'a' }, { name: 'a' })))).toThrow(
      '.spec.template.spec.containers: duplicate entries for key [name="a"]',
    )
    expect(() => apply('one', deployment({ replicas: 'many' }))).toThrow('expected numeric (int or float), got string')
  })

  it('knows whom to blame for an object that nobody was written down for', () => {
    const live = deployment({ replicas: 2 }, { creationTimestamp: '2020-01-01T00:00:00Z' })
    expect(() => apply('one', deployment({ replicas: 3 }), live)).toThrow(
      'conflict with "before-first-apply" using apps/v1: .spec.replicas',
    )
  })

  it('goes on where kubectl applied by the client, without a conflict', () => {
    const last = deployment({ replicas: 2 })
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(last) }
    const live = deployment({ replicas: 2, minReadySeconds: 1 }, { annotations })
    const next = apply('kubectl', deployment({ replicas: 3 }), live)
    expect(next['spec']).toEqual({ replicas: 3, minReadySeconds: 1 })
    expect(JSON.parse(next['metadata'].annotations['kubectl.kubernetes.io/last-applied-configuration'])).toMatchObject({
      spec: { replicas: 3 },
    })
    expect(() => apply('kubectl', deployment({ minReadySeconds: 2 }), live)).toThrow('1 conflict')
  })

  it('orders items as the configuration has them, others where they were', () => {
    const live = containers({ name: 'a' }, { name: 'x' }, { name: 'b' })
    const config = containers({ name: 'b' }, { name: 'new' }, { name: 'a' })
    const names = (merge(deployment(live), deployment(config), schema) as Json)['spec'].template.spec.containers
    expect(names).toEqual([{ name: 'x' }, { name: 'b' }, { name: 'new' }, { name: 'a' }])
  })
})

describe('writes of other kinds', () => {
  it('own what they change, and take it from whoever owned it', () => {
    const own = new MemoryStore({ now: () => new Date('2020-01-01T00:00:00Z') })
    own.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    const writer = (manager: string) => ({ fromClient: true, writer: { manager } })
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } }
    const first = own.create('configmaps', { ...map, data: { a: '1', b: '1' } }, writer('kubectl-create'))
    const changed = own.update('configmaps', { ...first, data: { a: '2', c: '1' } }, writer('hand'))
    expect(owners(changed)).toEqual({ hand: ['.data.a', '.data.c'], 'kubectl-create': ['.data'] })
    expect(own.update('configmaps', { ...changed }, writer('other'))).toBe(changed)
    const reset = own.update(
      'configmaps',
      { ...changed, metadata: { ...changed.metadata, managedFields: [{}] as never } },
      writer('x'),
    )
    expect(reset.metadata.managedFields).toBeUndefined()
  })

  it('are ten at most: older ones are taken together', () => {
    let second = 0
    const own = new MemoryStore({ now: () => new Date(1_600_000_000_000 + 1000 * second++) })
    own.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } }
    let object = own.create('configmaps', { ...map, data: { a: '1' } })
    for (let i = 0; i < 15; i++)
      object = own.update(
        'configmaps',
        { ...object, data: { ...object['data'], [`k${i}`]: '1' } },
        { writer: { manager: `m${i}` } },
      )
    expect(object.metadata.managedFields).toHaveLength(10)
    expect(owners(object)['ancient-changes']).toContain('.data.k0')
    expect(owners(object)['m14']).toEqual(['.data.k14'])
  })

  it('share the sets of objects of one shape', () => {
    const own = new MemoryStore()
    own.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    const [a, b] = ['a', 'b'].map((name) =>
      own.create('configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
        data: { x: name },
      }),
    )
    const fieldsOf = (object: KubeObject | undefined): unknown => object?.metadata.managedFields?.[0]?.fieldsV1
    expect(fieldsOf(a)).toBe(fieldsOf(b))
    const copy = withSharedFields(structuredClone(a as KubeObject))
    expect(fieldsOf(copy)).toBe(fieldsOf(a))
  })
})

describe('managedFields that a client sends', () => {
  const entry = (fieldsV1: unknown, more: Json = {}): unknown => [
    { manager: 'm', operation: 'Update', apiVersion: 'v1', time: 't', fieldsType: 'FieldsV1', fieldsV1, ...more },
  ]

  it.each([
    ['{"f:data":{".":{},"f:__proto__":{},"f:":{}}}'],
    ['{"f:list":{"k:{\\"name\\":\\"a\\"}":{},"v:\\"x\\"":{},"v:null":{},"i:0":{}}}'],
  ])('are read: %s', (text) => {
    const fields = JSON.parse(text) as unknown
    expect(JSON.stringify(givenEntries(entry(fields))?.[0]?.fieldsV1)).toBe(text)
  })

  it.each([
    '{"__proto__":{"f:a":{}}}',
    '{"data":{}}',
    '{"k:x":{}}',
    '{"k:1":{}}',
    '{"v:":{}}',
    '{"i:x":{}}',
    '[]',
    'null',
  ])('cannot be: %s', (text) => {
    expect(givenEntries(entry(JSON.parse(text)))).toBeUndefined()
  })
})

describe('sets of fields', () => {
  const name = fc.constantFrom('f:a', 'f:b', 'k:{"name":"c"}', 'v:1')
  const tree: fc.Arbitrary<FieldTree> = fc.letrec<{ tree: FieldTree }>((tie) => ({
    tree: fc.dictionary(name, fc.oneof({ depthSize: 'small' }, fc.constant<FieldTree>({}), tie('tree'))),
  })).tree

  it('are sets', () => {
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        const paths = (set: FieldTree): string[] => pathsOf(set).sort()
        const inB = new Set(pathsOf(b))
        expect(paths(union(a, b))).toEqual([...new Set([...paths(a), ...paths(b)])].sort())
        expect(paths(intersection(a, b))).toEqual(paths(a).filter((path) => inB.has(path)))
        expect(paths(difference(a, b))).toEqual(paths(a).filter((path) => !inB.has(path)))
        expect(isEmpty(difference(a, a)) || isEmpty(a)).toBe(true)
        for (const path of paths(a)) expect(pathsOf(withNamedFields(a))).toContain(path)
      }),
    )
  })

  it('of a difference are those that make one object of the other', () => {
    const value = fc.record(
      {
        replicas: fc.nat(2),
        paused: fc.boolean(),
        minReadySeconds: fc.nat(1),
        strategy: fc.constant({ type: 'Recreate' }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(value, value, (a, b) => {
        const { changed, removed } = compare(deployment(a), deployment(b), schema)
        expect(isEmpty(changed) && isEmpty(removed)).toBe(sameJson(a, b))
        expect(merge(deployment(a), deployment(b), schema)).toEqual(deployment({ ...a, ...b }))
        expect(isEmpty(intersection(changed, removed))).toBe(true)
        expect(isEmpty(difference(changed, withNamedFields(fieldsOf(deployment(b), schema))))).toBe(true)
      }),
    )
  })
})
