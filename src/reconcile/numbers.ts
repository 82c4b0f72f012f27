import { type HeldNumber, heldNumber, type SubjectState, type Subjects } from './subjects.ts'
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
    const held = heldNumber(state, name)
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
      if (heldNumber(state, name) !== undefined) continue
      owner.set(number, subject)
      hold(state, name, number, 0)
    }
    for (let number = this.#next; number <= highest; number++) if (!owner.has(number)) this.#free.push(number)
    this.#next = Math.max(this.#next, highest + 1)
    return owner
  }

  /** Gives back the numbers that a subject's last plan did not ask for; call when everything that it wants is acknowledged. */
  release(state: SubjectState): void {
    let before: HeldNumber | undefined
    for (let held = state.numbers; held !== undefined; held = held.next) {
      if (held.used >= state.plan) before = held
      else {
        this.#free.push(held.number)
        if (before === undefined) state.numbers = held.next
        else before.next = held.next
      }
    }
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
  state.numbers = { name, number, used: plan, next: state.numbers }
  return number
}
