import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryStore } from './store.ts'
import type { DeleteOptions, KubeObject, OwnerReference } from './types.ts'

let store: MemoryStore

beforeEach(() => {
  store = new MemoryStore()
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
})

function configMap(name: string, metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  return store.create('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', ...metadata },
  })
}

const ownedBy = (owner: KubeObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  ...more,
})

const remove = (name: string, propagationPolicy?: NonNullable<DeleteOptions['propagationPolicy']>): KubeObject =>
  store.remove('configmaps', 'default', name, propagationPolicy === undefined ? {} : { propagationPolicy })

const names = (): string[] => store.list('configmaps', 'default').map(({ metadata }) => metadata.name)

const get = (name: string): KubeObject => store.get('configmaps', 'default', name) as KubeObject

function unhold(name: string): void {
  const { finalizers: _finalizers, ...metadata } = get(name).metadata
  store.update('configmaps', { ...get(name), metadata })
}

describe('the garbage collector', () => {
  it('deletes dependents of what is gone, to any depth', () => {
    const top = configMap('top')
    const middle = configMap('middle', { ownerReferences: [ownedBy(top)] })
    configMap('bottom', { ownerReferences: [ownedBy(middle)] })
    remove('top', 'Background')
    expect(names()).toEqual([])
  })

  it('has the owner wait for dependents that block it', () => {
    const owner = configMap('owner')
    const held = ['fx.example/wait']
    configMap('blocker', { ownerReferences: [ownedBy(owner, { blockOwnerDeletion: true })], finalizers: held })
    configMap('child', { ownerReferences: [ownedBy(owner)] })
    expect(remove('owner', 'Foreground').metadata.finalizers).toEqual(['foregroundDeletion'])
    expect(names()).toEqual(['blocker', 'owner'])
    expect(get('blocker').metadata.deletionTimestamp).toBeDefined()
    unhold('blocker')
    expect(names()).toEqual([])
  })

  it('does not have the owner wait for others', () => {
    const owner = configMap('owner')
    configMap('child', { ownerReferences: [ownedBy(owner)], finalizers: ['fx.example/wait'] })
    remove('owner', 'Foreground')
    expect(names()).toEqual(['child'])
    expect(get('child').metadata.deletionTimestamp).toBeDefined()
  })

  it('passes foreground deletion on to dependents that have dependents', () => {
    const top = configMap('top')
    const middle = configMap('middle', { ownerReferences: [ownedBy(top, { blockOwnerDeletion: true })] })
    const reference = ownedBy(middle, { blockOwnerDeletion: true })
    configMap('bottom', { ownerReferences: [reference], finalizers: ['fx.example/wait'] })
    remove('top', 'Foreground')
    expect(get('middle').metadata.finalizers).toEqual(['foregroundDeletion'])
    unhold('bottom')
    expect(names()).toEqual([])
  })

  it('has dependents forget an owner that leaves them behind', () => {
    const owner = configMap('owner')
    configMap('child', { ownerReferences: [ownedBy(owner)] })
    remove('owner', 'Orphan')
    expect(names()).toEqual(['child'])
    expect(get('child').metadata.ownerReferences).toBeUndefined()
  })

  it('keeps what has another owner', () => {
    const [one, two] = [configMap('one'), configMap('two')]
    configMap('child', { ownerReferences: [ownedBy(one), ownedBy(two)] })
    remove('one', 'Foreground')
    expect(get('child').metadata.ownerReferences).toEqual([ownedBy(two)])
    remove('two')
    expect(names()).toEqual([])
  })

  it('collects what names an owner that is not there, and leaves owners of unknown kinds alone', () => {
    const owner = configMap('owner')
    remove('owner')
    configMap('late', { ownerReferences: [ownedBy(owner)] })
    configMap('foreign', { ownerReferences: [ownedBy(owner, { kind: 'Machine', apiVersion: 'fx.example/v1' })] })
    expect(names()).toEqual(['foreign'])
  })

  it('finds owners in the namespace of their dependents alone', () => {
    store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } })
    configMap('child', { namespace: 'other', ownerReferences: [ownedBy(configMap('owner'))] })
    expect(store.list('configmaps', 'other')).toEqual([])
  })

  it('leaves alone what may not be deleted, and the write that led there is done', () => {
    const owner = configMap('owner')
    const system = store.get('namespaces', undefined, 'default') as KubeObject
    store.update('namespaces', { ...system, metadata: { ...system.metadata, ownerReferences: [ownedBy(owner)] } })
    remove('owner')
    expect(names()).toEqual([])
    expect(store.get('namespaces', undefined, 'default')?.['status'].phase).toBe('Active')
  })

  it('goes on after a restart', () => {
    const alone = new MemoryStore({ collect: false })
    store = alone
    alone.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    const owner = configMap('owner')
    configMap('child', { ownerReferences: [ownedBy(owner, { blockOwnerDeletion: true })] })
    remove('owner', 'Foreground')
    expect(names()).toEqual(['child', 'owner'])
    store = new MemoryStore()
    store.restore({ version: Number(alone.resourceVersion), objects: structuredClone(alone.contents()) })
    expect(names()).toEqual([])
  })
})
