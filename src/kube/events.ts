import { WeftError } from '../model/error.ts'
import { Backoff } from './backoff.ts'
import type { ApiClient } from './client.ts'
import { ApiError, isAlreadyExists, isNetworkError, isNotFound } from './errors.ts'
import {
  cutMessage,
  type EventRecord,
  type EventSource,
  eventName,
  eventNamespace,
  eventObject,
  eventPatch,
  type ObjectReference,
  type Occurrence,
  sharedEventName,
} from './event-object.ts'
import { LruMap } from './lru-map.ts'
import { resourcePath } from './paths.ts'
import { type Sharing, writeShared } from './shared-event.ts'
import { processTimers, type ReflectorTimers } from './timers.ts'
import { TokenBucket } from './token-bucket.ts'

export type { EventSource, ObjectReference } from './event-object.ts'
export type { Sharing } from './shared-event.ts'

export interface EventRecorderOptions extends EventSource {
  client: Pick<ApiClient, 'get' | 'create' | 'patch'>
  /** Told of Events that are given up. */
  onError?: (error: WeftError) => void
  timers?: ReflectorTimers
  /** Events that may wait to be written; 1,000 when absent. */
  queueLimit?: number
}

/** What became of the Events since the start. */
export interface EventCounts {
  /** Calls that the API took. */
  written: number
  /** Left out because their object had too many. */
  limited: number
  /** Lost: the queue was full, the API refused them or did not answer for long. */
  dropped: number
}

// client-go's numbers (tools/record/events_cache.go, event.go).
const BURST = 25
const REFILL_SECONDS = 300
const REMEMBERED = 4096
const QUEUE_LIMIT = 1000
const ATTEMPTS = 12

interface Remembered extends EventRecord {
  /** The API has it under its name. */
  created: boolean
  queued: boolean
  /** Told by others too, under the same name. */
  sharing?: Sharing
}

