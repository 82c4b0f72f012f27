import { describe, expect, it, vi } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { change, perItem, started, subjectNames, web, written } from './reconciler.fixture.ts'
import { Reconciler } from './reconciler.ts'
import { expectedOf, seenIn, toyOwned, toyPart, type Want, World } from './toy-part.ts'
import { type Item, type Part } from './types.ts'

describe('Reconciler', () => {
  it('writes only what differs', async () => {
    const life = await started([['a', web]])
    await change(life, 'a', { ...web, endpoints: ['p1', 'p3'] })
    expect(written(life.target)).toEqual([['delete endpoint 1.1=p2', 'add endpoint 1.1=p3']])
  })

  it('adopts what is there, with its numbers, and writes nothing if nothing changed', async () => {
    const { target } = await started([
      ['a', web],
      ['b', { ...web, addresses: ['vip2'] }],
    ])
    const b: [string, Want][] = [['b', { ...web, addresses: ['vip2'] }]]
    const second = new Reconciler({ part: toyPart(new World(b)), target })
    await second.start(['b'])
    expect(target.batches).toHaveLength(1)
    const third = new Reconciler({ part: toyPart(new World(b)), target })
    await third.start(['b'])
    expect(target.batches).toHaveLength(1)
    expect(target.items.get('address vip2')?.value).toBe('2')
  })

  it('gives a number free only when its removal is acknowledged', async () => {
    const life = await started([['a', web]])
    const { reconciler, target, world } = life
    const listOf = (address: string) => target.items.get(`address ${address}`)?.value
    world.delete('a')
    world.set('b', { ...web, addresses: ['vip2'] })
    reconciler.touch(['a', 'b'])
    await reconciler.flush()
    expect(listOf('vip2')).toBe('2')
    await change(life, 'c', { ...web, addresses: ['vip3'] })
    expect(listOf('vip3')).toBe('1')
  })

  it('does not give a number free while somebody else has yet to overwrite what leads to it', async () => {
    const life = await started([['a', { ...web, createdMs: 2 }]])
    const { reconciler, target, world } = life
    target.refusesItems.add('address vip1')
    world.delete('a')
    world.set('b', web)
    reconciler.touch(['a', 'b'])
    await reconciler.flush()
    await change(life, 'c', { ...web, addresses: ['vip3'] })
    expect(target.items.get('address vip1')?.value).toBe('1')
    expect(target.items.get('address vip3')?.value).toBe('3')
    expect(target.items.get('list 1')?.subject).toBe('a')
  })

  it('writes a list that is larger than a chunk piece by piece, and switches last', async () => {
    const life = await started([['a', web]], undefined, { chunkChanges: 4 })
    const endpoints = ['p1', 'p2', 'p3', 'p4', 'p5']
    await change(life, 'a', { ...web, endpoints, version: 1, inPieces: true })
    const batches = written(life.target)
    expect(batches.slice(0, 2)).toEqual([
      ['add endpoint 2.0=p1', 'add endpoint 2.1=p2'],
      ['add endpoint 2.2=p3', 'add endpoint 2.3=p4'],
    ])
    expect(batches[2]).toContain('add address vip1=2')
    expect(batches).toHaveLength(3)
    await change(life, 'b', { ...web, addresses: ['vip2'] })
    expect(life.target.items.get('address vip2')?.value).toBe('1')
  })

  it.each([false, true])('does not take its own writes for drift when they cross an audit (slow: %s)', async (slow) => {
    const { reconciler, target, world } = await started(
      subjectNames.map((subject, n) => [subject, { ...web, addresses: [`vip${n}`] }] as const),
    )
    target.slow = slow
    const audit = reconciler.audit()
    for (const endpoints of [['p3', 'p4'], ['p4'], ['p1', 'p2', 'p3']]) {
      for (const [subject, want] of world) world.set(subject, { ...want, endpoints })
      reconciler.touch(subjectNames)
      await reconciler.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await audit).toBe(0)
    expect(reconciler.status()).toMatchObject({ drift: 0, failures: 0, pending: 0 })
    expect(seenIn(target)).toEqual(expectedOf(world, Date.now()))
  })

  it('promotes the loser of a claim when the winner leaves, and says who won meanwhile', async () => {
    const life = await started([
      ['young', { ...web, createdMs: 2 }],
      ['old', web],
    ])
    expect(life.target.items.get('address vip1')?.subject).toBe('old')
    expect(life.reconciler.status().refusals).toMatchObject([{ subject: 'young', reason: 'ClaimedByOlderObject' }])
    await change(life, 'old')
    expect(life.target.items.get('address vip1')?.subject).toBe('young')
    expect(life.reconciler.status().refusals).toEqual([])
  })

  it('commits the good subjects of a failing batch and retries the bad one alone', async () => {
    const { reconciler, target, world } = await started([])
    target.refuses.add('c')
    for (const [index, subject] of subjectNames.entries()) {
      world.set(subject, { ...web, addresses: [`vip${index}`], marks: [] })
    }
    reconciler.touch(subjectNames)
    await reconciler.flush()
    const owners = [...target.items.values()].filter(({ kind }) => kind === 'address').map(({ subject }) => subject)
    expect(owners).toEqual(['a', 'b', 'd'])
    expect(reconciler.status().failing).toMatchObject([{ subjects: ['c'] }])
    expect(reconciler.status().synced).toBe(false)
  })

  it('lets whoever takes a key from a subject that waits for its retry wait with it', async () => {
    let nowMs = 0
    const life = await started([['a', { ...web, createdMs: 2 }]], undefined, { now: () => nowMs })
    life.target.refuses.add('a')
    await change(life, 'a', { ...web, createdMs: 2, endpoints: ['p3'] })
    const apply = vi.spyOn(life.target, 'apply')
    await change(life, 'b', { ...web, addresses: ['vip1'], marks: [] })
    expect(apply).not.toHaveBeenCalled()
    life.target.refuses.clear()
    nowMs = 3_600_000
    await life.reconciler.flush()
    expect(apply).toHaveBeenCalledTimes(1)
    expect(seenIn(life.target)).toEqual(expectedOf(life.world, nowMs))
  })

  it('does not let a shared item wait with the subject that was to write it', async () => {
    const { reconciler, target, world } = await started([])
    target.refuses.add('a')
    world.set('a', { ...web, addresses: [] })
    world.set('b', { ...web, addresses: [] })
    reconciler.touch(['a', 'b'])
    await reconciler.flush()
    expect(target.items.has('mark m1')).toBe(true)
    expect(reconciler.isCommitted('b')).toBe(true)
    expect(reconciler.isCommitted('a')).toBe(false)
  })

  it('keeps the other subjects when one plan throws', async () => {
    const toy = toyPart(new World([['a', web]]))
    const plan: Part['plan'] = (subject, ...rest) => {
      if (subject === 'bad') throw new Error('no such port')
      return toy.plan(subject, ...rest)
    }
    const target = new FakeTarget(toyOwned)
    const reconciler = new Reconciler({ part: { ...toy, plan }, target })
    await reconciler.start(['bad', 'a'])
    expect(target.items.size).toBe(5)
    expect(reconciler.status().refusals).toEqual([{ subject: 'bad', reason: 'PlanFailed', message: 'no such port' }])
  })

  it('keeps what a subject had that cannot be planned at the start, and what may be its own', async () => {
    const { target } = await started([
      ['a', web],
      ['b', { ...web, addresses: ['vip2'], marks: ['m2'] }],
      ['c', { ...web, addresses: ['vip3'], marks: ['m3'] }],
    ])
    const world = new World([
      ['a', web],
      ['b', { ...web, addresses: ['vip2'], marks: ['m2'] }],
    ])
    world.broken.add('b')
    let nowMs = 0
    const reconciler = new Reconciler({ part: toyPart(world), target, now: () => nowMs })
    await reconciler.start(world.keys())
    for (const id of ['address vip2', 'endpoint 2.1', 'list 2', 'mark m2', 'mark m3'])
      expect([...target.items.keys()]).toContain(id)
    // Whoever could be planned has left.
    expect(target.items.has('address vip3')).toBe(false)
    expect(reconciler.isCommitted('a')).toBe(true)
    expect(reconciler.isCommitted('b')).toBe(false)
    world.broken.clear()
    nowMs = 60_000
    await reconciler.flush()
    expect(target.items.has('mark m3')).toBe(false)
    expect(seenIn(target)).toEqual(expectedOf(world, nowMs))
    expect(reconciler.isCommitted('b')).toBe(true)
    expect(await reconciler.audit()).toBe(0)
  })

  it('does not ask for the rest of a list at once, for ever, when the plan of it throws', async () => {
    let nowMs = 0
    const life = await started([['a', web]], undefined, { now: () => nowMs })
    const { world, target, reconciler } = life
    target.onBatch = () => world.broken.add('a')
    await change(life, 'a', { ...web, endpoints: ['p1', 'p2', 'p3', 'p4', 'p5'], version: 1, inPieces: true })
    expect(reconciler.status().refusals).toMatchObject([{ subject: 'a', reason: 'PlanFailed' }])
    expect(reconciler.isCommitted('a')).toBe(false)
    expect(target.items.get('address vip1')?.value).toBe('1')
    target.onBatch = () => {}
    world.broken.clear()
    nowMs = 60_000
    await reconciler.flush()
    expect(seenIn(target)).toEqual(expectedOf(world, nowMs))
  })

  it('tells of a subject that loses what it waited to write, and no longer counts it as failing', async () => {
    const life = await started([], perItem())
    const { reconciler, target } = life
    const told = new Map<string, boolean>()
    reconciler.onCommit((subjects) => {
      for (const subject of subjects) told.set(subject, reconciler.isCommitted(subject))
    })
    target.refusesItems.add('address vip1')
    await change(life, 'young', { ...web, createdMs: 2 })
    expect([told.get('young'), reconciler.status().failing]).toMatchObject([false, [{ subjects: ['young'] }]])
    await change(life, 'old', { ...web, createdMs: 1 })
    expect([told.get('young'), reconciler.status().failing]).toMatchObject([true, [{ subjects: ['old'] }]])
  })

  it('lets a key without a claim pass to whoever is planned first, and refuses it while two want it', async () => {
    const wants = new Map([['a', '1']])
    const { reconciler, target } = plain(wants, (subject): Item[] =>
      wants.has(subject) ? [{ kind: 'thing', key: 'one', value: wants.get(subject) ?? '' }] : [],
    )
    await reconciler.start(['a'])
    wants.clear()
    wants.set('b', '2')
    reconciler.touch(['b', 'a'])
    await reconciler.flush()
    expect(target.items.get('thing one')?.value).toBe('2')
    wants.set('c', '3')
    reconciler.touch(['c'])
    await reconciler.flush()
    expect(target.items.get('thing one')?.value).toBe('2')
    expect(reconciler.status().refusals).toMatchObject([{ subject: 'c', reason: 'PlanFailed' }])
  })

  it('passes an item on without a write where its value stays', async () => {
    const wants = new Map([['a', '1']])
    const { reconciler, target } = plain(wants, (subject): Item[] =>
      wants.has(subject) ? [{ kind: 'thing', key: 'one', value: '1' }] : [],
    )
    await reconciler.start(['a'])
    wants.clear()
    wants.set('b', '1')
    reconciler.touch(['a', 'b'])
    await reconciler.flush()
    expect(target.batches).toHaveLength(1)
    target.refuses.add('a')
    wants.clear()
    reconciler.touch(['b'])
    await reconciler.flush()
    expect(target.batches.at(-1)).toMatchObject([{ op: 'delete', subject: 'b' }])
  })

  it('puts changes of one kind together, by stage, whoever wants them', async () => {
    const world = new World([
      ['a', web],
      ['b', { ...web, addresses: ['vip2'], endpoints: ['p3'], marks: ['m2'] }],
    ])
    const reconciler = new Reconciler({ part: toyPart(world), target: new FakeTarget(toyOwned) })
    await reconciler.plan(world.keys(), 'dry-run')
    const kinds = reconciler.changes().map(({ item }) => item.kind)
    expect(kinds.join(' ')).toBe('endpoint endpoint endpoint mark mark list list address address')
  })

  it('says in a dry run what it would do, and does nothing', async () => {
    const { target } = await started([['a', web]])
    const dry = new Reconciler({ part: toyPart(new World()), target })
    await dry.plan([], 'dry-run')
    expect(dry.changes().map(({ op, item }) => `${op} ${item.kind}`)).toEqual([
      'delete address',
      'delete list',
      'delete endpoint',
      'delete endpoint',
      'delete mark',
    ])
    expect(target.batches).toHaveLength(0)
  })

  it('works side by side with others', async () => {
    const [one, two] = [await started([['a', web]]), await started([['b', web]])]
    await Promise.all([change(one, 'b', { ...web, addresses: ['vip2'] }), change(two, 'b')])
    expect(seenIn(one.target)).toEqual(expectedOf(one.world, Date.now()))
    expect(two.target.items.size).toBe(0)
  })
})

