import type { ServerResponse } from 'node:http'
import type { Form } from './accept.ts'
import type { Json } from './access.ts'
import { definitionResource } from './crd/definition-defaults.ts'
import type { IncludeObject } from './encoding.ts'
import { type EventType, type FrameForm, Frames, frameOf } from './frames.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import type { ListOptions } from './options.ts'
import { StatusError } from './status.ts'
import type { MemoryStore } from './store.ts'
import type { KubeObject, StoreEvent } from './types.ts'

/** What a watch selects and how it is written. */
export interface WatchRequest {
  kind: Kind
  namespace: string | undefined
  selects: (object: KubeObject) => boolean
  form: Form
  include: IncludeObject
  options: ListOptions
}

/** Bytes that may wait for a client beyond the initial events before it is cut off. */
const maxWaitingBytes = 16 * 1024 * 1024
/** A real server's watch cache sends one about once a minute. */
const bookmarkMs = 60_000
/** Before the end; a real server sends one a second in its last two. */
const lastBookmarksSeconds = [2, 1] as const
/** A watch without a time limit of its own ends after this and at most twice this, as with a real server. */
const defaultSeconds = 1800
/** What a timer of Node can hold. */
const longestSeconds = 2_000_000

/** One client's watch. */
class Watcher {
  readonly request: WatchRequest
  readonly #response: ServerResponse
  readonly #onWritten: (watcher: Watcher) => void
  #columnsSent = false
  #allowance = Number.POSITIVE_INFINITY
  #corked = false

  /** `onWritten`: called after the first write since the last `release`, which is to follow. */
  constructor(request: WatchRequest, response: ServerResponse, onWritten: (watcher: Watcher) => void) {
    this.request = request
    this.#response = response
    this.#onWritten = onWritten
  }

  /**
   * Sends an event of the store, if it concerns this watch; leaving or entering the selection is DELETED or ADDED. A client that does not read is
   * cut off: it comes again, and resumes or lists.
   */
  offer({ type, object, old }: StoreEvent, frames: Frames): void {
    const { namespace, selects } = this.request
    if (namespace !== undefined && object.metadata.namespace !== namespace) return
    const before = type !== 'ADDED' && old !== undefined && selects(old)
    const now = type !== 'DELETED' && selects(object)
    if (!before && !now) return
    if (now) this.#write(frames.get(before ? 'MODIFIED' : 'ADDED', object, this.#form()))
    else if (before) {
      const last = type === 'DELETED' ? object : asOf(old, object.metadata.resourceVersion)
      this.#write(frames.get('DELETED', last, this.#form()))
    }
    if (this.#response.writableLength > this.#allowance) this.cutOff()
  }

  /** From now on the client has to keep up. What went before may all wait: a client that asked for it gets it. */
  begun(): void {
    this.#allowance = this.#response.writableLength + maxWaitingBytes
  }

  send(type: EventType, object: Json): void {
    this.#write(frameOf(type, object, this.#form()))
  }

  bookmark(resourceVersion: string, initialEventsEnd = false): void {
    const { kind } = this.request
    const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
    this.send('BOOKMARK', {
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata: { resourceVersion, ...annotations },
    })
  }

  /** Lets go of what was written. */
  release(): void {
    this.#corked = false
    this.#response.uncork()
  }

  end(): void {
    this.#response.end()
  }

  cutOff(): void {
    this.#response.destroy()
  }

  #form(): FrameForm {
    const { kind, form, include } = this.request
    const columns = !this.#columnsSent
    this.#columnsSent ||= form.type === 'table'
    return { kind, form, include, columns: columns && form.type === 'table' }
  }

  #write(frame: Buffer): void {
    if (this.#response.destroyed || this.#response.writableEnded) return
    if (!this.#corked) {
      this.#corked = true
      this.#response.cork()
      this.#onWritten(this)
    }
    this.#response.write(frame)
  }
}

const asOf = (object: KubeObject, resourceVersion: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion },
})

