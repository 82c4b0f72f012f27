import { WeftError } from '../model/error.ts'
import { Backoff } from './backoff.ts'
import type { ApiClient, Query } from './client.ts'
import { ApiError, isGone, isNetworkError, malformedError } from './errors.ts'
import type { ObjectStore } from './store.ts'
import { processTimers, type ReflectorTimers } from './timers.ts'
import { type KubeObject, objectKey, type WatchEvent } from './types.ts'

export type { ReflectorTimers } from './timers.ts'

/** A decoded object: trimmed to what its readers need. `key` must be `objectKey` of its metadata. */
export interface Decoded<T> {
  key: string
  value: T
}

/** A store, and what it keeps of an object. */
export interface StoreReader<T, R extends KubeObject = any> {
  /** Trims; undefined: not for us. May throw: that object is reported and left as it was known before. Items of a list have no `kind`. */
  decode: (raw: R) => Decoded<T> | undefined
  store: ObjectStore<T>
}

export interface ReflectorOptions<T, R extends KubeObject = any> extends StoreReader<T, R> {
  client: Pick<ApiClient, 'listPages' | 'watch'>
  /** Of the resource (`resourcePath`). */
  path: string
  /** `labelSelector`, `fieldSelector`. */
  query?: Query
  /** Further stores, each with an eye of its own for the same objects: what one cannot read the others have. */
  also?: readonly StoreReader<any, R>[]
  /** Also told of objects that cannot be decoded; `consecutiveFailures` is 0 then. */
  onError?: (error: WeftError, consecutiveFailures: number) => void
  timers?: ReflectorTimers
  /** How long the server is asked to keep a watch; random in 290 to 590 when absent, so that watches do not end together. */
  watchTimeoutSeconds?: () => number
  /** Silence after which a watch counts as dead; the watch's timeout and 30 s when absent. */
  idleTimeoutSeconds?: number
  /** Objects a page of a list; 250 when absent: a page is garbage once it is decoded, and more of it costs memory and no less time. */
  pageSize?: number
}

export interface ReflectorState {
  /** Whether a first list is complete. */
  readonly listed: boolean
  /** Where the watch goes on; `''` before the first list and while a new list is due. */
  readonly resourceVersion: string
  /** When the server last answered, in milliseconds since the epoch; 0 before the first time. */
  readonly lastContact: number
  /** Calls that failed since the last that did not. */
  readonly failures: number
}

const PAGE_SIZE = 250
/** A watch that ends sooner than this has not proven that watching works. */
const SHORT_WATCH_MILLISECONDS = 1_000
/** A server that answers but refuses to go on from our version so often in a row is asked for a new list. */
const REFUSALS_BEFORE_LIST = 3

/**
 * Keeps its stores equal to what the API has of one resource: a list in pages, then a watch from its version, taken up again from the last version seen
 * whenever it ends. It never stops on an error; what is known stays known until a complete new list says otherwise.
 */
export class Reflector<T, R extends KubeObject = any> {
  readonly #options: ReflectorOptions<T, R>
  readonly #readers: readonly StoreReader<unknown, R>[]
  readonly #timers: ReflectorTimers
  readonly #backoff: Backoff
  #resourceVersion = ''
  #listed = false
  #lastContact = 0
  #failures = 0
  #refusals = 0

  constructor(options: ReflectorOptions<T, R>) {
    this.#options = options
    this.#readers = [options, ...(options.also ?? [])] as StoreReader<any, R>[]
    this.#timers = options.timers ?? processTimers
    this.#backoff = new Backoff(() => this.#timers.random())
  }

  get state(): ReflectorState {
    return {
      listed: this.#listed,
      resourceVersion: this.#resourceVersion,
      lastContact: this.#lastContact,
      failures: this.#failures,
    }
  }

  /** Runs until the signal aborts, and then resolves; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delay = await this.#round(signal)
      if (delay > 0 && !signal.aborted) await this.#timers.sleep(delay, signal)
    }
  }

  /** One list, if one is due, and one watch. Returns how long to wait before the next, in milliseconds. */
  async #round(signal: AbortSignal): Promise<number> {
    try {
      if (!this.#resourceVersion) await this.#list(signal)
      return await this.#watch(signal)
    } catch (cause) {
      return signal.aborted ? 0 : this.#failed(asWeftError(cause, this.#options.path))
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, path, query, pageSize } = this.#options
    const lists = this.#readers.map((reader) => ({ reader, objects: new Map<string, unknown>() }))
    const sink = {
      restart: () => lists.forEach(({ objects }) => objects.clear()),
      page: (items: readonly R[]) => {
        this.#contacted()
        for (const raw of items) for (const { reader, objects } of lists) this.#collect(raw, reader, objects)
      },
    }
    const version = await client.listPages<R>(path, query, sink, { signal, limit: pageSize ?? PAGE_SIZE })
    for (const { reader, objects } of lists) reader.store.replaceAll(objects)
    this.#resourceVersion = version
    this.#listed = true
    this.#refusals = 0
  }

