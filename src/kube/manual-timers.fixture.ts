import type { LeaseTimers } from './lease-lock.ts'

interface Sleeper {
  atMs: number
  wake: () => void
}

/** Lets all promises that can go on do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Clocks for tests that stand still until they are moved. Several may share one `ManualTimers` and differ in what their wall clocks say. */
export class ManualTimers implements LeaseTimers {
  #ms = 0
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return 1_700_000_000_000 + this.#ms
  }

  monotonic(): number {
    return this.#ms
  }

  random(): number {
    return 0
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const sleeper = {
        atMs: this.#ms + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', sleeper.wake)
    })
  }

  /** Moves time on, stopping at each sleeper on the way and letting it run. */
  async advance(milliseconds: number): Promise<void> {
    const endMs = this.#ms + milliseconds
    await settle()
    for (let next = this.#next(endMs); next; next = this.#next(endMs)) {
      this.#ms = Math.max(this.#ms, next.atMs)
      next.wake()
      await settle()
    }
    this.#ms = endMs
  }

  /** The same clock as somebody sees it whose wall clock is wrong by so much. */
  skewed(byMs: number): LeaseTimers {
    return {
      now: () => this.now() + byMs,
      monotonic: () => this.monotonic(),
      random: () => this.random(),
      sleep: (milliseconds, signal) => this.sleep(milliseconds, signal),
    }
  }

  #next(untilMs: number): Sleeper | undefined {
    const due = [...this.#sleepers].filter(({ atMs }) => atMs <= untilMs)
    return due.reduce<Sleeper | undefined>((first, one) => (first && first.atMs <= one.atMs ? first : one), undefined)
  }
}
