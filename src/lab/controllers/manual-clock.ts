import type { Clock } from './clock.ts'

interface Timer {
  atMs: number
  fn: () => void
}

/** A clock for tests: time stands still until it is moved, and everything that is due runs then, in order. */
export class ManualClock implements Clock {
  #nowMs: number
  readonly #timers = new Set<Timer>()

  constructor(nowMs = 0) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  after(delayMs: number, fn: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  soon(fn: () => void): () => void {
    return this.after(0, fn)
  }

  /** Runs what is due now, and what becomes due by that. */
  run(): void {
    this.advance(0)
  }

  /** Moves time on, stopping at each timer on the way. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#timers.delete(timer)
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      timer.fn()
    }
    this.#nowMs = endMs
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers)
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer
    return next
  }
}
