import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import { expectedOf, inDeltas, seenIn, toyContainers, toyOwned, toyPart, type Want, World } from './toy-part.ts'
import type { Subject } from './types.ts'

const subjectNames = ['a', 'b', 'c', 'd', 'e']
const want: fc.Arbitrary<Want> = fc.record({
  createdMs: fc.integer({ min: 1, max: 3 }),
  addresses: fc.uniqueArray(fc.constantFrom('vip1', 'vip2', 'vip3'), { maxLength: 3 }),
  endpoints: fc.array(fc.constantFrom('p1', 'p2', 'p3', 'p4'), { maxLength: 6 }),
  marks: fc.uniqueArray(fc.constantFrom('m1', 'm2'), { maxLength: 2 }),
  version: fc.integer({ min: 0, max: 1 }),
  inPieces: fc.boolean(),
})
const container = fc.constantFrom(undefined, 'lists', 'addresses', 'marks')

type Step =
  | { do: 'change'; subject: Subject; want: Want | undefined; drainMs: number }
  | { do: 'refuse'; subject: Subject; refused: boolean }
  | { do: 'refuse-item'; id: string; refused: boolean }
  | { do: 'fail-batches'; count: number }
  | { do: 'effects'; fail: boolean }
  | { do: 'flush' | 'flush-unawaited' | 'audit' | 'audit-unawaited' | 'restart' | 'yield' }
  | { do: 'lose' | 'raise'; container: string | undefined }
  | { do: 'clock'; byMs: number }
  | { do: 'foreign'; which: number; remove: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      subject: fc.constantFrom(...subjectNames),
      want: fc.option(want, { nil: undefined, freq: 3 }),
      drainMs: fc.constantFrom(0, 0, 5_000, 100_000),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(['flush', 'flush', 'flush-unawaited', 'audit', 'audit-unawaited', 'restart', 'yield'] as const),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail-batches' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('effects' as const), fail: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'raise' as const), container }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('clock' as const), byMs: fc.constantFrom(-3_600_000, 700, 8_000, 200_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('refuse' as const),
      subject: fc.constantFrom(...subjectNames),
      refused: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('refuse-item' as const),
      id: fc.constantFrom('address vip1', 'mark m1', 'mark m2', 'list 1', 'endpoint 2.0', 'address vip2'),
      refused: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('foreign' as const), which: fc.nat(50), remove: fc.boolean() }),
  },
)

/** One life of a node: a target, a world, a clock, and one reconciler after the other. */
class Life {
  readonly world = new World()
  readonly target: FakeTarget
  nowMs = 1_000_000
  reconciler: Reconciler
  readonly #wrong: string[] = []
  #damaged = false
  readonly #running: Promise<unknown>[] = []

  readonly #deltas: boolean

  constructor(transactional: boolean, slow: boolean, deltas: boolean) {
    this.#deltas = deltas
    this.target = new FakeTarget(toyOwned, { transactional, containers: toyContainers })
    this.target.slow = slow
    this.target.learns.add('endpoint')
    this.target.onBatch = () => this.#checkNumbers()
    this.reconciler = this.#make()
  }

  async run(one: Step): Promise<void> {
    const { target, reconciler } = this
    if (one.do === 'lose' || one.do === 'raise' || one.do === 'foreign') this.#damaged = true
    if (one.do === 'change') this.#change(one.subject, one.want, one.drainMs)
    else if (one.do === 'flush') await reconciler.flush()
    else if (one.do === 'flush-unawaited') this.#running.push(reconciler.flush())
    else if (one.do === 'audit') await reconciler.audit()
    else if (one.do === 'audit-unawaited') this.#running.push(reconciler.audit())
    else if (one.do === 'yield') await new Promise((resolve) => setImmediate(resolve))
    else if (one.do === 'lose') target.lose(one.container)
    else if (one.do === 'raise') {
      target.lose(one.container)
      reconciler.raiseEpoch('noticed from outside', one.container === undefined ? undefined : [one.container])
    } else if (one.do === 'clock') this.nowMs += one.byMs
    else if (one.do === 'refuse') toggle(target.refuses, one.subject, one.refused)
    else if (one.do === 'refuse-item') toggle(target.refusesItems, one.id, one.refused)
    else if (one.do === 'fail-batches') target.failBatches = one.count
    else if (one.do === 'effects') target.effectsFail = one.fail
    else if (one.do === 'foreign') this.#foreign(one.which, one.remove)
    else if (one.do === 'restart') {
      await this.settled()
      // As a crash would: whatever effects wait are lost, and none is half done.
      const { effectsFail } = target
      target.effectsFail = true
      reconciler.close()
      await reconciler.effectsIdle()
      target.effectsFail = effectsFail
      await this.start()
    }
  }

