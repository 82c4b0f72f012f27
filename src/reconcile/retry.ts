import { WakeHeap } from './wake-heap.ts'

const firstDelayMs = 500
const longestDelayMs = 60_000

/** When to try again after `count` failures in a row: doubled each time, with up to half of it taken off at random. */
export const backoffMs = (count: number, random: () => number): number =>
  Math.min(longestDelayMs, firstDelayMs * 2 ** (count - 1)) * (0.5 + random() / 2)

/** Backoff, with jitter, of what was refused. */
export class Retry<T> {
  readonly #now: () => number
  readonly #random: () => number
  readonly #failing = new Map<T, { count: number; message: string }>()
  readonly #wake = new WakeHeap<T>()

  constructor(now: () => number, random: () => number) {
    this.#now = now
    this.#random = random
  }

  get size(): number {
    return this.#failing.size
  }

  fail(who: T, message: string): void {
    const count = (this.#failing.get(who)?.count ?? 0) + 1
    this.#failing.set(who, { count, message })
    this.#wake.set(who, this.#now() + backoffMs(count, this.#random))
  }

  succeeded(who: T): void {
    if (this.#failing.size > 0 && this.#failing.delete(who)) this.#wake.set(who, undefined)
  }

  /** Failed, and its time has not come. */
  holds(who: T): boolean {
    return this.#failing.size > 0 && this.#wake.has(who)
  }

  /** Those whose time has come; they are no longer held, and still failing until they succeed. */
  due(): Iterable<T> {
    return this.#wake.due(this.#now())
  }

  /** Everything may be tried at once: the reasons may have changed, or the clock has. */
  soon(): T[] {
    return this.#wake.clear()
  }

  clear(): void {
    this.#failing.clear()
    this.#wake.clear()
  }

  /** When the next retry is due, in milliseconds since the epoch. */
  get nextMs(): number | undefined {
    return this.#wake.nextMs
  }

  *failing(): Generator<{ who: T; message: string }> {
    for (const [who, { message }] of this.#failing) yield { who, message }
  }
}
