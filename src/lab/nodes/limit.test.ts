import { expect, it } from 'vitest'
import { limiter } from './limit.ts'

it('runs no more than its width at a time, all of them in order, failures included', async () => {
  const limit = limiter(2)
  let running = 0
  let most = 0
  const started: number[] = []
  const work = (i: number) => async () => {
    started.push(i)
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    if (i === 1) throw new Error('one')
    return i
  }
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => limit(work(i))))
  expect(results.map((result) => result.status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ])
  expect(started).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})
