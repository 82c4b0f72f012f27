import type { ApiStore, KubeObject, StoreEvent } from '../api/types.ts'
import { keyOf } from './objects.ts'

/** The values under which an object is found in one index. */
export type IndexBy<T> = (object: T) => readonly string[]

/** What a listener is told: the object as it is now (undefined after a deletion) and as it was before. */
export interface Change<T> {
  now: T | undefined
  before: T | undefined
}

/**
 * The objects of one resource with indexes over them, kept by the store's events. Those come synchronously, so a cache is never behind its
 * store: a controller sees its own writes at once and needs no expectations.
 */
export class Cache<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<string, { by: IndexBy<T>; buckets: Map<string, Map<string, T>> }>()
  readonly #listeners: ((change: Change<T>) => void)[] = []

  constructor(indexes: Record<string, IndexBy<T>> = {}) {
    for (const [name, by] of Object.entries(indexes)) this.#indexes.set(name, { by, buckets: new Map() })
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  /** The objects that an index (by the name it was given) has under a value, in no particular order. */
  indexed(index: string, value: string): T[] {
    return [...this.scan(index, value)]
  }

  /** Like `indexed`, without a copy: nothing may be written to the store while it is read. */
  scan(index: string, value: string): Iterable<T> {
    return this.#indexes.get(index)?.buckets.get(value)?.values() ?? []
  }

  /** How many objects an index has under a value. */
  count(index: string, value: string): number {
    return this.#indexes.get(index)?.buckets.get(value)?.size ?? 0
  }

  /** Told of every later change; `replay` tells of what is there already. */
  onChange(listener: (change: Change<T>) => void): void {
    this.#listeners.push(listener)
  }

  /** Told the key of whatever comes, changes or goes. */
  onKey(listener: (key: string) => void): void {
    this.onChange(({ now, before }) => {
      const object = now ?? before
      if (object !== undefined) listener(keyOf(object))
    })
  }

  replay(): void {
    for (const object of this.#objects.values()) this.#tell({ now: object, before: undefined })
  }

  apply(event: Pick<StoreEvent, 'type' | 'object'>): void {
    const now = event.type === 'DELETED' ? undefined : (event.object as T)
    this.#tell({
      now,
      before: this.set(keyOf(event.object), now) ?? (now === undefined ? (event.object as T) : undefined),
    })
  }

  /** Replaces what is under a key, without telling; returns what was there. */
  set(key: string, now: T | undefined): T | undefined {
    const before = this.#objects.get(key)
    if (now === undefined) this.#objects.delete(key)
    else this.#objects.set(key, now)
    for (const { by, buckets } of this.#indexes.values()) {
      if (before !== undefined) for (const value of by(before)) removeFrom(buckets, value, key)
      if (now !== undefined) for (const value of by(now)) addTo(buckets, value, key, now)
    }
    return before
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change)
  }
}

function addTo<T>(buckets: Map<string, Map<string, T>>, value: string, key: string, object: T): void {
  const bucket = buckets.get(value)
  if (bucket === undefined) buckets.set(value, new Map([[key, object]]))
  else bucket.set(key, object)
}

function removeFrom<T>(buckets: Map<string, Map<string, T>>, value: string, key: string): void {
  const bucket = buckets.get(value)
  if (bucket === undefined) return
  bucket.delete(key)
  if (bucket.size === 0) buckets.delete(value)
}

interface Fed {
  apply(event: Pick<StoreEvent, 'type' | 'object'>): void
  set(key: string, now: KubeObject | undefined): unknown
}

/** Fills the caches (by resource) from a list and keeps them by the store's events. Returns what ends that. */
export function feedCaches(store: ApiStore, caches: Record<string, Fed>): () => void {
  for (const [resource, cache] of Object.entries(caches)) {
    for (const object of store.list(resource)) cache.set(keyOf(object), object)
  }
  return store.subscribe((event) => caches[event.resource]?.apply(event))
}
