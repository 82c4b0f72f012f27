import { beforeEach, describe, expect, it } from 'vitest'
import type { Json } from './access.ts'
import { MemoryStore } from './store.ts'
import type { KubeObject } from './types.ts'

let store: MemoryStore

beforeEach(() => {
  store = new MemoryStore()
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
})

const configMap = (name: string, finalizers: string[] = []): KubeObject =>
  store.create('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', ...(finalizers.length > 0 ? { finalizers } : {}) },
  })

const remove = (): KubeObject => store.remove('namespaces', undefined, 'shop')

const shop = (): KubeObject | undefined => store.get('namespaces', undefined, 'shop')

const condition = (type: string): Json | undefined =>
  shop()?.['status'].conditions?.find((one: Json) => one['type'] === type)

describe('a namespace that is deleted', () => {
  it('goes at once when it is empty', () => {
    remove()
    expect(shop()).toBeUndefined()
  })

  it('says what holds it, and goes with that', () => {
    configMap('free')
    const held = configMap('held', ['fx.example/wait'])
    remove()
    expect(condition('NamespaceContentRemaining')).toMatchObject({
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: configmaps. has 1 resource instances',
    })
    expect(condition('NamespaceFinalizersRemaining')?.['message']).toBe(
      'Some content in the namespace has finalizers remaining: fx.example/wait in 1 resource instances',
    )
    const { finalizers: _finalizers, ...metadata } = store.get('configmaps', 'shop', 'held')?.metadata ?? held.metadata
    store.update('configmaps', { ...held, metadata })
    expect(shop()).toBeUndefined()
  })

  it('waits for pods before it deletes the rest', () => {
    configMap('later')
    store.create('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'example.com/app:1' }] },
    })
    remove()
    expect(store.get('pods', 'shop', 'p')?.metadata.deletionTimestamp).toBeDefined()
    expect(store.list('configmaps', 'shop')).toHaveLength(1)
    store.remove('pods', 'shop', 'p', { gracePeriodSeconds: 0 })
    expect(shop()).toBeUndefined()
  })

  it('is kept by finalizers that others have put into its spec', () => {
    const old = shop() as KubeObject
    store.finalizeNamespace({ ...old, spec: { finalizers: ['kubernetes', 'fx.example/wait'] } })
    remove()
    expect(shop()?.['spec'].finalizers).toEqual(['fx.example/wait'])
    store.finalizeNamespace({ ...(shop() as KubeObject), spec: {} })
    expect(shop()).toBeUndefined()
  })
})
