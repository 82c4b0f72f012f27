import { isConflict } from './errors.ts'
import { processTimers, type ReflectorTimers } from './timers.ts'

export interface ConflictRetryOptions {
  signal?: AbortSignal
  timers?: Pick<ReflectorTimers, 'sleep' | 'random'>
}

// client-go's retry.DefaultRetry.
const ATTEMPTS = 5
const WAIT_MILLISECONDS = 10
const JITTER = 0.1

/**
 * Runs `attempt` (read the object anew, change it, write it) up to five times, as long as it ends in a conflict. The last conflict, and every
 * other error, is thrown.
 */
export async function retryOnConflict<T>(attempt: () => Promise<T>, options: ConflictRetryOptions = {}): Promise<T> {
  const { timers = processTimers, signal = new AbortController().signal } = options
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (tried >= ATTEMPTS || !isConflict(error) || signal.aborted) throw error
      await timers.sleep(WAIT_MILLISECONDS * (1 + JITTER * timers.random()), signal)
    }
  }
}
