import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Json } from './access.ts'
import { listOptions } from './options.ts'
import { MemoryStore } from './store.ts'
import type { KubeObject } from './types.ts'
import { WatchHub, type WatchRequest } from './watch.ts'

/** As much of a response as a watch uses. */
class FakeResponse extends Writable {
  text = ''
  readonly chunks: Buffer[] = []
  headersAt: number | undefined

  writeHead(): void {}

  flushHeaders(): void {
    this.headersAt = this.chunks.length
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk)
    this.text += String(chunk)
    done()
  }

  get events(): Json[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Json)
  }
}

function watch(store: MemoryStore, hub: WatchHub, query: string, change: Partial<WatchRequest> = {}): FakeResponse {
  const response = new FakeResponse()
  const kind = store.kinds.storedKind('configmaps')
  if (kind === undefined) throw new Error('no configmaps')
  const request: WatchRequest = {
    kind,
    namespace: undefined,
    selects: () => true,
    form: { type: 'json', version: 'v1' },
    include: 'Metadata',
    options: listOptions(new URLSearchParams(query), true),
    ...change,
  }
  hub.start(request, response as unknown as ServerResponse)
  return response
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const newStore = (): MemoryStore => {
  const store = new MemoryStore({ historyLimit: 1000 })
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  return store
}

const write = (store: MemoryStore, name: string, labels: Record<string, string> = {}): void => {
  const metadata = { name, namespace: 'default', labels }
  const old = store.get('configmaps', 'default', name)
  if (old === undefined) store.create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata })
  else store.update('configmaps', { ...old, metadata: { ...old.metadata, labels } })
}

const hubs: WatchHub[] = []
const newHub = (...parameters: ConstructorParameters<typeof WatchHub>): WatchHub => {
  const hub = new WatchHub(...parameters)
  hubs.push(hub)
  return hub
}
afterEach(() => {
  for (const hub of hubs.splice(0)) hub.close()
})

const step = fc.oneof(
  fc.record({ type: fc.constant('write' as const), name: fc.nat(4), side: fc.nat(2) }),
  fc.record({ type: fc.constant('remove' as const), name: fc.nat(4) }),
  fc.record({ type: fc.constant('watch' as const), back: fc.nat(20), side: fc.option(fc.nat(2)) }),
  fc.record({ type: fc.constant('turn' as const) }),
)

/** What a client has after a list and all events since, as one with a selector sees it. */
function replayed(start: readonly KubeObject[], events: readonly Json[]): string[] {
  const objects = new Map(start.map((object) => [object.metadata.name, object]))
  for (const { type, object } of events) {
    if (type === 'DELETED') objects.delete(object.metadata.name)
    else {
      // ADDED is never of something known, MODIFIED never of something unknown.
      expect(objects.has(object.metadata.name)).toBe(type === 'MODIFIED')
      objects.set(object.metadata.name, object as KubeObject)
    }
  }
  return [...objects.values()].map((object) => JSON.stringify(object)).sort()
}

