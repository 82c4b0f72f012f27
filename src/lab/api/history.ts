import type { StoreEvent } from './types.ts'

/** The latest events of one resource, for watches that resume. */
export class History {
  readonly #limit: number
  #events: StoreEvent[] = []
  #versions: number[] = []
  /** Events up to this version may be gone. */
  #forgotten = 0

  /** `limit`: how many events are kept at least. */
  constructor(limit: number) {
    this.#limit = limit
  }

  add(event: StoreEvent): void {
    this.#events.push(event)
    this.#versions.push(Number(event.object.metadata.resourceVersion))
    if (this.#events.length >= 2 * this.#limit) this.#trim()
  }

  /** Forgets all events, up to a version that was reached. */
  forget(version: number): void {
    this.#events = []
    this.#versions = []
    this.#forgotten = version
  }

  /** Events after a version, oldest first; undefined if some of them are gone. */
  since(version: number): StoreEvent[] | undefined {
    if (version < this.#forgotten) return undefined
    return this.#events.slice(this.#firstAfter(version))
  }

  #firstAfter(version: number): number {
    let low = 0
    let high = this.#versions.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#versions[middle] ?? 0) <= version) low = middle + 1
      else high = middle
    }
    return low
  }

  #trim(): void {
    const drop = this.#events.length - this.#limit
    this.#forgotten = this.#versions[drop - 1] ?? this.#forgotten
    this.#events = this.#events.slice(drop)
    this.#versions = this.#versions.slice(drop)
  }
}
