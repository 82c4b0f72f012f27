import { setMaxListeners } from 'node:events'

/** Adds a listener that the caller removes. One signal stops a whole agent, with a watch for each resource: ten listeners, where node warns, are no leak. */
export function listenForAbort(signal: AbortSignal, listener: () => void): void {
  setMaxListeners(0, signal)
  signal.addEventListener('abort', listener, { once: true })
}
