import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import { type Item, itemId, type LearntNumber, type Part, type Subject } from './types.ts'

/**
 * A part like the real ones in small: a subject wants addresses (by claim), which lead to its list (a number), a list of endpoints with slots,
 * and marks that several subjects share.
 */
interface Want {
  createdMs: number
  addresses: string[]
  endpoints: string[]
  marks: string[]
}
type World = Map<Subject, Want>

const kinds = {
  endpoint: { stage: 0 },
  list: { stage: 0 },
  mark: { stage: 0, shared: true },
  address: { stage: 1 },
}

function partOf(world: World): Part {
  return {
    name: 'toy',
    kinds,
    plan: (subject, previous) => {
      const want = world.get(subject)
      if (want === undefined) return { items: [], rank: { gone: true, createdMs: 0, name: subject } }
      const list = previous.number('list')
      const items: Item[] = want.addresses.map((key) => ({ kind: 'address', key, value: String(list), claim: key }))
      if (items.length + want.endpoints.length > 0) items.push({ kind: 'list', key: String(list), value: '' })
      for (const [slot, value] of want.endpoints.entries())
        items.push({ kind: 'endpoint', key: `${list}.${slot}`, value })
      for (const key of new Set(want.marks)) items.push({ kind: 'mark', key, value: '' })
      return { items, rank: { gone: false, createdMs: want.createdMs, name: subject } }
    },
    learn: (found) =>
      found.flatMap(({ kind, key, subject }): LearntNumber[] =>
        kind === 'list' && subject ? [{ subject, name: 'list', number: Number(key) }] : [],
      ),
    ownerOf: (item, byNumber) => (item.kind === 'endpoint' ? byNumber.get(Number(item.key.split('.')[0])) : undefined),
  }
}

/** What must be there, by the simplest reading of the rules; numbers are replaced by their subject. */
function naive(world: World): Set<string> {
  const expected = new Set<string>()
  const best = new Map<string, Subject>()
  const older = (a: Subject, b: Subject) => {
    const [x, y] = [world.get(a)?.createdMs ?? 0, world.get(b)?.createdMs ?? 0]
    return x === y ? a < b : x < y
  }
  for (const [subject, want] of world) {
    for (const address of want.addresses) {
      const holder = best.get(address)
      if (holder === undefined || older(subject, holder)) best.set(address, subject)
    }
    for (const [slot, endpoint] of want.endpoints.entries()) expected.add(`endpoint ${subject}.${slot} ${endpoint}`)
    for (const mark of want.marks) expected.add(`mark ${mark}`)
  }
  for (const [address, subject] of best) expected.add(`address ${address} ${subject}`)
  return expected
}

/** What is there, with the numbers of lists replaced by their owners. */
function seen(target: FakeTarget): Set<string> {
  const owner = new Map<string, Subject | undefined>()
  for (const { kind, key, subject } of target.items.values()) if (kind === 'list') owner.set(key, subject)
  const all = new Set<string>()
  for (const { kind, key, value } of target.items.values()) {
    if (kind === 'mark') all.add(`mark ${key}`)
    if (kind === 'address') all.add(`address ${key} ${owner.get(value)}`)
    if (kind === 'endpoint') {
      const [list = '', slot] = key.split('.')
      all.add(`endpoint ${owner.get(list)}.${slot} ${value}`)
    }
  }
  return all
}

const subjectNames = ['a', 'b', 'c', 'd']
const want = fc.record({
  createdMs: fc.integer({ min: 1, max: 3 }),
  addresses: fc.uniqueArray(fc.constantFrom('vip1', 'vip2', 'vip3'), { maxLength: 3 }),
  endpoints: fc.array(fc.constantFrom('p1', 'p2', 'p3', 'p4'), { maxLength: 4 }),
  marks: fc.uniqueArray(fc.constantFrom('m1', 'm2'), { maxLength: 2 }),
})

type Step =
  | { do: 'change'; subject: Subject; want: Want | undefined }
  | { do: 'refuse'; subject: Subject; refused: boolean }
  | { do: 'flush' | 'audit' | 'restart' | 'lose' }
  | { do: 'foreign'; which: number; remove: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      subject: fc.constantFrom(...subjectNames),
      want: fc.option(want, { nil: undefined, freq: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'audit' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'lose' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('refuse' as const),
      subject: fc.constantFrom(...subjectNames),
      refused: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('foreign' as const), which: fc.nat(50), remove: fc.boolean() }),
  },
)