/** All watches of a server. */
export class WatchHub {
  readonly #store: MemoryStore
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #unsubscribe: () => void
  readonly #timer: NodeJS.Timeout
  readonly #beforeAnswer: () => void
  readonly #onError: (error: unknown) => void
  /** Watches to which something was written in this turn of the loop: it leaves in one go. */
  #written: Watcher[] = []

  /** `beforeAnswer`: called before anybody is told of what was committed; if it throws, nobody is. */
  constructor(store: MemoryStore, beforeAnswer: () => void = () => {}, onError: (error: unknown) => void = () => {}) {
    this.#store = store
    this.#beforeAnswer = beforeAnswer
    this.#onError = onError
    this.#unsubscribe = store.subscribe((event) => {
      if (event.resource === definitionResource && event.type === 'DELETED') this.#endAll(event.object.metadata.name)
      const watchers = this.#watchers.get(event.resource)
      if (watchers === undefined) return
      const frames = new Frames()
      for (const watcher of watchers) watcher.offer(event, frames)
    })
    this.#timer = setInterval(() => this.#bookmarkAll(), bookmarkMs)
    this.#timer.unref()
  }

  /** Answers with a stream of events. The caller has checked the request; an expired version is an event. */
  start(request: WatchRequest, response: ServerResponse): void {
    const watcher = new Watcher(request, response, (written) => this.#releaseSoon(written))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    if (!this.#begin(watcher)) return
    watcher.begun()
    const resource = request.kind.resource
    const watchers = this.#watchers.get(resource) ?? new Set()
    this.#watchers.set(resource, watchers.add(watcher))
    const asked = request.options.timeoutSeconds || defaultSeconds * (1 + Math.random())
    const seconds = Math.min(asked, longestSeconds)
    const timers = [setTimeout(() => watcher.end(), seconds * 1000)]
    // Last bookmarks shortly before the end, so that the client resumes from there.
    if (request.options.bookmarks && seconds > Math.max(...lastBookmarksSeconds))
      for (const before of lastBookmarksSeconds)
        timers.push(setTimeout(() => watcher.bookmark(this.#store.resourceVersion), (seconds - before) * 1000))
    for (const timer of timers) timer.unref()
    response.on('close', () => {
      for (const timer of timers) clearTimeout(timer)
      watchers.delete(watcher)
    })
  }

  close(): void {
    this.#unsubscribe()
    clearInterval(this.#timer)
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.end()
    this.#watchers.clear()
  }

  /** What comes before the live events: all there is, or what was missed. False if the watch has ended with that. */
  #begin(watcher: Watcher): boolean {
    const { kind, namespace, selects, options } = watcher.request
    const { resourceVersion: since = 0, sendInitialEvents } = options
    const initial = sendInitialEvents ?? since === 0
    if (initial) {
      for (const object of this.#store.list(kind.resource, namespace))
        if (selects(object)) watcher.send('ADDED', object)
      if (sendInitialEvents === true && options.bookmarks) watcher.bookmark(this.#store.resourceVersion, true)
      return true
    }
    if (since === 0) return true
    try {
      for (const event of this.#store.eventsSince(kind.resource, since)) watcher.offer(event, new Frames())
      return true
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      watcher.send('ERROR', error.status)
      watcher.end()
      return false
    }
  }

  #releaseSoon(watcher: Watcher): void {
    this.#written.push(watcher)
    if (this.#written.length === 1) process.nextTick(() => this.#release())
  }

  #release(): void {
    const watchers = this.#written
    this.#written = []
    try {
      this.#beforeAnswer()
    } catch (error) {
      this.#onError(error)
      for (const watcher of watchers) watcher.cutOff()
      return
    }
    for (const watcher of watchers) watcher.release()
  }

  /** Ends the watches of a resource that is no longer served. */
  #endAll(resource: string): void {
    for (const watcher of this.#watchers.get(resource) ?? []) watcher.end()
    this.#watchers.delete(resource)
  }

  #bookmarkAll(): void {
    for (const watchers of this.#watchers.values())
      for (const watcher of watchers)
        if (watcher.request.options.bookmarks) watcher.bookmark(this.#store.resourceVersion)
  }
}