/**
 * Writes core/v1 Events, as client-go does: the same occurrence again counts up the Event that is there, each object may have 25 and one more
 * every five minutes, and what cannot be written is dropped. Telling it something costs microseconds and never throws; writing happens later,
 * one call at a time.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #timers: ReflectorTimers
  readonly #known = new LruMap<Remembered>(REMEMBERED)
  readonly #buckets = new LruMap<TokenBucket>(REMEMBERED)
  readonly #queue: Remembered[] = []
  readonly #counts: EventCounts = { written: 0, limited: 0, dropped: 0 }
  readonly #closing = new AbortController()
  #lastNanoseconds = 0n
  #writing: Promise<void> | undefined

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#timers = options.timers ?? processTimers
  }

  get counts(): Readonly<EventCounts> {
    return { ...this.#counts }
  }

  /** @param reason CamelCase word, e.g. `ClaimedByOlderService` */
  warning(object: ObjectReference, reason: string, message: string): void {
    this.#take({ object, type: 'Warning', reason, message: cutMessage(message) })
  }

  /** @param reason CamelCase word */
  normal(object: ObjectReference, reason: string, message: string): void {
    this.#take({ object, type: 'Normal', reason, message: cutMessage(message) })
  }

  /** A warning that other processes tell as well, or that this one has told before it was started anew: all of them write one Event. */
  sharedWarning(object: ObjectReference, reason: string, message: string, sharing: Sharing): void {
    this.#take({ object, type: 'Warning', reason, message: cutMessage(message) }, sharing)
  }

  /** Resolves when nothing waits to be written. */
  async idle(): Promise<void> {
    while (this.#writing) await this.#writing
  }

  /** Ends the call under way and forgets what waits. */
  close(): void {
    this.#closing.abort()
    this.#counts.dropped += this.#queue.length
    this.#queue.length = 0
  }

  #take(occurrence: Occurrence, sharing?: Sharing): void {
    if (this.#closing.signal.aborted) return
    const nowMs = this.#timers.now()
    const record = this.#known.use(occurrenceKey(occurrence, sharing), () => this.#newRecord(occurrence, nowMs))
    if (sharing !== undefined) {
      record.sharing = sharing
      record.name = sharedEventName(occurrence, this.#options.component)
    }
    record.count++
    record.lastMs = nowMs
    record.object = occurrence.object
    if (record.queued) return
    if (!this.#mayWrite(occurrence.object, nowMs)) this.#counts.limited++
    else if (this.#queue.length >= (this.#options.queueLimit ?? QUEUE_LIMIT)) this.#counts.dropped++
    else this.#enqueue(record)
  }

  #newRecord(occurrence: Occurrence, nowMs: number): Remembered {
    const name = this.#newName(occurrence.object, nowMs)
    return { ...occurrence, name, count: 0, firstMs: nowMs, lastMs: nowMs, created: false, queued: false }
  }

  /** Names of one process differ also where its clock stands still. */
  #newName(object: ObjectReference, nowMs: number): string {
    const now = BigInt(Math.trunc(nowMs * 1000)) * 1000n
    this.#lastNanoseconds = now > this.#lastNanoseconds ? now : this.#lastNanoseconds + 1n
    return eventName(object, this.#lastNanoseconds)
  }

  #mayWrite(object: ObjectReference, nowMs: number): boolean {
    const bucket = this.#buckets.use(objectId(object), () => new TokenBucket(BURST, REFILL_SECONDS, nowMs))
    return bucket.take(nowMs)
  }

  #enqueue(record: Remembered): void {
    record.queued = true
    this.#queue.push(record)
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    // Whoever records goes on first; what it records in one go joins into one call.
    await Promise.resolve()
    for (let record = this.#queue.shift(); record; record = this.#queue.shift()) {
      record.queued = false
      await this.#writeOne(record)
    }
    // In the same turn as the queue was found empty: whatever comes next starts the writing again.
    this.#writing = undefined
  }

  /** Never rejects. */
  async #writeOne(record: Remembered): Promise<void> {
    const backoff = new Backoff(() => this.#timers.random())
    const { signal } = this.#closing
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        if (await this.#send(record)) this.#counts.written++
        return
      } catch (error) {
        if (attempt >= ATTEMPTS || !isWorthRepeating(error)) return this.#giveUp(record, error)
        await this.#timers.sleep(backoff.next(error instanceof ApiError ? error.retryAfterSeconds : 0), signal)
      }
    }
  }

  /** Whether it was written: of a shared one another may have done so. */
  async #send(record: Remembered): Promise<boolean> {
    const { sharing } = record
    if (sharing !== undefined) {
      const how = { sharing, source: this.#options, nowMs: this.#timers.now() }
      return writeShared(this.#options.client, record, how, this.#closing.signal)
    }
    if (record.created && (await this.#countUp(record))) return true
    const path = resourcePath({ version: 'v1', resource: 'events', namespace: eventNamespace(record.object) })
    try {
      await this.#options.client.create(path, eventObject(record, this.#options), { signal: this.#closing.signal })
    } catch (error) {
      // An answer that was lost on its way: the Event is there.
      if (!isAlreadyExists(error)) throw error
    }
    record.created = true
    return true
  }

  /** False if the API has forgotten the Event (it does so after an hour): then it is created under a new name. */
  async #countUp(record: Remembered): Promise<boolean> {
    const namespace = eventNamespace(record.object)
    const path = resourcePath({ version: 'v1', resource: 'events', namespace, name: record.name })
    try {
      const { signal } = this.#closing
      await this.#options.client.patch(path, eventPatch(record), 'strategic', undefined, { signal })
      return true
    } catch (error) {
      if (!isNotFound(error)) throw error
      record.created = false
      record.name = this.#newName(record.object, this.#timers.now())
      return false
    }
  }

  #giveUp(record: Remembered, cause: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#counts.dropped++
    if (isNamespaceEnding(cause)) return
    const { object, reason } = record
    const where = `${object.kind} ${object.namespace ? `${object.namespace}/` : ''}${object.name}`
    const error = new WeftError(`the Event ${reason} could not be written: ${messageOf(cause)}`, {
      code: 'EVENT_DROPPED',
      fault: cause instanceof WeftError ? cause.fault : 'internal',
      where,
      remedy: 'grant create and patch of events (RBAC), or look why the API refuses them',
      cause,
    })
    try {
      this.#options.onError?.(error)
    } catch {
      // Events must not disturb whoever reports them, nor may the listener.
    }
  }
}

/** The server could not answer, as opposed to: it does not want the Event. */
const isWorthRepeating = (error: unknown): boolean =>
  isNetworkError(error) || (error instanceof ApiError && (error.status === 429 || error.status >= 500))

/** No Events are taken in a namespace that is being deleted, and nobody misses them. */
const isNamespaceEnding = (error: unknown): boolean =>
  error instanceof ApiError && (error.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')

const objectId = ({ apiVersion, kind, namespace = '', name, uid = '' }: ObjectReference): string =>
  [apiVersion, kind, namespace, name, uid].join('\n')

const occurrenceKey = ({ object, type, reason, message }: Occurrence, sharing: Sharing | undefined): string =>
  [objectId(object), type, reason, message, sharing === undefined ? 'own' : 'shared'].join('\n')

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
