import type { ServerResponse } from 'node:http'
import type { Form } from './accept.ts'
import type { Json } from './access.ts'
import { bytesOf, type IncludeObject, partial, served, table, tableMeta } from './encoding.ts'
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

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

/** Bytes that may wait for a client beyond the initial events before it is cut off. */
const maxWaitingBytes = 16 * 1024 * 1024
const bookmarkMs = 30_000
const lastBookmarkSeconds = 2
/** A watch without a time limit of its own ends after this and at most twice this, as with a real server. */
const defaultSeconds = 1800

const eventsEnd = Buffer.from('}\n')

/** One client's watch. */
class Watcher {
  readonly request: WatchRequest
  readonly #response: ServerResponse
  #columnsSent = false
  #allowance = maxWaitingBytes
  #corked = false

  constructor(request: WatchRequest, response: ServerResponse) {
    this.request = request
    this.#response = response
  }

  /** Sends an event of the store, if it concerns this watch; leaving or entering the selection is DELETED or ADDED. */
  offer({ type, object, old }: StoreEvent): void {
    const { namespace, selects } = this.request
    if (namespace !== undefined && object.metadata.namespace !== namespace) return
    const before = type !== 'ADDED' && old !== undefined && selects(old)
    if (type === 'DELETED') {
      if (before) this.send('DELETED', object)
      return
    }
    const now = selects(object)
    if (now) this.send(before ? 'MODIFIED' : 'ADDED', object)
    else if (before) this.send('DELETED', asOf(old, object.metadata.resourceVersion))
  }

  /** The initial events may all wait: a client that asked for them gets them. */
  sendInitial(objects: readonly KubeObject[]): void {
    for (const object of objects) this.send('ADDED', object)
    this.#allowance = this.#response.writableLength + maxWaitingBytes
  }

  send(type: EventType, object: Json): void {
    if (this.#response.destroyed || this.#response.writableEnded) return
    this.#cork()
    this.#response.write(
      Buffer.concat([Buffer.from(`{"type":"${type}","object":`), this.#body(type, object), eventsEnd]),
    )
    if (type !== 'ADDED' && this.#response.writableLength > this.#allowance) this.#response.destroy()
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

  end(): void {
    this.#response.end()
  }

  #body(type: EventType, object: Json): Buffer {
    const { kind, form, include } = this.request
    if (type === 'ERROR') return Buffer.from(JSON.stringify(object))
    if (form.type === 'table') {
      const options = { include, version: form.version, now: new Date(), columns: !this.#columnsSent }
      this.#columnsSent = true
      return Buffer.from(JSON.stringify(table(kind, tableMeta(object), [object], options)))
    }
    if (form.type === 'metadata') return Buffer.from(JSON.stringify(partial(object, form.version)))
    return type === 'BOOKMARK' ? Buffer.from(JSON.stringify(served(kind, object))) : bytesOf(kind, object)
  }

  /** Events of one turn of the loop leave in one write. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#response.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#response.uncork()
    })
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

  constructor(store: MemoryStore) {
    this.#store = store
    this.#unsubscribe = store.subscribe((event) => {
      for (const watcher of this.#watchers.get(event.resource) ?? []) watcher.offer(event)
    })
    this.#timer = setInterval(() => this.#bookmarkAll(), bookmarkMs)
    this.#timer.unref()
  }

  /** Answers with a stream of events. The caller has checked the request; an expired version is an event. */
  start(request: WatchRequest, response: ServerResponse): void {
    const watcher = new Watcher(request, response)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    if (!this.#begin(watcher)) return
    const resource = request.kind.plural
    const watchers = this.#watchers.get(resource) ?? new Set()
    this.#watchers.set(resource, watchers.add(watcher))
    const seconds = request.options.timeoutSeconds || defaultSeconds * (1 + Math.random())
    const timers = [setTimeout(() => watcher.end(), seconds * 1000)]
    // A last bookmark shortly before the end, so that the client resumes from there.
    if (request.options.bookmarks && seconds > lastBookmarkSeconds)
      timers.push(
        setTimeout(() => watcher.bookmark(this.#store.resourceVersion), (seconds - lastBookmarkSeconds) * 1000),
      )
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
      watcher.sendInitial(this.#store.list(kind.plural, namespace).filter(selects))
      if (sendInitialEvents === true && options.bookmarks) watcher.bookmark(this.#store.resourceVersion, true)
      return true
    }
    if (since === 0) return true
    try {
      for (const event of this.#store.eventsSince(kind.plural, since)) watcher.offer(event)
      return true
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      watcher.send('ERROR', error.status)
      watcher.end()
      return false
    }
  }

  #bookmarkAll(): void {
    for (const watchers of this.#watchers.values())
      for (const watcher of watchers)
        if (watcher.request.options.bookmarks) watcher.bookmark(this.#store.resourceVersion)
  }
}