  async start(): Promise<void> {
    this.reconciler = this.#make()
    await this.reconciler.start([...this.world.keys(), ...this.world.draining.keys()])
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running.splice(0))
  }

  /** Nothing fails any longer, and enough time passes. */
  async calm(): Promise<void> {
    const { target } = this
    await this.settled()
    target.refuses.clear()
    target.refusesItems.clear()
    target.failBatches = 0
    target.effectsFail = false
    for (let hour = 0; hour < 3; hour++) {
      this.nowMs += 3_600_000
      await this.reconciler.flush()
      await this.reconciler.audit()
      await this.reconciler.effectsIdle()
    }
  }

  expectRight(): void {
    expect(this.#wrong).toEqual([])
    expect(seenIn(this.target)).toEqual(expectedOf(this.world, this.nowMs))
    const values = [...this.target.items.values()].flatMap(({ kind, value }) => (kind === 'endpoint' ? [value] : []))
    expect([...this.target.learnt].sort()).toEqual([...new Set(values)].map((value) => `endpoint ${value}`).sort())
  }

  #make(): Reconciler {
    return new Reconciler({
      part: this.#deltas ? inDeltas(toyPart(this.world)) : toyPart(this.world),
      target: this.target,
      now: () => this.nowMs,
      random: () => 0.5,
      chunkChanges: 5,
    })
  }

  #change(subject: Subject, want: Want | undefined, drainMs: number): void {
    const { world } = this
    const old = world.get(subject)
    world.draining.delete(subject)
    if (want !== undefined) world.set(subject, want)
    else {
      world.delete(subject)
      if (old !== undefined && drainMs > 0) world.draining.set(subject, { want: old, untilMs: this.nowMs + drainMs })
    }
    this.reconciler.touch([subject])
  }

  #foreign(which: number, remove: boolean): void {
    const ids = [...this.target.items.keys()]
    const id = ids[which % Math.max(1, ids.length)] ?? 'mark foreign'
    if (remove) this.target.foreign(id, undefined)
    else this.target.foreign(`mark foreign${which % 3}`, { kind: 'mark', key: `foreign${which % 3}`, value: '' })
  }

  /** At no moment does an address lead to a list that another subject owns; nor to none, unless that was somebody else's doing. */
  #checkNumbers(): void {
    for (const { kind, value, subject } of this.target.items.values()) {
      if (kind !== 'address') continue
      const list = this.target.items.get(`list ${value}`)
      if (list === undefined && !this.#damaged) this.#wrong.push(`${subject} leads to no list`)
      if (list !== undefined && list.subject !== subject) this.#wrong.push(`${subject} leads to ${list.subject}'s list`)
    }
  }
}

function toggle<T>(set: Set<T>, one: T, on: boolean): void {
  if (on) set.add(one)
  else set.delete(one)
}

describe.each([
  { name: 'a transactional target', transactional: true, slow: false, deltas: false },
  { name: 'a slow transactional target', transactional: true, slow: true, deltas: false },
  { name: 'a target that answers each item', transactional: false, slow: false, deltas: false },
  { name: 'a slow target that answers each item', transactional: false, slow: true, deltas: false },
  { name: 'a transactional target, and plans that tell what differs', transactional: true, slow: false, deltas: true },
  { name: 'a slow target, and plans that tell what differs', transactional: false, slow: true, deltas: true },
])('Reconciler with $name', ({ transactional, slow, deltas }) => {
  it('ends where a naive model ends, whatever changes, fails, is lost, crashes or is touched by others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const life = new Life(transactional, slow, deltas)
        await life.reconciler.start(life.world.keys())
        for (const one of steps) await life.run(one)
        await life.calm()
        life.expectRight()
        expect(life.reconciler.status()).toMatchObject({ synced: true, pending: 0, failing: [], effectsWaiting: 0 })
        for (const subject of subjectNames) expect(life.reconciler.isCommitted(subject)).toBe(true)
        const batches = life.target.batches.length
        expect(await life.reconciler.audit()).toBe(0)
        expect(life.target.batches.length).toBe(batches)
        await life.run({ do: 'restart' })
        await life.reconciler.effectsIdle()
        life.expectRight()
      }),
      { numRuns: Number(process.env.WEFT_PROPERTY_RUNS ?? 300) },
    )
  }, 120_000)
})
