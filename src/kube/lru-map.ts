/** A map that forgets what was used least recently once it holds more than `limit` entries. */
export class LruMap<V> {
  readonly #limit: number
  readonly #entries = new Map<string, V>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  /** Makes the entry the most recent one; made by `make` if there is none. */
  use(key: string, make: () => V): V {
    const value = this.#entries.get(key) ?? make()
    this.#entries.delete(key)
    this.#entries.set(key, value)
    this.#forget()
    return value
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  #forget(): void {
    if (this.#entries.size <= this.#limit) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