describe('what is committed', () => {
  it('is a fact that others can wait for', async () => {
    const life = await started([])
    const { reconciler, target, world } = life
    const heard: string[][] = []
    const stop = reconciler.onCommit((subjects) => heard.push([...subjects]))
    const before = reconciler.generation
    target.refuses.add('a')
    world.set('a', web)
    reconciler.touch(['a'])
    expect(reconciler.isCommitted('a')).toBe(false)
    const committed = reconciler.committed('a')
    await reconciler.flush()
    expect(reconciler.isCommitted('a')).toBe(false)
    target.refuses.clear()
    await reconciler.audit()
    reconciler.raiseEpoch('try again')
    await reconciler.flush()
    expect(await committed).toBe(before + 1)
    expect(heard).toEqual([['a'], ['a']])
    stop()
  })

  it('is no longer waited for once the signal aborts', async () => {
    const { reconciler } = await started([])
    reconciler.touch(['a'])
    const stop = new AbortController()
    const committed = reconciler.committed('a', stop.signal)
    stop.abort(new Error('enough'))
    await expect(committed).rejects.toThrow('enough')
  })
})

describe('the clock', () => {
  it('wakes who asked for it, and does no harm when it is set back', async () => {
    let nowMs = 10_000
    const life = await started([['a', web]], undefined, { now: () => nowMs })
    const { reconciler, target, world } = life
    world.draining.set('a', { want: web, untilMs: 20_000 })
    await change(life, 'a')
    expect(target.items.has('address vip1')).toBe(true)
    expect(reconciler.tick()).toBe(20_000)
    nowMs = 5_000
    world.draining.set('a', { want: web, untilMs: 8_000 })
    reconciler.tick()
    await reconciler.flush()
    expect(reconciler.tick()).toBe(8_000)
    nowMs = 8_000
    reconciler.tick()
    await reconciler.flush()
    expect(target.items.size).toBe(0)
  })
})

