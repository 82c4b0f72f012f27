import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { continuationOf, pageOf } from './pages.ts'
import { MemoryStore } from './store.ts'
import type { KubeObject } from './types.ts'

function clusterWith(names: readonly string[]): MemoryStore {
  const store = new MemoryStore()
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  for (const name of names) put(store, name, '')
  return store
}

function put(store: MemoryStore, name: string, value: string): void {
  const old = store.get('configmaps', 'default', name)
  const metadata = { name, namespace: 'default' }
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } }
  if (old === undefined) store.create('configmaps', object)
  else store.update('configmaps', { ...old, data: { value } })
}

const shown = (objects: readonly KubeObject[]): string[] =>
  objects.map(({ metadata, data }) => `${metadata.name}=${data.value} ${metadata.resourceVersion}`)

describe('pages', () => {
  it('end with the last item, and say how many remain unless something was selected', () => {
    const store = clusterWith(['a', 'b', 'c'])
    const all = store.list('configmaps')
    const first = pageOf(all, '9', { after: undefined, limit: 2, selected: false })
    expect(first.metadata).toMatchObject({ resourceVersion: '9', remainingItemCount: 1 })
    const { start, rv } = continuationOf(first.metadata.continue ?? '')
    expect(rv).toBe(9)
    const last = pageOf(all, '9', { after: start, limit: 2, selected: false })
    expect(last.items.map(({ metadata }) => metadata.name)).toEqual(['c'])
    expect(last.metadata).toEqual({ resourceVersion: '9' })
    expect(pageOf(all, '9', { after: undefined, limit: 2, selected: true }).metadata.remainingItemCount).toBeUndefined()
  })

  it.each(['nonsense', '', 'e30', 'a.b'])('refuses the token %j', (token) => {
    expect(() => continuationOf(token)).toThrow(/continue key is not valid/)
  })

  it('show the state of their version, whatever has been done since', () => {
    const action = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.constantFrom('1', '2', undefined) })
    fc.assert(
      fc.property(fc.array(action), fc.array(action), (before, after) => {
        const store = clusterWith([])
        const run = ({ name, value }: { name: string; value: string | undefined }): void => {
          if (value !== undefined) put(store, name, value)
          else if (store.get('configmaps', 'default', name) !== undefined) store.remove('configmaps', 'default', name)
        }
        before.forEach(run)
        const version = Number(store.resourceVersion)
        const expected = shown(store.list('configmaps', 'default'))
        after.forEach(run)
        expect(shown(store.listAt('configmaps', 'default', version) ?? [])).toEqual(expected)
      }),
    )
  })

  it('have no past beyond a compaction', () => {
    const store = clusterWith(['a'])
    const version = Number(store.resourceVersion)
    put(store, 'a', '1')
    store.compact()
    expect(store.listAt('configmaps', 'default', version)).toBeUndefined()
    expect(store.listAt('configmaps', 'default', Number(store.resourceVersion))).toHaveLength(1)
  })
})