describe('Reconciler', () => {
  it('ends where a naive model ends, whatever changes, fails, is lost or is touched by others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world: World = new Map()
        const target = new FakeTarget(['address', 'list'])
        let nowMs = 1_000_000
        const make = () =>
          new Reconciler({ part: partOf(world), target, now: () => nowMs, random: () => 0.5, chunkChanges: 5 })
        let reconciler = make()
        await reconciler.start(world.keys())
        for (const one of steps) {
          if (one.do === 'change') {
            if (one.want === undefined) world.delete(one.subject)
            else world.set(one.subject, one.want)
            reconciler.touch([one.subject])
          } else if (one.do === 'flush') await reconciler.flush()
          else if (one.do === 'audit') await reconciler.audit()
          else if (one.do === 'lose') target.lose()
          else if (one.do === 'refuse') {
            if (one.refused) target.refuses.add(one.subject)
            else target.refuses.delete(one.subject)
          } else if (one.do === 'restart') {
            reconciler = make()
            await reconciler.start(world.keys())
          } else if (one.do === 'foreign') {
            const ids = [...target.items.keys()]
            const id = ids[one.which % Math.max(1, ids.length)] ?? 'mark foreign'
            target.foreign(
              id,
              one.remove ? undefined : { kind: 'mark', key: 'foreign', value: '', ...target.items.get(id) },
            )
          }
        }
        target.refuses.clear()
        nowMs += 3_600_000
        await reconciler.flush()
        await reconciler.audit()
        await reconciler.flush()
        expect(seen(target)).toEqual(naive(world))
        const batches = target.batches.length
        expect(await reconciler.audit()).toBe(0)
        expect(target.batches.length).toBe(batches)
        const after = make()
        await after.start(world.keys())
        expect(seen(target)).toEqual(naive(world))
      }),
      { numRuns: 2000 },
    )
  })

  const web: Want = { createdMs: 1, addresses: ['vip1'], endpoints: ['p1', 'p2'], marks: ['m1'] }

  async function started(world: World): Promise<{ reconciler: Reconciler; target: FakeTarget }> {
    const target = new FakeTarget(['address', 'list'])
    const reconciler = new Reconciler({ part: partOf(world), target })
    await reconciler.start(world.keys())
    target.batches.length = 0
    return { reconciler, target }
  }

  it('writes only what differs', async () => {
    const world: World = new Map([['a', web]])
    const { reconciler, target } = await started(world)
    world.set('a', { ...web, endpoints: ['p1', 'p3'] })
    reconciler.touch(['a'])
    await reconciler.flush()
    expect(target.batches).toHaveLength(1)
    expect(target.batches[0]?.map(({ op, item }) => `${op} ${itemId(item)}=${item.value}`)).toEqual([
      'delete endpoint 1.1=p2',
      'add endpoint 1.1=p3',
    ])
  })

  it('adopts what is there, with its numbers, and writes nothing if nothing changed', async () => {
    const world: World = new Map([
      ['a', web],
      ['b', { ...web, addresses: ['vip2'] }],
    ])
    const { target } = await started(world)
    world.delete('a')
    const second = new Reconciler({ part: partOf(world), target })
    await second.start(world.keys())
    expect(target.batches).toHaveLength(1)
    const third = new Reconciler({ part: partOf(world), target })
    await third.start(world.keys())
    expect(target.batches).toHaveLength(1)
    expect(target.items.get('address vip2')?.value).toBe('2')
  })

  it('gives a number free only when its removal is acknowledged', async () => {
    const world: World = new Map([['a', web]])
    const { reconciler, target } = await started(world)
    const listOf = (address: string) => target.items.get(`address ${address}`)?.value
    world.delete('a')
    world.set('b', { ...web, addresses: ['vip2'] })
    reconciler.touch(['a', 'b'])
    await reconciler.flush()
    expect(listOf('vip2')).toBe('2')
    world.set('c', { ...web, addresses: ['vip3'] })
    reconciler.touch(['c'])
    await reconciler.flush()
    expect(listOf('vip3')).toBe('1')
  })

  it('does not take its own writes for drift when they cross an audit', async () => {
    const world: World = new Map(subjectNames.map((subject, n) => [subject, { ...web, addresses: [`vip${n}`] }]))
    const { reconciler, target } = await started(world)
    const audit = reconciler.audit()
    for (const endpoints of [['p3', 'p4'], ['p4'], ['p1', 'p2', 'p3']]) {
      for (const [subject, want] of world) world.set(subject, { ...want, endpoints })
      reconciler.touch(subjectNames)
      await reconciler.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await audit).toBe(0)
    expect(reconciler.status()).toMatchObject({ drift: 0, failures: 0, pending: 0 })
    expect(seen(target)).toEqual(naive(world))
  })

  it('promotes the loser of a claim when the winner leaves, and says who won meanwhile', async () => {
    const world: World = new Map([
      ['young', { ...web, createdMs: 2 }],
      ['old', { ...web, createdMs: 1 }],
    ])
    const { reconciler, target } = await started(world)
    expect(target.items.get('address vip1')?.subject).toBe('old')
    expect(reconciler.status().refusals).toMatchObject([{ subject: 'young', reason: 'ClaimedByOlderObject' }])
    world.delete('old')
    reconciler.touch(['old'])
    await reconciler.flush()
    expect(target.items.get('address vip1')?.subject).toBe('young')
    expect(reconciler.status().refusals).toEqual([])
  })

  it('commits the good subjects of a failing batch and retries the bad one alone', async () => {
    const world: World = new Map()
    const { reconciler, target } = await started(world)
    target.refuses.add('c')
    for (const [index, subject] of subjectNames.entries()) {
      world.set(subject, { ...web, addresses: [`vip${index}`], marks: [] })
    }
    reconciler.touch(subjectNames)
    await reconciler.flush()
    expect([...target.items.values()].filter(({ kind }) => kind === 'address').map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['a', 'b', 'd']),
    )
    expect(reconciler.status().failing).toMatchObject([{ subjects: ['c'] }])
    expect(reconciler.status().synced).toBe(false)
  })

  it('keeps the other subjects when one plan throws', async () => {
    const world: World = new Map([['a', web]])
    const part = partOf(world)
    const target = new FakeTarget(['address', 'list'])
    const reconciler = new Reconciler({
      part: {
        ...part,
        plan: (...args) => {
          if (args[0] === 'bad') throw new Error('no such port')
          return part.plan(...args)
        },
      },
      target,
    })
    await reconciler.start(['bad', 'a'])
    expect(target.items.size).toBe(5)
    expect(reconciler.status().refusals).toEqual([{ subject: 'bad', reason: 'PlanFailed', message: 'no such port' }])
  })
})