describe('cost', () => {
  const itemsOf = (subject: string, version: number): Item[] =>
    Array.from({ length: 5 }, (_, n) => ({
      kind: 'thing',
      key: `${subject} . ${n}`,
      value: n === 4 ? `${version}` : '',
    }))

  it('of one change and of status() does not grow with 100,000 items, nor that of tick() with those who sleep', async () => {
    // The least of many, in turns: other work on the machine only ever adds to some of them.
    const [small, large] = [await sized(200), await sized(20_000)]
    const least = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY }
    for (let n = 0; n < 300; n++) {
      least.small = Math.min(least.small, await small.changeMs(n))
      least.large = Math.min(least.large, await large.changeMs(n))
    }
    // Looking at each item would be a hundred times the cost.
    expect(least.large).toBeLessThan(10 * least.small)
    expect(large.reconciler.status()).toMatchObject({ pending: 0, changes: 100_000 + 600 })
  })

  /** A reconciler of so many subjects with five items each, and how long the nth change of one takes. */
  async function sized(subjects: number) {
    const versions = new Map(Array.from({ length: subjects }, (_, n) => [`s${n}`, 0]))
    const { reconciler, target } = plain(versions, (subject) => itemsOf(subject, versions.get(subject) ?? 0), 1e15)
    target.apply = () => {}
    await reconciler.start(versions.keys())
    expect(reconciler.status().items).toBe(5 * subjects)
    const changeMs = async (n: number): Promise<number> => {
      const subject = `s${(n * 7919) % subjects}`
      versions.set(subject, n + 1)
      const from = performance.now()
      reconciler.touch([subject])
      await reconciler.flush()
      reconciler.status()
      reconciler.tick()
      return performance.now() - from
    }
    return { reconciler, changeMs }
  }
})

/** A part whose items are what `items` says of a subject. */
function plain(
  living: { has(subject: string): boolean },
  items: (subject: string) => Item[],
  wakeAtMs?: number,
): { reconciler: Reconciler; target: FakeTarget } {
  const part: Part = {
    name: 'plain',
    kinds: { thing: { stage: 0 } },
    plan: (subject) => ({
      items: items(subject),
      rank: { gone: !living.has(subject), createdMs: 0, name: subject },
      ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
    }),
    learn: () => [],
    ownerOf: () => undefined,
  }
  const target = new FakeTarget([])
  return { reconciler: new Reconciler({ part, target }), target }
}
