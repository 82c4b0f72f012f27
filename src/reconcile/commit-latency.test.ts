import { expect, it } from 'vitest'
import { CommitLatency } from './commit-latency.ts'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import type { Part } from './types.ts'

it('counts from the earliest trigger until the subject is committed, and once', async () => {
  let nowMs = 10_000
  let value = '1'
  const part: Part = {
    name: 'toy',
    kinds: { thing: { stage: 0 } },
    plan: (subject) => ({
      items: [{ kind: 'thing', key: subject, value }],
      rank: { gone: false, createdMs: 0, name: subject },
    }),
    learn: () => [],
    ownerOf: ({ key }) => key,
  }
  const target = new FakeTarget(['thing'])
  const reconciler = new Reconciler({ part, target, now: () => nowMs, random: () => 0 })
  const latency = new CommitLatency(reconciler, [1, 5], () => nowMs)
  await reconciler.start(['a', 'b'])
  expect(latency.value().count).toBe(0)

  value = '2'
  target.refuses.add('b')
  latency.triggered(['a', 'b'], 8000)
  latency.triggered(['a'], 9500)
  reconciler.touch(['a', 'b'])
  await reconciler.flush()
  expect(latency.value()).toMatchObject({ count: 1, sum: 2 })

  target.refuses.clear()
  nowMs += 10_000
  await reconciler.flush()
  expect(latency.value()).toMatchObject({ count: 2, sum: 14, counts: [0, 1, 1] })
  await reconciler.flush()
  expect(latency.value().count).toBe(2)
  reconciler.close()
})
