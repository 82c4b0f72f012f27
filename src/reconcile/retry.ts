import type { Subject } from './types.ts'

const firstDelayMs = 500
const longestDelayMs = 60_000

/** Backoff, with jitter, of subjects whose changes are refused. */
export class Retry {
  readonly #now: () => number
  readonly #random: () => number
  readonly #failing = new Map<Subject, { count: number; atMs: number; message: string; with: Subject[] }>()

  constructor(now: () => number, random: () => number) {
    this.#now = now
    this.#random = random
  }

  fail(subjects: Subject[], message: string): void {
    for (const subject of subjects) {
      const count = (this.#failing.get(subject)?.count ?? 0) + 1
      const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** (count - 1))
      this.#failing.set(subject, {
        count,
        atMs: this.#now() + delay * (0.5 + this.#random() / 2),
        message,
        with: subjects,
      })
    }
  }

  succeeded(subjects: readonly Subject[]): void {
    for (const subject of subjects) this.#failing.delete(subject)
  }

  ready(subject: Subject): boolean {
    const failing = this.#failing.get(subject)
    return failing === undefined || failing.atMs <= this.#now()
  }

  /** Everything may be tried at once: a new epoch changes the reasons. Returns the subjects. */
  soon(): Subject[] {
    const subjects = [...this.#failing.keys()]
    this.#failing.clear()
    return subjects
  }

  /** When the next retry is due, in milliseconds since the epoch. */
  next(): number | undefined {
    let next: number | undefined
    for (const { atMs } of this.#failing.values()) next = Math.min(next ?? atMs, atMs)
    return next
  }

  failing(): { subjects: Subject[]; message: string }[] {
    return [...this.#failing.entries()].map(([subject, { message }]) => ({ subjects: [subject], message }))
  }
}
