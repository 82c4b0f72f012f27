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
export function systemClock(now: () => number = Date.now): Clock {
  return {
    now,
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
}

/** A time as most API fields have it (metav1.Time): RFC 3339 in UTC, whole seconds. */
export const apiTime = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z')

/** A time as Leases and Events have it (metav1.MicroTime). */
export const apiMicroTime = (epochMs: number): string => new Date(epochMs).toISOString().replace('Z', '000Z')
