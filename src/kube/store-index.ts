/** Where few are found under most values, one key alone is worth a quarter of a set. */
type Bucket = string | Set<string>

/** One named index of a store: value → the keys of the objects found under it, in the order they came. */
export class Index<T> {
  readonly #valuesOf: (object: T) => readonly string[]
  readonly #buckets = new Map<string, Bucket>()

  constructor(valuesOf: (object: T) => readonly string[]) {
    this.#valuesOf = valuesOf
  }

  keys(value: string): readonly string[] {
    const bucket = this.#buckets.get(value)
    if (bucket === undefined) return []
    return typeof bucket === 'string' ? [bucket] : [...bucket]
  }

  /** Moves `key` from the values of `old` to those of `now`. */
  replace(key: string, old: T | undefined, now: T | undefined): void {
    const added = now === undefined ? [] : this.#valuesOf(now)
    const removed = old === undefined ? [] : this.#valuesOf(old)
    for (const value of removed) if (!added.includes(value)) this.#remove(value, key)
    for (const value of added) this.#add(value, key)
  }

  #add(value: string, key: string): void {
    const bucket = this.#buckets.get(value)
    if (bucket === undefined) this.#buckets.set(value, key)
    else if (typeof bucket !== 'string') bucket.add(key)
    else if (bucket !== key) this.#buckets.set(value, new Set([bucket, key]))
  }

  #remove(value: string, key: string): void {
    const bucket = this.#buckets.get(value)
    if (bucket === key) this.#buckets.delete(value)
    else if (typeof bucket === 'object' && bucket.delete(key) && bucket.size === 0) this.#buckets.delete(value)
  }
}
