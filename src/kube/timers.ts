import { listenForAbort } from './abort.ts'

/** Clock and chance, replaceable in tests. */
export interface ReflectorTimers {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after the time, or at once when the signal aborts; never rejects. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
  /** In [0, 1). */
  random(): number
}

/** The process's own. */
export const processTimers: ReflectorTimers = {
  now: Date.now,
  random: Math.random,
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(done, milliseconds)
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      listenForAbort(signal, done)
      if (signal.aborted) done()
    }),
}
