import { describe, expect, it } from 'vitest'
import { change, started, web } from './reconciler.fixture.ts'
import { Reconciler } from './reconciler.ts'
import { toyContainers, toyOwned, toyPart } from './toy-part.ts'
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

describe('effects of changes', () => {
  const learning = (): FakeTarget => {
    const target = new FakeTarget(toyOwned, { containers: toyContainers })
    target.learns.add('endpoint')
    return target
  }

  it('follow the acknowledgement: what left is forgotten, what moved is not', async () => {
    const life = await started([['a', web]], learning())
    await change(life, 'a', { ...web, endpoints: ['p2'] })
    await life.reconciler.effectsIdle()
    expect([...life.target.learnt]).toEqual(['endpoint p2'])
    expect(life.reconciler.status()).toMatchObject({ effectsRun: 1, effectsFailed: 0, effectsWaiting: 0 })
  })

  it('are tried again with backoff when they throw', async () => {
    let nowMs = 1_000
    const life = await started([['a', web]], learning(), { now: () => nowMs, random: () => 1 })
    life.target.effectsFail = true
    await change(life, 'a', { ...web, endpoints: [] })
    await life.reconciler.effectsIdle()
    expect(life.reconciler.status()).toMatchObject({ effectsFailed: 2, effectsWaiting: 2 })
    life.target.effectsFail = false
    await life.reconciler.effectsIdle()
    expect(life.reconciler.status()).toMatchObject({ effectsWaiting: 2 })
    expect(life.reconciler.tick()).toBe(1_500)
    nowMs = 1_500
    await life.reconciler.effectsIdle()
    expect(life.target.learnt.size).toBe(0)
    expect(life.reconciler.status()).toMatchObject({ effectsRun: 2, effectsWaiting: 0 })
  })

  it('are found again by a sweep after a crash between commit and effect', async () => {
    const target = learning()
    const life = await started([['a', web]], target)
    await change(life, 'a', { ...web, endpoints: ['p2'] })
    life.reconciler.close()
    await life.reconciler.effectsIdle()
    expect([...target.learnt]).toEqual(['endpoint p1', 'endpoint p2'])
    const next = new Reconciler({ part: toyPart(life.world), target })
    await next.start(life.world.keys())
    await next.effectsIdle()
    expect([...target.learnt]).toEqual(['endpoint p2'])
    expect(next.status()).toMatchObject({ transactions: 0, sweeps: 1, effectsRun: 1 })
  })

  it('are found by a sweep after an epoch too', async () => {
    const life = await started([['a', web]], learning())
    life.target.lose()
    life.world.set('a', { ...web, endpoints: ['p2'] })
    life.reconciler.touch(['a'])
    await life.reconciler.audit()
    await life.reconciler.effectsIdle()
    expect([...life.target.learnt]).toEqual(['endpoint p2'])
  })
})
