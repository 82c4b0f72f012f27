/** Tokens that come back at an even pace: `burst` at once, then one each `refillSeconds`. */
export class TokenBucket {
  readonly #burst: number
  readonly #refillMs: number
  #tokens: number
  #atMs: number

  constructor(burst: number, refillSeconds: number, nowMs: number) {
    this.#burst = burst
    this.#refillMs = refillSeconds * 1000
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** Takes a token if there is one. A clock that was set back gives none and takes none. */
  take(nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMs / this.#refillMs)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
