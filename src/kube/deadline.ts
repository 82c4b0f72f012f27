import { listenForAbort } from './abort.ts'
import type { ReflectorTimers } from './timers.ts'

/** Runs a call with a signal that aborts when the given one does, or when the time is over. */
export async function withDeadline<T>(
  timers: Pick<ReflectorTimers, 'sleep'>,
  milliseconds: number,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const finished = new AbortController()
  const onAbort = (): void => limit.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  else if (signal) listenForAbort(signal, onAbort)
  void timers.sleep(milliseconds, finished.signal).then(() => limit.abort(new Error('the time is over')))
  try {
    return await call(limit.signal)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    finished.abort()
  }
}
