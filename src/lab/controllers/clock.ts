/** Time as the controllers see it: injected, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `fn` once after `delayMs`; returns what cancels it. */
  after(delayMs: number, fn: () => void): () => void
  /** Calls `fn` after the I/O that is pending now; returns what cancels it. */
  soon(fn: () => void): () => void
}

/** Node's `setTimeout` takes no longer delay (2^31 - 1 ms); a longer one would fire at once. */
const longestDelayMs = 2_147_483_647

/** The machine's clock; its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(delayMs, longestDelayMs))
    timer.unref()
    return () => clearTimeout(timer)
  },
  soon(fn) {
    const immediate = setImmediate(fn)
    return () => clearImmediate(immediate)
  },
}
