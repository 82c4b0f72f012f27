import type { LearntNumber, Subject } from './types.ts'

/**
 * Hands out what must be unique and stable. A number is free again only when the caller says that its removal was acknowledged,
 * so it is never used twice within one batch.
 */
export class Numbers {
  readonly #held = new Map<Subject, Map<string, number>>()
  readonly #owner = new Map<number, Subject>()
  /** Freed numbers, oldest first: the one that has been free longest is used next. */
  readonly #free: number[] = []
  #next = 1

  /** The number of (subject, name), allocated at the first call. */
  get(subject: Subject, name: string): number {
    const held = this.#held.get(subject)?.get(name)
    return held ?? this.#take(subject, name, this.#allocate())
  }

  /** Numbers seen in the kernel at adoption. One that is claimed twice stays with the first. */
  learn(learnt: readonly LearntNumber[]): void {
    for (const { subject, name, number } of learnt) {
      if (this.#owner.has(number) || this.#held.get(subject)?.has(name)) continue
      this.#take(subject, name, number)
    }
    let highest = 0
    for (const number of this.#owner.keys()) if (number > highest) highest = number
    for (let number = this.#next; number < highest; number++) if (!this.#owner.has(number)) this.#free.push(number)
    this.#next = Math.max(this.#next, highest + 1)
  }

  /** Gives back the numbers of a subject whose names are not in `keep`; call after the acknowledgement. */
  release(subject: Subject, keep: ReadonlySet<string>): void {
    const held = this.#held.get(subject)
    if (held === undefined) return
    for (const [name, number] of held) {
      if (keep.has(name)) continue
      held.delete(name)
      this.#owner.delete(number)
      this.#free.push(number)
    }
    if (held.size === 0) this.#held.delete(subject)
  }

  get owners(): ReadonlyMap<number, Subject> {
    return this.#owner
  }

  #take(subject: Subject, name: string, number: number): number {
    let held = this.#held.get(subject)
    if (held === undefined) this.#held.set(subject, (held = new Map()))
    held.set(name, number)
    this.#owner.set(number, subject)
    return number
  }

  #allocate(): number {
    return this.#free.shift() ?? this.#next++
  }
}
