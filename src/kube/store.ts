import { WeftError } from '../model/error.ts'
import { Index } from './store-index.ts'

/** One key's change since the last delivery; `undefined` is "not there". */
export interface Change<T> {
  old: T | undefined
  now: T | undefined
}

export type Changes<T> = ReadonlyMap<string, Change<T>>

export type ChangeListener<T> = (changes: Changes<T>) => void

/** Told of values that came and went between two deliveries. */
export type PassedListener<T> = (passed: readonly (readonly [key: string, object: T])[]) => void

export interface StoreOptions<T> {
  /** Name → the values that an object is found under; pure, over fields that `equal` looks at. */
  indexes?: Record<string, (object: T) => readonly string[]>
  /** True if an update changes nothing relevant: then the stored object stays as it is. Identity when absent. */
  equal?: (a: T, b: T) => boolean
  /** How a delivery is put off; `setImmediate` when absent. */
  schedule?: (deliver: () => void) => void
}

interface Subscription<T> {
  readonly listener: ChangeListener<T>
  /** Nothing has been delivered to it yet: its first batch is everything there is. */
  fresh: boolean
}

/**
 * Objects by key (`namespace/name` or `name`), with named indexes and coalesced changes. Objects are values: never changed in place.
 *
 * Reads see every write at once. Listeners hear of writes once per macrotask, several changes of one key merged into one (old: as last
 * delivered; now: newest; what cancels out is left out), and of nothing before the first `replaceAll`. A listener's first batch holds all
 * objects as additions, whenever it subscribed, and is delivered even when there are none: it says that the list is complete.
 */
export class ObjectStore<T> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<string, Index<T>>()
  readonly #equal: (a: T, b: T) => boolean
  readonly #schedule: (deliver: () => void) => void
  readonly #subscriptions = new Set<Subscription<T>>()
  readonly #passedListeners = new Set<PassedListener<T>>()
  /** Values that came and went since the last delivery, if anybody asks for them. */
  #passed: [key: string, object: T][] = []
  /** Key → the value last delivered. */
  #before = new Map<string, T | undefined>()
  /** Keys written more than once since then: only those may be back where they were. */
  #again = new Set<string>()
  #scheduled = false
  #synced = false

  constructor(options: StoreOptions<T> = {}) {
    for (const [name, valuesOf] of Object.entries(options.indexes ?? {})) this.#indexes.set(name, new Index(valuesOf))
    this.#equal = options.equal ?? Object.is
    this.#schedule = options.schedule ?? ((deliver) => void setImmediate(deliver))
  }

  /** Whether a first list is complete. Never goes back to false. */
  get synced(): boolean {
    return this.#synced
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  entries(): IterableIterator<[string, T]> {
    return this.#objects.entries()
  }

  /** @throws WeftError STORE_INDEX_UNKNOWN if the store was made without that index. */
  byIndex(index: string, value: string): readonly T[] {
    const keys = this.#index(index).keys(value)
    return keys.map((key) => this.#objects.get(key) as T)
  }

  /** The keys of `byIndex`'s objects, in the same order. */
  keysByIndex(index: string, value: string): readonly string[] {
    return this.#index(index).keys(value)
  }

  set(key: string, object: T): void {
    const old = this.#objects.get(key)
    if (old !== undefined && this.#equal(old, object)) return
    for (const index of this.#indexes.values()) index.replace(key, old, object)
    this.#objects.set(key, object)
    this.#touch(key, old)
  }

  delete(key: string): void {
    const old = this.#objects.get(key)
    if (old === undefined) return
    for (const index of this.#indexes.values()) index.replace(key, old, undefined)
    this.#objects.delete(key)
    this.#touch(key, old)
  }

  /** A complete list: sets all that is in it, deletes all that is not, and marks the store as synced. */
  replaceAll(list: Iterable<readonly [key: string, object: T]>): void {
    const next = new Map(list)
    for (const key of this.#objects.keys()) if (!next.has(key)) this.delete(key)
    for (const [key, object] of next) this.set(key, object)
    if (this.#synced) return
    this.#synced = true
    this.#wake()
  }

  /** Subscribes; returns the unsubscribe function. An exception of a listener surfaces as uncaught, after the others were called. */
  onChange(listener: ChangeListener<T>): () => void {
    const subscription: Subscription<T> = { listener, fresh: true }
    this.#subscriptions.add(subscription)
    if (this.#synced) this.#wake()
    return () => void this.#subscriptions.delete(subscription)
  }

  /**
   * Subscribes to what changes leave out: values that were replaced before anybody was told of them. Reads see them, so what was worked out from one, because another store
   * had news, has to be worked out again. Called before the listeners of the same delivery; returns the unsubscribe function.
   */
  onPassed(listener: PassedListener<T>): () => void {
    this.#passedListeners.add(listener)
    return () => void this.#passedListeners.delete(listener)
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name)
    if (index) return index
    throw new WeftError(`the store has no index "${name}"`, {
      code: 'STORE_INDEX_UNKNOWN',
      fault: 'internal',
      where: name,
    })
  }

  #touch(key: string, old: T | undefined): void {
    if (!this.#synced) return
    if (this.#before.has(key)) {
      this.#again.add(key)
      if (old !== undefined && this.#passedListeners.size > 0) this.#passed.push([key, old])
    } else this.#before.set(key, old)
    this.#wake()
  }

  #wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#schedule(() => this.#deliver())
  }

  /** All batches are made before the first listener is called: what a listener writes belongs to the next delivery, for everyone. */
  #deliver(): void {
    this.#scheduled = false
    const changes = this.#drain()
    const subscriptions = Array.from(this.#subscriptions)
    const everything = subscriptions.some(({ fresh }) => fresh) ? this.#everything() : changes
    const errors: unknown[] = []
    const passed = this.#passed.splice(0)
    for (const listener of passed.length === 0 ? [] : this.#passedListeners) attempt(() => listener(passed), errors)
    for (const subscription of subscriptions) {
      const batch = subscription.fresh ? everything : changes
      const nothingNew = !subscription.fresh && changes.size === 0
      subscription.fresh = false
      if (nothingNew || !this.#subscriptions.has(subscription)) continue
      attempt(() => subscription.listener(batch), errors)
    }
    if (errors.length > 0) throw errors[0]
  }

  #drain(): Changes<T> {
    const before = this.#before
    const again = this.#again
    this.#before = new Map()
    this.#again = new Set()
    const changes = new Map<string, Change<T>>()
    for (const [key, old] of before) {
      const now = this.#objects.get(key)
      if (!again.has(key) || !this.#same(old, now)) changes.set(key, { old, now })
    }
    return changes
  }

  #same(old: T | undefined, now: T | undefined): boolean {
    if (old === undefined || now === undefined) return old === now
    return this.#equal(old, now)
  }

  #everything(): Changes<T> {
    const changes = new Map<string, Change<T>>()
    for (const [key, now] of this.#objects) changes.set(key, { old: undefined, now })
    return changes
  }
}

function attempt(call: () => void, errors: unknown[]): void {
  try {
    call()
  } catch (error) {
    errors.push(error)
  }
}

/**
 * onChange for who plans from several stores: a value that came and went between two deliveries is told as well, as a change from it to what is there now. Without that a
 * plan that read it, when another store had news, would never be made again.
 */
export function followStore<T>(store: ObjectStore<T>, listener: ChangeListener<T>): () => void {
  const stops = [
    store.onPassed((passed) => {
      for (const [key, old] of passed) listener(new Map([[key, { old, now: store.get(key) }]]))
    }),
    store.onChange(listener),
  ]
  return () => stops.forEach((stop) => stop())
}
