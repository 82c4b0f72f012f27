const FIRST_MILLISECONDS = 500
const LONGEST_MILLISECONDS = 30_000

/** Waiting times that double from 0.5 s to 30 s, each shortened by up to half at random, so that clients do not return together. */
export class Backoff {
  readonly #random: () => number
  #steps = 0

  /** `random` gives a number in [0, 1). */
  constructor(random: () => number) {
    this.#random = random
  }

  reset(): void {
    this.#steps = 0
  }

  /** Milliseconds to wait now; at least `atLeastSeconds`, if the peer asked for that. */
  next(atLeastSeconds = 0): number {
    const full = Math.min(FIRST_MILLISECONDS * 2 ** this.#steps, LONGEST_MILLISECONDS)
    if (full < LONGEST_MILLISECONDS) this.#steps++
    return Math.max(full * (1 - this.#random() / 2), atLeastSeconds * 1000)
  }
}
