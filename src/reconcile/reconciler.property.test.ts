import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import { expectedOf, inDeltas, seenIn, toyContainers, toyOwned, toyPart, type Want, World } from './toy-part.ts'
import { ProcessTarget } from './process-target.fixture.ts'
import type { FoundItem, Subject } from './types.ts'

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
  | { do: 'fail-batches' | 'fail-prepare' | 'fail-read' | 'lose-answers'; count: number }
  | { do: 'fight'; which: number; value: string | undefined; times: number }
  | { do: 'poll'; count: number }
  | { do: 'crash'; batches: number }
  | { do: 'break'; subject: Subject; broken: boolean }
  | { do: 'effects'; fail: boolean }
  | { do: 'flush' | 'flush-unawaited' | 'audit' | 'audit-unawaited' | 'restart' | 'yield' }
  | { do: 'lose' | 'raise'; container: string | undefined }
  | { do: 'clock'; byMs: number }
  | { do: 'foreign'; which: number; how: 'remove' | 'change' | 'add' }

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
    arbitrary: fc.record({
      do: fc.constantFrom(...(['fail-batches', 'fail-prepare', 'fail-read', 'lose-answers'] as const)),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fight' as const),
      which: fc.nat(50),
      value: fc.constantFrom(undefined, 'p9'),
      times: fc.constantFrom(1, 3, 20),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('poll' as const), count: fc.constantFrom(1, 3, 30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), batches: fc.integer({ min: 0, max: 3 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('break' as const),
      subject: fc.constantFrom(...subjectNames),
      broken: fc.boolean(),
    }),
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
    arbitrary: fc.record({
      do: fc.constant('foreign' as const),
      which: fc.nat(50),
      how: fc.constantFrom(...(['remove', 'change', 'add'] as const)),
    }),
  },
)

/** One life of a node: a target, a world, a clock, and one reconciler after the other. */
class Life {
  readonly world = new World()
  readonly target: FakeTarget
  nowMs = 1_000_000
  process: ProcessTarget
  reconciler: Reconciler
  /** Whether each subject was committed when it was told of last. */
  told = new Map<Subject, boolean>()
  readonly #wrong: string[] = []
  #damaged = false
  #forged = false
  readonly #fights: { id: string; value: string | undefined; times: number }[] = []
  readonly #running: Promise<unknown>[] = []
  readonly #variant: Variant

  constructor(variant: Variant) {
    this.#variant = variant
    this.target = new FakeTarget(toyOwned, { transactional: variant.transactional, containers: toyContainers })
    this.target.learns.add('endpoint')
    this.target.onBatch = () => {
      this.#checkNumbers()
      this.#fight()
    }
    this.process = new ProcessTarget(this.target, variant)
    this.reconciler = this.#make()
  }

  async run(one: Step): Promise<void> {
    const { target, process, reconciler } = this
    if (one.do === 'lose' || one.do === 'raise' || one.do === 'foreign' || one.do === 'fight') this.#damaged = true
    if (one.do === 'change') this.#change(one.subject, one.want, one.drainMs)
    else if (one.do === 'flush') await unlessRefused(reconciler.flush())
    else if (one.do === 'flush-unawaited') this.#running.push(unlessRefused(reconciler.flush()))
    else if (one.do === 'audit') await unlessRefused(reconciler.audit())
    else if (one.do === 'audit-unawaited') this.#running.push(unlessRefused(reconciler.audit()))
    else if (one.do === 'poll') await this.#poll(one.count)
    else if (one.do === 'crash') await this.#crash(one.batches)
    else if (one.do === 'break') toggle(this.world.broken, one.subject, one.broken)
    else if (one.do === 'fail-prepare') process.failPrepare = one.count
    else if (one.do === 'fail-read') process.failRead = one.count
    else if (one.do === 'lose-answers') process.loseAnswers = one.count
    else if (one.do === 'fight') this.#fights.push({ ...one, id: this.#idOf(one.which) })
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
    else if (one.do === 'foreign') this.#foreign(one.which, one.how)
    else if (one.do === 'restart') {
      await this.settled()
      await this.#crash(0)
    }
  }

