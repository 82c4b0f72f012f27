import { describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { ObjectStore } from '../kube/store.ts'
import { ApiLists } from './lists.ts'

describe('the lists of the API', () => {
  it('55 have started when each of them is complete, and not before', async () => {
    const arrived: Record<string, () => void> = {}
    const client = {
      listPages: async (path: string, _query: unknown, sink: { page(items: unknown[]): void }) => {
        await new Promise<void>((resolve) => (arrived[path] = resolve))
        sink.page([{ metadata: { name: 'one' } }])
        return '1'
      },
      watch: async function* (_path: string, { signal }: { signal: AbortSignal }) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        yield* []
      },
    }
    const decode = (raw: { metadata: { name: string } }) => ({ key: raw.metadata.name, value: raw.metadata.name })
    const stores = [new ObjectStore<string>(), new ObjectStore<string>()]
    const lists = new ApiLists(client as never, () => {})
    for (const [index, store] of stores.entries()) lists.add({ resource: `things${index}`, store, decode })
    const stop = new AbortController()
    let started = false
    const starting = lists.start(stop.signal).then(() => (started = true))
    await eventually(() => expect(Object.keys(arrived)).toHaveLength(2))
    const [first, second] = Object.values(arrived)
    first?.()
    await eventually(() => expect(stores[0]?.synced).toBe(true))
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(started).toBe(false)
    second?.()
    await starting
    expect(stores.map((store) => [...store.values()])).toEqual([['one'], ['one']])
    stop.abort()
  })
})
