import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { boundHeap, collectGarbageOfStart } from './memory.ts'

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0

/** Objects that live long enough to be taken over by the old generation. */
const work = (count: number): { n: number }[] => Array.from({ length: count }, (_, n) => ({ n }))

describe('memory of an agent', () => {
  it('keeps the young generation from growing', () => {
    boundHeap()
    const before = youngBytes()
    for (let round = 0; round < 20; round++) work(100_000)
    expect(youngBytes()).toBeLessThanOrEqual(before)
  })

  it('collects what the start has left', async () => {
    const garbage = [work(500_000)]
    garbage.pop()
    const before = getHeapStatistics().used_heap_size
    await collectGarbageOfStart(new AbortController().signal)
    expect(getHeapStatistics().used_heap_size).toBeLessThan(before - 5_000_000)
  })

  it('does nothing any more for an agent that is told to stop', async () => {
    const stopped = AbortSignal.abort()
    await expect(collectGarbageOfStart(stopped)).resolves.toBeUndefined()
  })
})