  /** In the middle of a run, when so many batches were applied. Whatever effects wait are lost, and none is half done. */
  async #crash(batches: number): Promise<void> {
    const { process, reconciler } = this
    process.batchesToLive = batches
    if (batches > 0) await unlessRefused(reconciler.flush())
    process.dead = true
    await this.settled()
    reconciler.close()
    await reconciler.effectsIdle()
    await this.start()
  }

  async start(): Promise<void> {
    this.process = new ProcessTarget(this.target, this.#variant)
    this.reconciler = this.#make()
    await this.reconciler.start([...this.world.keys(), ...this.world.draining.keys()])
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running.splice(0))
  }

  /** Nothing fails any longer, and enough time passes. */
  async calm(): Promise<void> {
    const { target, process, world } = this
    await this.settled()
    this.#fights.length = 0
    world.broken.clear()
    process.failPrepare = process.failRead = process.loseAnswers = 0
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
    // What nobody but others ever led to may have come and gone between two looks.
    const learnt = [...this.target.learnt].filter((id) => id !== 'endpoint p9')
    expect(learnt.sort()).toEqual([...new Set(values)].map((value) => `endpoint ${value}`).sort())
  }

  #make(): Reconciler {
    const { deltas, ours } = this.#variant
    const part = deltas ? inDeltas(toyPart(this.world)) : toyPart(this.world)
    const kinds = Object.fromEntries(Object.entries(part.kinds).map(([name, spec]) => [name, { ...spec, ours }]))
    const reconciler = new Reconciler({
      part: { ...part, kinds },
      target: this.process,
      now: () => this.nowMs,
      random: () => 0.5,
      chunkChanges: 5,
    })
    this.told.clear()
    reconciler.onCommit((subjects) => {
      for (const subject of subjects) this.told.set(subject, reconciler.isCommitted(subject))
    })
    return reconciler
  }

  /** As the scheduler does. */
  async #poll(count: number): Promise<void> {
    const { reconciler } = this
    for (let n = 0; n < count; n++) {
      this.nowMs += 500
      reconciler.tick()
      if (reconciler.due) await unlessRefused(reconciler.flush())
      if (reconciler.suspect) await unlessRefused(reconciler.audit())
    }
  }

  /** Somebody takes back at once what was written. */
  #fight(): void {
    for (const fight of this.#fights) {
      const { id, value, times } = fight
      const item = this.target.items.get(id)
      if (times === 0 || item === undefined || item.value === value) continue
      fight.times--
      this.target.foreign(id, value === undefined ? undefined : forgedAs(item, value))
      if (value !== undefined) this.#forged = true
    }
  }

  #idOf(which: number): string {
    const ids = [...this.target.items.keys()]
    return ids[which % Math.max(1, ids.length)] ?? 'mark foreign'
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

  #foreign(which: number, how: 'remove' | 'change' | 'add'): void {
    const id = this.#idOf(which)
    const item = this.target.items.get(id)
    if (how === 'remove') this.target.foreign(id, undefined)
    else if (how === 'change' && item !== undefined) {
      this.#forged = true
      this.target.foreign(id, forgedAs(item, 'p9'))
    } else this.target.foreign(`mark foreign${which % 3}`, { kind: 'mark', key: `foreign${which % 3}`, value: '' })
  }

  /** At no moment does an address lead to a list that another subject owns; nor to none, unless that was somebody else's doing. */
  #checkNumbers(): void {
    for (const { kind, value, subject } of this.target.items.values()) {
      if (kind !== 'address') continue
      const list = this.target.items.get(`list ${value}`)
      if (list === undefined && !this.#damaged) this.#wrong.push(`${subject} leads to no list`)
      if (list !== undefined && list.subject !== subject && !this.#forged)
        this.#wrong.push(`${subject} leads to ${list.subject}'s list`)
    }
  }
}

interface Variant {
  transactional: boolean
  slow: boolean
  deltas: boolean
  /** Batches are made ready while the one before is worked on. */
  queues?: boolean
  /** All kinds stand where nobody else has any business. */
  ours: boolean
}

/** Endpoints become others, lists of another length, addresses lead nowhere. */
const forgedAs = (item: FoundItem, value: string): FoundItem => ({
  ...item,
  value: item.kind === 'endpoint' ? value : '99',
})

/** What the target refuses as a whole ends a run or an audit; the next one is another try. */
const unlessRefused = (run: Promise<unknown>): Promise<unknown> => run.catch(() => {})

function toggle<T>(set: Set<T>, one: T, on: boolean): void {
  if (on) set.add(one)
  else set.delete(one)
}

const variants: ({ name: string } & Variant)[] = [
  { name: 'a transactional target', transactional: true, slow: false, deltas: false, ours: false },
  { name: 'a slow transactional target that is ours', transactional: true, slow: true, deltas: false, ours: true },
  { name: 'a target that queues batches', transactional: true, slow: true, deltas: false, ours: true, queues: true },
  { name: 'a target that answers each item', transactional: false, slow: false, deltas: false, ours: false },
  { name: 'a slow target that answers each item', transactional: false, slow: true, deltas: false, ours: false },
  { name: 'plans that tell what differs', transactional: true, slow: false, deltas: true, ours: true },
  {
    name: 'a slow target, and plans that tell what differs',
    transactional: false,
    slow: true,
    deltas: true,
    ours: false,
  },
]
const runs = Number(process.env['WEFT_PROPERTY_RUNS'] ?? 300)
/** Without these it can be judged what happens in between. */
const byOthers = new Set(['lose', 'raise', 'foreign', 'fight', 'lose-answers'])

describe.each(variants)('Reconciler with $name', (variant) => {
  it(
    'ends where a naive model ends, whatever changes, fails, is lost, crashes or is touched by others',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), async (steps, alone) => {
          const life = new Life(variant)
          await life.reconciler.start(life.world.keys())
          for (const one of steps) if (!alone || !byOthers.has(one.do)) await life.run(one)
          await life.calm()
          life.expectRight()
          const calm = { synced: true, pending: 0, failing: [], effectsWaiting: 0, contested: 0 }
          expect(life.reconciler.status()).toMatchObject({ ...calm, items: life.target.items.size })
          for (const subject of subjectNames) {
            expect(life.reconciler.isCommitted(subject)).toBe(true)
            expect(life.told.get(subject) ?? true).toBe(true)
          }
          const batches = life.target.batches.length
          expect(await life.reconciler.audit()).toBe(0)
          expect(life.target.batches.length).toBe(batches)
          await life.run({ do: 'restart' })
          await life.reconciler.effectsIdle()
          life.expectRight()
        }),
        { numRuns: runs },
      )
    },
    120_000 + 100 * runs,
  )
})
