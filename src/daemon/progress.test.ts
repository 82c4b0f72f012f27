import { beforeEach, describe, expect, it } from 'vitest'
import type { ReconcilerStatus } from '../reconcile/reconciler.ts'
import { Progress } from './progress.ts'

describe('a part', () => {
  let nowMs: number
  /** By how much the clock on the wall is wrong. */
  let wrongMs: number
  let due: boolean
  let transactions: number
  let failing: number
  let progress: Progress

  beforeEach(() => {
    nowMs = 1_000_000
    wrongMs = 0
    due = false
    transactions = 0
    failing = 0
    const status = () =>
      ({
        part: 'toy',
        transactions,
        failing: Array.from({ length: failing }, () => ({ subjects: [], message: '' })),
      }) as unknown as ReconcilerStatus
    const reconciler = {
      get due() {
        return due
      },
      status,
    }
    progress = new Progress(
      reconciler,
      () => nowMs + wrongMs,
      () => nowMs,
    )
  })

  const healthy = (): boolean => progress.health().healthy

  it('is healthy before anything was asked of it, and for a minute after', () => {
    expect(healthy()).toBe(true)
    progress.queued()
    nowMs += 60_000
    expect(healthy()).toBe(true)
    nowMs++
    expect(healthy()).toBe(false)
    expect(progress.health()).toMatchObject({ part: 'toy', updatedMs: undefined, queuedMs: 1_000_000 })
  })

  it('counts from the oldest update that waits', () => {
    progress.queued()
    nowMs += 50_000
    progress.queued()
    nowMs += 11_000
    expect(healthy()).toBe(false)
    progress.ran()
    expect(progress.health()).toMatchObject({ healthy: true, updatedMs: nowMs, queuedMs: 1_050_000 })
  })

  it('is not judged by a clock that was set', () => {
    progress.queued()
    wrongMs = 3_600_000
    expect(healthy()).toBe(true)
    wrongMs = -3_600_000
    nowMs += 61_000
    expect(healthy()).toBe(false)
  })

  it('does not keep up when its runs break off, though nobody has queued anything', () => {
    progress.ran()
    progress.stumbled()
    nowMs += 60_000
    progress.stumbled()
    expect(healthy()).toBe(true)
    nowMs++
    expect(healthy()).toBe(false)
    progress.ran()
    expect(healthy()).toBe(true)
  })

  it('keeps up when each run ends with something new to do', () => {
    due = true
    for (let i = 0; i < 100; i++) {
      progress.queued()
      nowMs += 5_000
      progress.ran()
      expect(healthy()).toBe(true)
    }
  })

  it('is healthy with one odd object, and not when nothing at all can be written', () => {
    failing = 1
    for (let i = 0; i < 20; i++, nowMs += 10_000) expect(healthy()).toBe(true)
    failing = 2
    expect(healthy()).toBe(true)
    nowMs += 61_000
    expect(healthy()).toBe(false)
    transactions++
    expect(healthy()).toBe(true)
  })
})
