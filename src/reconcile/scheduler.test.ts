import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventually } from '../../test/eventually.ts'
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
    vi.useFakeTimers()
    try {
      scheduler = new Scheduler(reconciler, { minIntervalMs: 200 })
      const touch = async (subject: string, thenMs: number): Promise<void> => {
        wanted.add(subject)
        scheduler.touch([subject])
        await vi.advanceTimersByTimeAsync(thenMs)
      }
      target.batches.length = 0
      await touch('b', 50)
      expect(target.batches).toHaveLength(1)
      await touch('c', 100)
      await touch('d', 49)
      expect(target.batches).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(1)
      expect(target.batches).toHaveLength(2)
      expect(target.items.size).toBe(4)
    } finally {
      vi.useRealTimers()
    }
  })

  it('writes what is touched at once, and what is touched meanwhile in one more transaction', async () => {
    target.batches.length = 0
    for (const subject of ['b', 'c', 'd']) {
      wanted.add(subject)
      scheduler.touch([subject])
    }
    await eventually(() => expect(target.items.size).toBe(4))
    expect(target.batches.length).toBeLessThanOrEqual(2)
  })

  it('repairs what somebody else changed or lost', async () => {
    target.foreign('thing a', undefined)
    await eventually(() => expect(target.items.has('thing a')).toBe(true))
    target.lose()
    await eventually(() => expect(target.items.has('thing a')).toBe(true))
    // An audit counts at its end; what it finds may be written before.
    await eventually(() => expect(reconciler.status()).toMatchObject({ drift: 2, epochs: 2 }))
  })

  it('audits every now and then, even where nobody seems to have touched anything', async () => {
    scheduler.close()
    const audit = vi.spyOn(reconciler, 'audit')
    scheduler = new Scheduler(reconciler, { pollMs: 5, auditMs: 50 })
    await eventually(() => expect(audit.mock.calls.length).toBeGreaterThan(1))
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
    await eventually(() => expect(times.length).toBeGreaterThan(5))
    found = 0
    const soon = times.length
    await eventually(() => expect(times.length).toBeGreaterThan(soon + 1))
    expect((times[soon + 1] ?? 0) - (times[soon] ?? 0)).toBeGreaterThan(80)
  })

  it('leaves no more than some seconds, however busy the process was with other work during the audit', async () => {
    scheduler.close()
    vi.useFakeTimers()
    try {
      vi.spyOn(reconciler, 'suspect', 'get').mockReturnValue(true)
      const audit = vi.spyOn(reconciler, 'audit').mockResolvedValue(0)
      vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 60_000_000, system: 0 })
      scheduler = new Scheduler(reconciler, { pollMs: 500 })
      await vi.advanceTimersByTimeAsync(10_000)
      expect(audit).toHaveBeenCalledTimes(1)
      await vi.advanceTimersByTimeAsync(1_000)
      expect(audit).toHaveBeenCalledTimes(2)
    } finally {
      vi.useRealTimers()
      vi.restoreAllMocks()
    }
  })

  it('tries again what was refused', async () => {
    target.refuses.add('b')
    wanted.add('b')
    scheduler.touch(['b'])
    await eventually(() => expect(reconciler.status().failing).toHaveLength(1))
    target.refuses.clear()
    await eventually(() => expect(target.items.has('thing b')).toBe(true))
    expect(reconciler.status()).toMatchObject({ failing: [], pending: 0 })
  })

  it('goes on after an error', async () => {
    const errors: unknown[] = []
    scheduler.close()
    scheduler = new Scheduler(reconciler, { pollMs: 5, onError: (error) => errors.push(error) })
    const prepare = vi.spyOn(target, 'prepare').mockRejectedValueOnce(new Error('EPERM'))
    target.foreign('thing a', undefined)
    await eventually(() => expect(target.items.has('thing a')).toBe(true))
    expect(errors).toHaveLength(1)
    expect(prepare).toHaveBeenCalledTimes(2)
  })
})
