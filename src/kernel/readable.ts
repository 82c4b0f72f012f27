import { pollReadable } from './ffi.ts'

/** How often the fallback looks, in milliseconds. */
const POLL_MS = 100

export interface ReadableOptions {
  /** Tests: do without libuv. */
  fallback?: boolean
}

/**
 * Calls `onReadable` when there may be something to read from a non-blocking socket: by libuv, at once; where that is not to be had, ten times a
 * second. Read until EAGAIN. Does not keep the process alive. Close this before the socket.
 */
export function watchReadable(fd: number, onReadable: () => void, options: ReadableOptions = {}): { close(): void } {
  const watched = options.fallback ? undefined : pollReadable(fd, onReadable)
  if (watched !== undefined) return watched
  const timer = setInterval(onReadable, POLL_MS)
  timer.unref()
  return { close: () => clearInterval(timer) }
}