  /** An object that cannot be decoded stays as it is known. */
  #collect(raw: R, reader: StoreReader<unknown, R>, objects: Map<string, unknown>): void {
    try {
      const decoded = decode(raw, reader)
      if (decoded) objects.set(decoded.key, decoded.value)
    } catch (cause) {
      const key = this.#reportUnreadable(raw, cause)
      const known = key === undefined ? undefined : reader.store.get(key)
      if (key !== undefined && known !== undefined) objects.set(key, known)
    }
  }

  async #watch(signal: AbortSignal): Promise<number> {
    const { client, path, query, idleTimeoutSeconds } = this.#options
    const timeoutSeconds = this.#options.watchTimeoutSeconds?.() ?? 290 + Math.floor(this.#timers.random() * 301)
    const resourceVersion = this.#resourceVersion
    const onOpen = (): void => this.#contacted()
    const startedAt = this.#timers.now()
    const watch = client.watch<R>(path, {
      resourceVersion,
      timeoutSeconds,
      signal,
      query: query ?? {},
      idleTimeoutSeconds,
      onOpen,
    })
    let events = 0
    for await (const event of watch) {
      events++
      this.#apply(event)
      this.#progressed()
    }
    return this.#ended(this.#timers.now() - startedAt, events, timeoutSeconds)
  }

  /**
   * The server ended the watch. A full watch without even a bookmark makes our version suspect: a server restored from a backup counts from a lower
   * one, and is silent to whoever waits for the versions in between.
   */
  #ended(lifeMilliseconds: number, events: number, timeoutSeconds: number): number {
    const full = lifeMilliseconds >= timeoutSeconds * 900
    if (events === 0 && full) this.#resourceVersion = ''
    if (lifeMilliseconds < SHORT_WATCH_MILLISECONDS && !full) return this.#backoff.next()
    this.#backoff.reset()
    return 0
  }

  #apply(event: WatchEvent<R>): void {
    const version = event.object.metadata?.resourceVersion
    if (!version) throw malformedError('a watch event has no resourceVersion', this.#options.path)
    if (event.type !== 'BOOKMARK') {
      for (const reader of this.#readers) {
        if (event.type === 'DELETED') reader.store.delete(objectKey(event.object.metadata))
        else this.#upsert(event.object, reader)
      }
    }
    this.#resourceVersion = version
  }

  #upsert(raw: R, reader: StoreReader<unknown, R>): void {
    try {
      const decoded = decode(raw, reader)
      if (decoded) reader.store.set(decoded.key, decoded.value)
      else reader.store.delete(objectKey(raw.metadata))
    } catch (cause) {
      this.#reportUnreadable(raw, cause)
    }
  }

  #failed(error: WeftError): number {
    this.#failures++
    this.#report(error, this.#failures)
    if (isRefusal(error)) this.#refusals++
    if (isGone(error) || this.#refusals >= REFUSALS_BEFORE_LIST) {
      this.#resourceVersion = ''
      this.#refusals = 0
    }
    return this.#backoff.next(error instanceof ApiError ? error.retryAfterSeconds : undefined)
  }

  #contacted(): void {
    this.#lastContact = this.#timers.now()
    this.#failures = 0
  }

  #progressed(): void {
    this.#contacted()
    this.#refusals = 0
    this.#backoff.reset()
  }

  /** Returns the object's key, if it has one. */
  #reportUnreadable(raw: R, cause: unknown): string | undefined {
    const key = raw?.metadata?.name ? objectKey(raw.metadata) : undefined
    const message = `an object of the API cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
    const where = `${this.#options.path} ${key ?? '(without a name)'}`
    this.#report(new WeftError(message, { code: 'OBJECT_UNREADABLE', fault: 'peer', where, cause }), 0)
    return key
  }

  /** A listener that throws is a bug to be seen, but must not end the loop. */
  #report(error: WeftError, consecutiveFailures: number): void {
    try {
      this.#options.onError?.(error, consecutiveFailures)
    } catch (bug) {
      queueMicrotask(() => {
        throw bug
      })
    }
  }
}

function decode<T, R extends KubeObject>(raw: R, reader: StoreReader<T, R>): Decoded<T> | undefined {
  const decoded = reader.decode(raw)
  const key = objectKey(raw.metadata)
  if (decoded && decoded.key !== key) throw new Error(`decoded under the key "${decoded.key}" in place of "${key}"`)
  return decoded
}

/** The server (not a gateway, not overload) answered, and will not go on from our version or brings nonsense. */
const isRefusal = (error: WeftError): boolean =>
  !isNetworkError(error) && !(error instanceof ApiError && [429, 502, 503, 504].includes(error.status))

const asWeftError = (cause: unknown, where: string): WeftError =>
  cause instanceof WeftError
    ? cause
    : new WeftError(`watching the API failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
        code: 'REFLECTOR_FAILED',
        fault: 'internal',
        where,
        cause,
      })
