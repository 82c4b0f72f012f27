/** One named index of a store: value → the objects found under it, in the order they came. */
export class Index<T> {
  readonly #valuesOf: (object: T) => readonly string[]
  readonly #buckets = new Map<string, Map<string, T>>()

  constructor(valuesOf: (object: T) => readonly string[]) {
    this.#valuesOf = valuesOf
  }

  objects(value: string): readonly T[] {
    const bucket = this.#buckets.get(value)
    return bucket ? [...bucket.values()] : []
  }

  keys(value: string): readonly string[] {
    const bucket = this.#buckets.get(value)
    return bucket ? [...bucket.keys()] : []
  }

  /** Moves `key` from the values of `old` to those of `now`. */
  replace(key: string, old: T | undefined, now: T | undefined): void {
    const added = now === undefined ? [] : this.#valuesOf(now)
    const removed = old === undefined ? [] : this.#valuesOf(old)
    for (const value of removed) if (!added.includes(value)) this.#remove(value, key)
    for (const value of added) this.#add(value, key, now as T)
  }

  #add(value: string, key: string, object: T): void {
    const bucket = this.#buckets.get(value)
    if (bucket) bucket.set(key, object)
    else this.#buckets.set(value, new Map([[key, object]]))
  }

  #remove(value: string, key: string): void {
    const bucket = this.#buckets.get(value)
    if (bucket?.delete(key) && bucket.size === 0) this.#buckets.delete(value)
  }
}
