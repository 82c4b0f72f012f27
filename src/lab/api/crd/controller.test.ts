import { describe, expect, it } from 'vitest'
import { mapOf } from '../access.ts'
import { served } from '../encoding.ts'
import { MemoryStore } from '../store.ts'
import type { KubeObject, NewObject, StoreEvent } from '../types.ts'
import { definitionResource } from './definition-defaults.ts'

const group = 'example.com'

const definition = (plural: string, kind: string, extra: object = {}): NewObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Cluster',
    names: { plural, kind },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } }, ...extra } },
      },
    ],
  },
})

const thing = (name: string, finalizers: string[] = []): NewObject => ({
  apiVersion: `${group}/v1`,
  kind: 'Thing',
  metadata: { name, finalizers },
})

const things = `things.${group}`
const stored = (store: MemoryStore, name: string): KubeObject | undefined =>
  store.get(definitionResource, undefined, name)
const conditionOf = (object: KubeObject | undefined, type: string): unknown =>
  (mapOf(object?.['status'])['conditions'] ?? []).find((one: { type: string }) => one.type === type)

describe('a definition', () => {
  it('is served once it has been created', () => {
    const store = new MemoryStore()
    store.create(definitionResource, definition('things', 'Thing'))
    expect(conditionOf(stored(store, things), 'Established')).toMatchObject({ status: 'True' })
    store.create(things, thing('a'))
    expect(store.list(things).map((object) => object.metadata.generation)).toEqual([1])
    expect(store.kinds.served(group, 'v1', 'things')?.kind).toBe('Thing')
  })

  it('waits for names that are taken, and gets them when their owner goes', () => {
    const store = new MemoryStore()
    store.create(definitionResource, definition('things', 'Thing'))
    store.create(definitionResource, definition('others', 'Thing'))
    expect(conditionOf(stored(store, `others.${group}`), 'NamesAccepted')).toMatchObject({
      status: 'False',
      reason: 'ListKindConflict',
    })
    expect(store.kinds.served(group, 'v1', 'others')).toBeUndefined()
    store.remove(definitionResource, undefined, things)
    expect(store.kinds.served(group, 'v1', 'things')).toBeUndefined()
    expect(store.kinds.served(group, 'v1', 'others')?.kind).toBe('Thing')
  })

  it('that goes takes its objects along and waits for finalizers', () => {
    const store = new MemoryStore()
    const events: StoreEvent[] = []
    store.create(definitionResource, definition('things', 'Thing'))
    store.create(things, thing('a'))
    const held = store.create(things, thing('held', ['example.com/wait']))
    store.subscribe((event) => events.push(event))
    store.remove(definitionResource, undefined, things)
    expect(store.list(things).map((object) => object.metadata.name)).toEqual(['held'])
    expect(() => store.create(things, thing('late'))).toThrow('create not allowed while')
    const now = store.get(things, undefined, 'held')
    store.update(things, { ...held, metadata: { ...(now ?? held).metadata, finalizers: [] } })
    expect(stored(store, things)).toBeUndefined()
    expect(() => store.list(things)).toThrow('could not find the requested resource')
    expect(events.filter(({ type }) => type === 'DELETED').map(({ object }) => object.metadata.name)).toEqual([
      'a',
      'held',
      things,
    ])
  })

  it('goes on where another process has ended', () => {
    const before = new MemoryStore()
    before.create(definitionResource, definition('things', 'Thing'))
    before.create(things, thing('a', ['example.com/wait']))
    before.remove(definitionResource, undefined, things)
    const objects = before.contents().map(({ resource, object }) => {
      const { finalizers: _finalizers, ...metadata } = object.metadata
      return resource === things ? { resource, object: { ...object, metadata } } : { resource, object }
    })
    const after = new MemoryStore()
    after.restore({ version: Number(before.resourceVersion), objects: structuredClone(objects) })
    expect(after.list(things)).toHaveLength(1)
    after.remove(things, undefined, 'a')
    expect(stored(after, things)).toBeUndefined()
  })

  it('is taken as it is: rules are not evaluated, empty defaults stay', () => {
    const store = new MemoryStore()
    const properties = { spec: { type: 'object', properties: { list: { type: 'array', items: {}, default: [] } } } }
    const rules = { 'x-kubernetes-validations': [{ rule: 'false' }], properties }
    Object.assign(properties.spec.properties.list, { items: { type: 'string' } })
    store.create(definitionResource, definition('things', 'Thing', rules))
    const object = store.create(things, { ...thing('a'), spec: {} })
    expect(object['spec']).toEqual({ list: [] })
  })
})

describe('a change of the definition', () => {
  it('is seen in objects that were there before', () => {
    const store = new MemoryStore()
    store.create(definitionResource, definition('things', 'Thing'))
    const object = store.create(things, { ...thing('a'), spec: {} })
    const draft = structuredClone(stored(store, things)) as KubeObject
    const [first] = draft['spec'].versions
    const properties = { spec: { type: 'object', properties: { size: { type: 'integer', default: 1 } } } }
    const schema = { openAPIV3Schema: { type: 'object', properties } }
    draft['spec'].versions = [
      { ...first, storage: false },
      { name: 'v2', served: true, storage: true, schema },
    ]
    store.update(definitionResource, draft)
    expect(mapOf(stored(store, things)?.['status'])['storedVersions']).toEqual(['v1', 'v2'])
    const v2 = store.kinds.served(group, 'v2', 'things')
    expect(v2 && served(v2, object)).toMatchObject({ apiVersion: `${group}/v2`, spec: { size: 1 } })
    const v1 = store.kinds.served(group, 'v1', 'things')
    expect(v1 && served(v1, object)).toMatchObject({ apiVersion: `${group}/v1`, spec: {} })
  })
})

describe('two versions', () => {
  it('are the same object, each with its own fields', () => {
    const store = new MemoryStore()
    const two = definition('things', 'Thing')
    const [first] = two['spec'].versions
    const properties = { spec: { type: 'object', properties: { more: { type: 'string', default: 'x' } } } }
    two['spec'].versions.push({
      ...first,
      name: 'v2',
      storage: false,
      schema: { openAPIV3Schema: { type: 'object', properties } },
    })
    store.create(definitionResource, two)
    const created = store.create(things, { ...thing('a'), apiVersion: `${group}/v2`, spec: {} })
    expect(created).toMatchObject({ apiVersion: `${group}/v1`, spec: { more: 'x' } })
    const v2 = store.kinds.served(group, 'v2', 'things')
    expect(v2?.view?.fromStored(created)).toMatchObject({ apiVersion: `${group}/v2`, spec: { more: 'x' } })
  })
})
