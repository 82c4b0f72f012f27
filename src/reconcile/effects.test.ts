import { expect, it } from 'vitest'
import { Effects } from './effects.ts'
import { FakeTarget } from './fake-target.ts'
import { Metrics } from './metrics.ts'

const nothing = { get: () => undefined, ofKind: () => [] }
const effects = (target: FakeTarget): Effects =>
  new Effects({ target, known: nothing, metrics: new Metrics(), now: () => 0, random: () => 1, log: () => {} })

it('coalesces effects by kind and key', () => {
  const queue = effects(new FakeTarget([]))
  queue.add([
    { kind: 'forget', key: 'a' },
    { kind: 'forget', key: 'b' },
  ])
  queue.add([
    { kind: 'forget', key: 'a' },
    { kind: 'reset', key: 'a' },
  ])
  expect(queue.waiting).toBe(3)
})

it('leaves it to a sweep when too much waits', () => {
  const queue = effects(new FakeTarget([]))
  queue.add(Array.from({ length: 20_001 }, (_, n) => ({ kind: 'forget', key: `${n}` })))
  expect(queue.waiting).toBe(0)
  expect(queue.sweepDue).toBe(true)
})

it('runs the others when one of them fails', async () => {
  const target = new FakeTarget([])
  const done: string[] = []
  target.runEffects = async (batch) => {
    if (batch.some(({ key }) => key === '13')) throw new Error('EINVAL')
    for (const { key } of batch) done.push(key)
  }
  const queue = effects(target)
  queue.add(Array.from({ length: 40 }, (_, n) => ({ kind: 'forget', key: `${n}` })))
  queue.tick()
  await queue.idle()
  expect(done).toHaveLength(39)
  expect(queue.waiting).toBe(1)
})
