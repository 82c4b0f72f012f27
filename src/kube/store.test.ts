import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Change, followStore, ObjectStore, type StoreOptions } from './store.ts'

interface Thing {
  tags: readonly string[]
  size: number
}

const thing = (size: number, ...tags: string[]): Thing => ({ tags, size })
const sameThing = (a: Thing, b: Thing): boolean => a.size === b.size && a.tags.join() === b.tags.join()

/** A store whose deliveries happen when the test says so. */
function makeStore(options: StoreOptions<Thing> = {}) {
  const due: (() => void)[] = []
  const indexes = { byTag: (object: Thing) => object.tags }
  const store = new ObjectStore<Thing>({ indexes, schedule: (deliver) => void due.push(deliver), ...options })
  const flush = (): void => due.splice(0).forEach((deliver) => deliver())
  return { store, flush, due }
}

function record(store: ObjectStore<Thing>): { batches: Map<string, Change<Thing>>[]; stop: () => void } {
  const batches: Map<string, Change<Thing>>[] = []
  const stop = store.onChange((changes) => batches.push(new Map(changes)))
  return { batches, stop }
}

describe('ObjectStore', () => {
  it('delivers nothing before the first list, then everything at once', () => {
    const { store, flush, due } = makeStore()
    const { batches } = record(store)
    store.set('a', thing(1))
    expect(due).toEqual([])
    expect(store.synced).toBe(false)
    store.replaceAll([
      ['a', thing(2)],
      ['b', thing(3)],
    ])
    expect(store.synced).toBe(true)
    expect(batches).toEqual([])
    flush()
    expect(batches).toEqual([
      new Map([
        ['a', { old: undefined, now: thing(2) }],
        ['b', { old: undefined, now: thing(3) }],
      ]),
    ])
  })

  it('tells of an empty first list', () => {
    const { store, flush } = makeStore()
    const { batches } = record(store)
    store.replaceAll([])
    flush()
    expect(batches).toEqual([new Map()])
  })

  it('merges changes of one key and leaves out what cancels out', () => {
    const { store, flush } = makeStore({ equal: sameThing })
    store.replaceAll([
      ['kept', thing(1)],
      ['moved', thing(1)],
    ])
    const { batches } = record(store)
    flush()
    store.set('kept', thing(2))
    store.set('kept', thing(1))
    store.set('moved', thing(2))
    store.set('moved', thing(3))
    store.set('brief', thing(1))
    store.delete('brief')
    flush()
    expect(batches.slice(1)).toEqual([new Map([['moved', { old: thing(1), now: thing(3) }]])])
  })

  it('tells who follows it also of what came and went in between, since others may have read it', () => {
    const { store, flush } = makeStore({ equal: sameThing })
    store.replaceAll([['kept', thing(1)]])
    const told: [string, unknown, unknown][] = []
    const stop = followStore(store, (changes) => {
      for (const [key, { old, now }] of changes) told.push([key, old, now])
    })
    flush()
    told.length = 0
    store.set('kept', thing(2))
    store.set('kept', thing(1))
    store.set('brief', thing(3))
    store.delete('brief')
    flush()
    expect(told).toEqual([
      ['kept', thing(2), thing(1)],
      ['brief', thing(3), undefined],
    ])
    stop()
    store.set('kept', thing(4))
    store.set('kept', thing(5))
    flush()
    expect(told).toHaveLength(2)
  })

  it('keeps the stored object where an update is equal', () => {
    const { store, flush } = makeStore({ equal: sameThing })
    const first = thing(1)
    store.replaceAll([['a', first]])
    flush()
    store.set('a', thing(1))
    expect(store.get('a')).toBe(first)
  })

  it('deletes what a new list lacks', () => {
    const { store, flush } = makeStore()
    store.replaceAll([['gone', thing(1, 'x')]])
    const { batches } = record(store)
    flush()
    store.replaceAll([])
    flush()
    expect(batches[1]).toEqual(new Map([['gone', { old: thing(1, 'x'), now: undefined }]]))
    expect(store.byIndex('byTag', 'x')).toEqual([])
  })

  it('gives a late listener everything, and only it', () => {
    const { store, flush } = makeStore()
    const early = record(store)
    store.replaceAll([['a', thing(1)]])
    flush()
    const late = record(store)
    flush()
    expect(early.batches).toHaveLength(1)
    expect(late.batches).toEqual(early.batches)
  })

  it('stops after unsubscribing', () => {
    const { store, flush } = makeStore()
    const { batches, stop } = record(store)
    store.replaceAll([])
    stop()
    flush()
    expect(batches).toEqual([])
  })

  it('calls the other listeners when one throws, and delivers what a listener writes in the next batch', () => {
    const { store, flush } = makeStore()
    store.onChange(() => {
      throw new Error('broken listener')
    })
    store.onChange((changes) => {
      if (changes.has('a')) store.set('b', thing(2))
    })
    const { batches } = record(store)
    store.replaceAll([['a', thing(1)]])
    expect(flush).toThrow('broken listener')
    expect(flush).toThrow('broken listener')
    expect(batches.map((batch) => [...batch.keys()])).toEqual([['a'], ['b']])
  })

  it('gives a listener that comes during a delivery each object once', () => {
    const { store, flush } = makeStore()
    let late: ReturnType<typeof record> | undefined
    store.onChange((changes) => {
      if (changes.has('a')) store.set('b', thing(2))
      late ??= record(store)
    })
    store.replaceAll([['a', thing(1)]])
    flush()
    flush()
    expect(late?.batches.map((batch) => [...batch.keys()])).toEqual([['a', 'b']])
  })

  it('delivers once a macrotask by itself', async () => {
    const store = new ObjectStore<Thing>()
    const { batches } = record(store)
    store.replaceAll([])
    await new Promise(setImmediate)
    store.set('a', thing(1))
    await Promise.resolve()
    store.set('b', thing(1))
    await new Promise(setImmediate)
    expect(batches.map((batch) => [...batch.keys()])).toEqual([[], ['a', 'b']])
  })

  it('refuses an index it was not made with', () => {
    expect(() => makeStore().store.byIndex('byColour', 'red')).toThrow('byColour')
  })

  it('behaves as a naive model does', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd')
    const value = fc.record({ size: fc.nat(2), tags: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')) })
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), key, value }),
      fc.record({ kind: fc.constant('delete' as const), key }),
      fc.record({ kind: fc.constant('replaceAll' as const), list: fc.dictionary(key, value) }),
      fc.record({ kind: fc.constant('flush' as const) }),
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), fc.boolean(), (operations, useEqual) => {
        const { store, flush } = makeStore(useEqual ? { equal: sameThing } : {})
        const model = new Map<string, Thing>()
        const delivered = new Map<string, Thing>()
        let batches = 0
        store.onChange((changes) => {
          batches++
          for (const [key, { old, now }] of changes) {
            expect(delivered.get(key)).toEqual(old)
            if (batches > 1) expect(useEqual && old && now && sameThing(old, now)).toBeFalsy()
            if (now) delivered.set(key, now)
            else delivered.delete(key)
          }
        })
        for (const step of operations) {
          if (step.kind === 'set') model.set(step.key, step.value)
          if (step.kind === 'delete') model.delete(step.key)
          if (step.kind === 'replaceAll') {
            model.clear()
            for (const [key, value] of Object.entries(step.list)) model.set(key, value)
          }
          if (step.kind === 'set') store.set(step.key, step.value)
          if (step.kind === 'delete') store.delete(step.key)
          if (step.kind === 'replaceAll') store.replaceAll(Object.entries(step.list))
          if (step.kind === 'flush') flush()
          expect(new Map(store.entries())).toEqual(model)
          expect(store.size).toBe(model.size)
          for (const tag of ['x', 'y', 'z'])
            expect(new Set(store.keysByIndex('byTag', tag))).toEqual(tagged(model, tag))
          for (const tag of ['x', 'y', 'z'])
            expect(store.byIndex('byTag', tag)).toEqual(store.keysByIndex('byTag', tag).map((key) => model.get(key)))
          if (step.kind === 'flush' && store.synced) expect(delivered).toEqual(model)
        }
        if (!store.synced) expect(batches).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

const tagged = (model: ReadonlyMap<string, Thing>, tag: string): Set<string> =>
  new Set([...model].filter(([, object]) => object.tags.includes(tag)).map(([key]) => key))
