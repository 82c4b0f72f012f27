import { describe, expect, it } from 'vitest'
import { ManualClock } from './manual-clock.ts'
import { type QueueOptions, WorkQueue } from './queue.ts'

const conflict = new Error('conflict')

function setUp(sync: QueueOptions['sync']): { queue: WorkQueue; clock: ManualClock; retries: number[] } {
  const clock = new ManualClock()
  const retries: number[] = []
  const queue = new WorkQueue({
    sync,
    clock,
    isConflict: (error) => error === conflict,
    onError: (_key, _error, retryInMs) => retries.push(retryInMs),
    random: () => 0.5,
  })
  return { queue, clock, retries }
}

describe('WorkQueue', () => {
  it('works a key once however often it was added', () => {
    const worked: string[] = []
    const { queue, clock } = setUp((key) => void worked.push(key))
    for (const key of ['a', 'b', 'a']) queue.add(key)
    expect(worked).toEqual([])
    clock.run()
    expect(worked).toEqual(['a', 'b'])
  })

  it('works a key again that was added during its turn', () => {
    let turns = 0
    const { queue, clock } = setUp((key) => {
      if (++turns === 1) queue.add(key)
      return undefined
    })
    queue.add('a')
    clock.run()
    expect([turns, queue.idle]).toEqual([2, true])
  })

  it('retries a conflict at once, other errors later and later', () => {
    let turns = 0
    const { queue, clock, retries } = setUp(() => {
      turns++
      if (turns === 1) throw conflict
      if (turns < 5) throw new Error('other')
      return undefined
    })
    queue.add('a')
    clock.run()
    expect(turns).toBe(2)
    clock.advance(1000)
    expect(turns).toBe(5)
    expect(retries).toEqual([10, 20, 40])
  })

  it('does not spin on a conflict that stays', () => {
    let turns = 0
    const { queue, clock, retries } = setUp(() => {
      turns++
      throw conflict
    })
    queue.add('a')
    clock.run()
    expect([turns, retries.length]).toEqual([6, 1])
  })

  it('wakes a key at the earliest time that was asked for', () => {
    const worked: number[] = []
    const { queue, clock } = setUp(() => {
      worked.push(clock.now())
      return worked.length === 1 ? 500 : undefined
    })
    queue.add('a')
    clock.run()
    queue.addAfter('a', 100)
    queue.addAfter('a', 300)
    clock.advance(1000)
    expect(worked).toEqual([0, 100])
  })

  it('does nothing after it was closed', () => {
    const worked: string[] = []
    const { queue, clock } = setUp((key) => void worked.push(key))
    queue.add('a')
    queue.addAfter('b', 10)
    queue.close()
    queue.add('c')
    clock.advance(100)
    expect(worked).toEqual([])
  })
})
