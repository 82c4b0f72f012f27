/** Chance that can be repeated: the same seed, the same numbers (mulberry32, public domain). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to n - 1. */
  below = (n: number): number => Math.floor(this.next() * n)
  chance = (probability: number): boolean => this.next() < probability
  one = <T>(choices: readonly T[]): T => choices[this.below(choices.length)] as T
  /** Up to `most` of what `make` makes. */
  some = <T>(most: number, make: () => T): T[] => Array.from({ length: this.below(most + 1) }, make)
}