describe('a watch', () => {
  it('has every change since the version it asks for, once and in order, whatever happens meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const store = newStore()
        const hub = newHub(store)
        const past: { version: string; objects: KubeObject[] }[] = []
        const commits: string[] = []
        store.subscribe(({ object }) => commits.push(object.metadata.resourceVersion))
        const watches: { response: FakeResponse; from: string; start: KubeObject[]; side: string | null }[] = []
        for (const one of steps) {
          past.push({ version: store.resourceVersion, objects: store.list('configmaps') })
          if (one.type === 'turn') await turn()
          else if (one.type === 'write') write(store, `m${one.name}`, { side: String(one.side) })
          else if (one.type === 'remove') {
            if (store.get('configmaps', 'default', `m${one.name}`))
              store.remove('configmaps', 'default', `m${one.name}`)
          } else {
            const side = one.side === null ? null : String(one.side)
            const selects = (object: KubeObject): boolean => side === null || object.metadata.labels?.['side'] === side
            const { version, objects } = past.at(-1 - one.back) ?? past[0] ?? { version: '1', objects: [] }
            const response = watch(store, hub, `resourceVersion=${version}`, { selects })
            watches.push({ response, from: version, start: objects.filter(selects), side })
          }
        }
        await turn()
        for (const { response, from, start, side } of watches) {
          const { events } = response
          const now = store.list('configmaps').filter((o) => side === null || o.metadata.labels?.['side'] === side)
          expect(replayed(start, events)).toEqual(now.map((object) => JSON.stringify(object)).sort())
          const versions = events.map(({ object }) => object.metadata.resourceVersion as string)
          if (side === null) expect(versions).toEqual(commits.filter((version) => Number(version) > Number(from)))
        }
        hub.close()
      }),
      { numRuns: 150 },
    )
  })

  it('sends its headers before anything happens', () => {
    const store = newStore()
    expect(watch(store, newHub(store), 'resourceVersion=1').headersAt).toBe(0)
  })

  it('tells of a change only when it is safe, and of none that is not', async () => {
    const store = newStore()
    let works = true
    const errors: unknown[] = []
    const safe: string[] = []
    const flush = (): void => {
      if (!works) throw new Error('the disk is full')
      safe.push(store.resourceVersion)
    }
    const hub = newHub(store, flush, (error) => errors.push(error))
    const response = watch(store, hub, 'resourceVersion=1')
    write(store, 'a')
    expect(response.text).toBe('')
    await turn()
    expect(safe).toEqual([store.resourceVersion])
    expect(response.events).toHaveLength(1)
    works = false
    write(store, 'b')
    await turn()
    expect(response.events).toHaveLength(1)
    expect([response.destroyed, errors.length]).toEqual([true, 1])
  })

  it('serialises an object once, whatever the number of watches, and once for each form of Table', async () => {
    const store = newStore()
    const hub = newHub(store)
    const plain = Array.from({ length: 20 }, () => watch(store, hub, 'resourceVersion=1'))
    const form = { type: 'table', version: 'v1' } as const
    const tables = Array.from({ length: 20 }, () => watch(store, hub, 'resourceVersion=1', { form }))
    write(store, 'first')
    await turn()
    const stringify = vi.spyOn(JSON, 'stringify')
    write(store, 'second')
    const written = stringify.mock.calls.map(([value]) => (value as Json | undefined)?.['kind'] as unknown)
    stringify.mockRestore()
    await turn()
    expect(written.filter((kind) => kind === 'ConfigMap' || kind === 'Table').sort()).toEqual(['ConfigMap', 'Table'])
    for (const { events } of plain)
      expect(events.map(({ object }) => object.metadata.name)).toEqual(['first', 'second'])
    for (const { events } of tables) {
      expect(events.map(({ object }) => object.columnDefinitions !== undefined)).toEqual([true, false])
      expect(events.map(({ object }) => object.rows[0].cells[0])).toEqual(['first', 'second'])
    }
    expect(plain[0]?.chunks.at(-1)).toBe(plain[19]?.chunks.at(-1))
  })

  it('gets a bookmark about once a minute, and two before it ends', async () => {
    vi.useFakeTimers()
    try {
      const store = newStore()
      const hub = newHub(store)
      const response = watch(store, hub, 'resourceVersion=1&allowWatchBookmarks=true&timeoutSeconds=150')
      const other = watch(store, hub, 'resourceVersion=1&timeoutSeconds=150')
      await vi.advanceTimersByTimeAsync(151_000)
      expect(response.events.map(({ type, object }) => [type, object.metadata.resourceVersion])).toEqual([
        ['BOOKMARK', store.resourceVersion],
        ['BOOKMARK', store.resourceVersion],
        ['BOOKMARK', store.resourceVersion],
        ['BOOKMARK', store.resourceVersion],
      ])
      expect([response.writableEnded, other.writableEnded, other.text]).toEqual([true, true, ''])
    } finally {
      vi.useRealTimers()
    }
  })

  it('from a version that is forgotten is told so, and ends', async () => {
    const store = newStore()
    store.restore({ version: 500, objects: [] })
    const response = watch(store, newHub(store), 'resourceVersion=499')
    await turn()
    expect(response.events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }])
    expect(response.writableEnded).toBe(true)
  })
})
