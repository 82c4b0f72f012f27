import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeTarget } from './fake-target.ts'
import { Reconciler } from './reconciler.ts'
import { Scheduler } from './scheduler.ts'
import type { Part } from './types.ts'

const wanted = new Set<string>()
const part: Part = {
  name: 'toy',
  kinds: { thing: { stage: 0 } },
  plan: (subject) => ({
    items: wanted.has(subject) ? [{ kind: 'thing', key: subject, value: '1' }] : [],
    rank: { gone: !wanted.has(subject), createdMs: 0, name: subject },
  }),
  learn: () => [],
  ownerOf: (item) => item.key,
}

describe('Scheduler', () => {
  let target: FakeTarget
  let reconciler: Reconciler
  let scheduler: Scheduler

  beforeEach(async () => {
    wanted.clear()
    wanted.add('a')
    target = new FakeTarget([])
    reconciler = new Reconciler({ part, target })
    await reconciler.start(wanted)
    scheduler = new Scheduler(reconciler, { pollMs: 5, auditMs: 60_000 })
  })
  afterEach(() => scheduler.close())

  it('gathers touches for the interval that was asked for', async () => {
    scheduler.close()
    reconciler = new Reconciler({ part, target: (target = new FakeTarget([])) })
    await reconciler.start(wanted)
    scheduler = new Scheduler(reconciler, { minIntervalMs: 200 })
    const runs: number[] = []
    target.onBatch = () => runs.push(performance.now())
    for (const subject of ['b', 'c', 'd']) {
      wanted.add(subject)
      scheduler.touch([subject])
      await vi.waitFor(() => expect(runs.length).toBeGreaterThan(0), { interval: 1 })
    }
    await vi.waitFor(() => expect(target.items.size).toBe(4))
    expect(runs).toHaveLength(2)
    expect((runs[1] ?? 0) - (runs[0] ?? 0)).toBeGreaterThan(190)
  })

  it('writes what is touched at once, and what is touched meanwhile in one more transaction', async () => {
    target.batches.length = 0
    for (const subject of ['b', 'c', 'd']) {
      wanted.add(subject)
      scheduler.touch([subject])
    }
    await vi.waitFor(() => expect(target.items.size).toBe(4))
    expect(target.batches.length).toBeLessThanOrEqual(2)
  })

  it('repairs what somebody else changed or lost', async () => {
    target.foreign('thing a', undefined)
    await vi.waitFor(() => expect(target.items.has('thing a')).toBe(true))
    target.lose()
    await vi.waitFor(() => expect(target.items.has('thing a')).toBe(true))
    expect(reconciler.status()).toMatchObject({ drift: 2, epochs: 2 })
  })

  it('audits every now and then, even where nobody seems to have touched anything', async () => {
    scheduler.close()
    const audit = vi.spyOn(reconciler, 'audit')
    scheduler = new Scheduler(reconciler, { pollMs: 5, auditMs: 50 })
    await vi.waitFor(() => expect(audit.mock.calls.length).toBeGreaterThan(1), 5_000)
  })

  it('audits again soon after a repair, and leaves time after an audit that found nothing', async () => {
    scheduler.close()
    const times: number[] = []
    let found = 1
    vi.spyOn(reconciler, 'suspect', 'get').mockReturnValue(true)
    vi.spyOn(reconciler, 'audit').mockImplementation(async () => {
      times.push(performance.now())
      const before = process.cpuUsage()
      for (let spent = 0; spent < 5_000; ) {
        const { user, system } = process.cpuUsage(before)
        spent = user + system
      }
      return found
    })
    scheduler = new Scheduler(reconciler, { pollMs: 5, auditMs: 60_000 })
    await vi.waitFor(() => expect(times.length).toBeGreaterThan(5), 5_000)
    found = 0
    const soon = times.length
    await vi.waitFor(() => expect(times.length).toBe(soon + 3), 10_000)
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBeGreaterThan(80)
  })

  it('tries again what was refused', async () => {
    target.refuses.add('b')
    wanted.add('b')
    scheduler.touch(['b'])
    await vi.waitFor(() => expect(reconciler.status().failing).toHaveLength(1))
    target.refuses.clear()
    await vi.waitFor(() => expect(target.items.has('thing b')).toBe(true), 5_000)
    expect(reconciler.status()).toMatchObject({ failing: [], pending: 0 })
  })

  it('goes on after an error', async () => {
    const errors: unknown[] = []
    scheduler.close()
    scheduler = new Scheduler(reconciler, { pollMs: 5, onError: (error) => errors.push(error) })
    const prepare = vi.spyOn(target, 'prepare').mockRejectedValueOnce(new Error('EPERM'))
    target.foreign('thing a', undefined)
    await vi.waitFor(() => expect(target.items.has('thing a')).toBe(true))
    expect(errors).toHaveLength(1)
    expect(prepare).toHaveBeenCalledTimes(2)
  })
})
