import { describe, expect, it } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import type { Change, Part } from './types.ts'

/** Refuses jumps to chains that are not there, and to part with chains that jumps lead to: as nf_tables does, with ENOENT and EBUSY. */
class Chains extends FakeTarget {
  constructor() {
    super(['jump'])
  }

  override apply(changes: readonly Change[]): ReturnType<FakeTarget['apply']> {
    const after = new Map([...this.items].map(([id, { key, value }]) => [id, { key, value }]))
    for (const { op, item } of changes) {
      const id = `${item.kind} ${item.key}`
      if (op === 'add') after.set(id, item)
      else after.delete(id)
    }
    for (const { key, value } of after.values()) {
      if (value !== '' && !this.#has(after, value)) throw new Error(`jump ${key} leads to no chain ${value}`)
    }
    const alone = changes.filter(({ item }) => item.kind === 'chain').length
    if (alone > 0 && changes.length > alone) throw new Error('chains are no elements')
    return super.apply(changes)
  }

  #has(items: ReadonlyMap<string, unknown>, chain: string): boolean {
    return items.has(`chain ${chain}`)
  }
}

/** Each subject wants a few jumps to one chain, which it shares with half of the others, and more where it is the first or the last: those come into another stage. */
function partOf(wanted: ReadonlyMap<string, string>): Part {
  return {
    name: 'jumps',
    kinds: { chain: { stage: 0, shared: true, referenced: true }, jump: { stage: 1 }, way: { stage: 2 } },
    plan: (subject) => {
      const chain = wanted.get(subject)
      const rank = { gone: chain === undefined, createdMs: 0, name: subject }
      if (chain === undefined) return { items: [], rank }
      const jumps = [1, 2, 3].map((n) => ({ kind: 'jump', key: `${subject} ${n}`, value: chain }))
      const ways = Number(subject.slice(1)) % 3 === 0 ? [{ kind: 'way', key: subject, value: '' }] : []
      return { items: [{ kind: 'chain', key: chain, value: '' }, ...jumps, ...ways], rank }
    },
    learn: () => [],
    ownerOf: ({ key }) => key.split(' ')[0],
  }
}

describe('items that others lead to', () => {
  it('are there before and after them, however many batches it takes', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `s${n}`)
    const wanted = new Map(names.map((name, n) => [name, `c${n % 2}`]))
    const target = new Chains()
    const reconciler = new Reconciler({ part: partOf(wanted), target, chunkChanges: 8 })
    await reconciler.start(names)
    expect(reconciler.status()).toMatchObject({ failures: 0, pending: 0, failing: [] })
    // Some go to a new chain while their old one loses all of its own.
    for (const [n, name] of names.entries()) if (n % 2 === 0) wanted.set(name, 'c2')
    reconciler.touch(names.toReversed())
    await reconciler.flush()
    expect(reconciler.status()).toMatchObject({ failures: 0, pending: 0, failing: [] })
    expect([...target.items.keys()].filter((id) => id.startsWith('chain'))).toEqual(['chain c1', 'chain c2'])
    wanted.clear()
    reconciler.touch(names)
    await reconciler.flush()
    expect(reconciler.status()).toMatchObject({ failures: 0, pending: 0, failing: [], items: 0 })
    expect(target.items.size).toBe(0)
  })
})
