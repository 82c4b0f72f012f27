import { setMaxListeners } from 'node:events'
import { cancelledError } from './errors.ts'

/** Adds a listener that the caller removes. One signal stops a whole agent, with a watch for each resource: ten listeners, where node warns, are no leak. */
export function listenForAbort(signal: AbortSignal, listener: () => void): void {
  setMaxListeners(0, signal)
  signal.addEventListener('abort', listener, { once: true })
}

/** Resolves when the signal aborts, at once if it has already: its event never comes again. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else listenForAbort(signal, resolve)
  })
}

/** The promise's outcome, or API_CANCELLED as soon as the signal aborts; what was begun goes on for others. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelledError(signal.reason))
    if (signal.aborted) onAbort()
    else listenForAbort(signal, onAbort)
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
