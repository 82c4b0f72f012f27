import { describe, expect, it } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import { expectedOf, seenIn, toyContainers, toyOwned, toyPart, type Want, World } from './toy-part.ts'
import type { Change } from './types.ts'

/** Makes batches in turn, each a little later than it was asked for. */
class QueueingTarget extends FakeTarget {
  readonly queues = true
  /** Batches that were asked for, oldest first, whatever became of them. */
  asked: (readonly Change[])[] = []
  mostUnderWay = 0
  #underWay = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor() {
    super(toyOwned, { containers: toyContainers })
    this.slow = true
  }

  override async apply(changes: readonly Change[]): Promise<void> {
    this.asked.push(changes)
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.#underWay)
    const mine = this.#turn.then(() => super.apply(changes))
    this.#turn = mine.catch(() => {})
    try {
      await mine
    } finally {
      this.#underWay--
    }
  }
}

const subjects = Array.from({ length: 60 }, (_, n) => `s${n}`)
const want = (n: number): Want => ({ createdMs: n, addresses: [`vip${n}`], endpoints: [`p${n}`, 'p'], marks: ['m'] })

function make(): { world: World; target: QueueingTarget; reconciler: Reconciler } {
  const world = new World(subjects.map((subject, n) => [subject, want(n)]))
  const target = new QueueingTarget()
  return { world, target, reconciler: new Reconciler({ part: toyPart(world), target, chunkChanges: 16 }) }
}

describe('a target that queues batches', () => {
  it('is asked for the next one while it works on one, and for no more', async () => {
    const { world, target, reconciler } = make()
    await reconciler.start(world.keys())
    expect(target.mostUnderWay).toBe(2)
    expect(target.batches).toEqual(target.asked)
    expect(Math.max(...target.asked.map(({ length }) => length))).toBeLessThanOrEqual(16)
    expect(seenIn(target)).toEqual(expectedOf(world, 0))
  })

  it('has the bad one of a batch alone refused, and all the others made', async () => {
    const { world, target, reconciler } = make()
    target.refuses.add('s3').add('s40')
    await reconciler.start(world.keys())
    expect(subjects.filter((subject) => !reconciler.isCommitted(subject))).toEqual(['s3', 's40'])
    target.refuses.clear()
    // What was refused is tried again when everything is written anew, or when its time has come.
    reconciler.raiseEpoch('somebody said so')
    await reconciler.flush()
    expect(seenIn(target)).toEqual(expectedOf(world, 0))
  })

  it('is written anew where its containers go while batches are under way', async () => {
    const { world, target, reconciler } = make()
    let batches = 0
    target.onBatch = () => {
      if (++batches === 3) target.lose()
    }
    await reconciler.start(world.keys())
    await reconciler.flush()
    expect(batches).toBeGreaterThan(3)
    expect(seenIn(target)).toEqual(expectedOf(world, 0))
    expect(await reconciler.audit()).toBe(0)
  })

  it('is audited rightly while batches are under way', async () => {
    const { world, target, reconciler } = make()
    await reconciler.start(world.keys())
    for (const [n, subject] of subjects.entries()) world.set(subject, { ...want(n), endpoints: [`q${n}`, 'p', 'q'] })
    reconciler.touch(subjects)
    const [drift] = await Promise.all([reconciler.audit(), reconciler.flush()])
    expect(drift).toBe(0)
    expect(seenIn(target)).toEqual(expectedOf(world, 0))
  })
})
