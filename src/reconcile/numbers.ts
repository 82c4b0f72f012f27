import type { SubjectState, Subjects } from './subjects.ts'
import type { LearntNumber, Subject } from './types.ts'

/**
 * Hands out what must be unique and stable. A number is free again only when the caller says that its removal was acknowledged,
 * so it is never used twice within one batch.
 */
export class Numbers {
  /** Freed numbers, oldest first from `#first` on: the one that has been free longest is used next. */
  #free: number[] = []
  #first = 0
  #next = 1

  /** The number of (subject, name), allocated at the first call; `plan` is the plan that asks. */
  get(state: SubjectState, name: string, plan: number): number {
    const held = state.numbers?.find((one) => one.name === name)
    if (held === undefined) return hold(state, name, this.#allocate(), plan)
    held.used = plan
    return held.number
  }

  /** Numbers seen in the kernel at adoption. One that is claimed twice stays with the first. Returns whose each is. */
  learn(learnt: readonly LearntNumber[], subjects: Subjects): Map<number, Subject> {
    const owner = new Map<number, Subject>()
    let highest = 0
    for (const { subject, name, number } of learnt) {
      if (number > highest) highest = number
      if (owner.has(number)) continue
      const state = subjects.at(subject)
      if (state.numbers?.some((one) => one.name === name)) continue
      owner.set(number, subject)
      hold(state, name, number, 0)
    }
    for (let number = this.#next; number <= highest; number++) if (!owner.has(number)) this.#free.push(number)
    this.#next = Math.max(this.#next, highest + 1)
    return owner
  }

  /** Gives back the numbers that a subject's last plan did not ask for; call when everything that it wants is acknowledged. */
  release(state: SubjectState): void {
    const held = state.numbers
    if (held === undefined || held.every(({ used }) => used >= state.plan)) return
    state.numbers = held.filter(({ used }) => used >= state.plan)
    for (const { number, used } of held) if (used < state.plan) this.#free.push(number)
  }

  #allocate(): number {
    const number = this.#free[this.#first]
    if (number === undefined) return this.#next++
    if (++this.#first > 1000 && this.#first * 2 > this.#free.length) {
      this.#free = this.#free.slice(this.#first)
      this.#first = 0
    }
    return number
  }
}

function hold(state: SubjectState, name: string, number: number, plan: number): number {
  const held = { name, number, used: plan }
  // An array that grows by push has room for sixteen more.
  state.numbers = state.numbers === undefined ? [held] : [...state.numbers, held]
  return number
}
