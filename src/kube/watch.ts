import type { IncomingMessage } from 'node:http'
import { ApiError, malformedError, networkError } from './errors.ts'
import type { CallDescription, Exchange } from './exchange.ts'
import { LineSplitter } from './lines.ts'
import type { Query } from './transport.ts'
import type { Status, WatchEvent } from './types.ts'

export interface WatchOptions {
  resourceVersion: string
  /** After which the server ends the stream. */
  timeoutSeconds: number
  signal?: AbortSignal | undefined
  /** Selectors. */
  query?: Query
  /** A stream that brings nothing for so long, not even a bookmark, is given up; `timeoutSeconds` and 30 more when absent. */
  idleTimeoutSeconds?: number | undefined
  /** Called when the server has accepted the watch. */
  onOpen?: () => void
}

export const watchQuery = (options: WatchOptions): Query => ({
  ...options.query,
  watch: true,
  allowWatchBookmarks: true,
  resourceVersion: options.resourceVersion,
  timeoutSeconds: options.timeoutSeconds,
})

/** The events of an accepted watch, until the server ends the stream. @param onChunk called whenever something of it has come */
export async function* readEvents<T>(
  response: IncomingMessage,
  exchange: Exchange,
  idleTimeoutSeconds: number,
  onChunk: () => void,
): AsyncGenerator<WatchEvent<T>> {
  const lines = new LineSplitter()
  for await (const chunk of chunksOf(response, exchange, idleTimeoutSeconds)) {
    onChunk()
    for (const line of lines.push(chunk)) yield parseEvent<T>(line, exchange.description)
  }
  if (lines.pendingBytes > 0)
    throw networkError('a watch broke off in the middle of an event', exchange.description.origin)
}

/** The clock runs only while we wait for the server, not while the consumer is busy. */
async function* chunksOf(
  response: IncomingMessage,
  exchange: Exchange,
  idleTimeoutSeconds: number,
): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  for (;;) {
    exchange.arm(idleTimeoutSeconds, 'a silent watch')
    const { done, value } = await chunks.next()
    exchange.disarm()
    if (done) return
    yield value
  }
}

const eventTypes = new Set<unknown>(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])

function parseEvent<T>(line: Buffer, call: CallDescription): WatchEvent<T> {
  const event = parseLine(line, call)
  if (event?.type === 'ERROR') throw errorEvent(event.object, call)
  if (!eventTypes.has(event?.type) || typeof event?.object !== 'object' || event.object === null)
    throw malformedError('a watch brought a line that is no event', call.url)
  return event as WatchEvent<T>
}

function parseLine(line: Buffer, call: CallDescription): { type?: unknown; object?: unknown } | null {
  try {
    return JSON.parse(line.toString('utf8')) as { type?: unknown; object?: unknown } | null
  } catch (cause) {
    throw malformedError('a watch brought a line that is no JSON', call.url, cause)
  }
}

function errorEvent(object: unknown, call: CallDescription): ApiError {
  const status = (object ?? {}) as { [field in keyof Status]?: unknown }
  return new ApiError(typeof status.code === 'number' ? status.code : 500, status, call)
}
