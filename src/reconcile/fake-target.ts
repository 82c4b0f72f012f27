import { type Change, ContainerLost, type FoundItem, itemId, type Subject, type Target } from './types.ts'

/**
 * A target with the semantics of the kernel's sets: a batch is applied whole or not at all, adding what is there with another value is EEXIST,
 * deleting what is absent is ENOENT. It can refuse subjects, lose everything, and be changed by a foreign hand.
 */
export class FakeTarget implements Target {
  items = new Map<string, FoundItem>()
  /** Every batch that was applied, oldest first. */
  batches: (readonly Change[])[] = []
  /** Batches with a change of one of these subjects fail. */
  refuses = new Set<Subject>()
  /** Kinds whose items carry their owner. */
  readonly owned: ReadonlySet<string>
  #exists: boolean
  #touched = false

  constructor(owned: Iterable<string>, exists = false) {
    this.owned = new Set(owned)
    this.#exists = exists
  }

  async prepare(): Promise<'kept' | 'lost'> {
    const kept = this.#exists
    this.#exists = true
    this.#touched = false
    return kept ? 'kept' : 'lost'
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    const all = [...this.items.values()]
    for (let at = 0; at < all.length; at += 7) {
      yield all.slice(at, at + 7)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  apply(changes: readonly Change[]): void {
    if (!this.#exists) throw new ContainerLost('the fake table is gone')
    const next = new Map(this.items)
    for (const { op, item, subject } of changes) {
      if (subject !== undefined && this.refuses.has(subject)) throw new Error(`EINVAL: ${subject} is refused`)
      const id = itemId(item)
      const there = next.get(id)
      if (op === 'delete') {
        if (there === undefined) throw new Error(`ENOENT: ${id}`)
        next.delete(id)
        continue
      }
      if (there !== undefined && there.value !== item.value) throw new Error(`EEXIST: ${id}`)
      const { kind, key, value, note } = item
      const owner = { ...(subject === undefined ? {} : { subject }), ...(note === undefined ? {} : { note }) }
      next.set(id, { kind, key, value, ...(this.owned.has(kind) ? owner : {}) })
    }
    this.items = next
    this.batches.push(changes)
  }

  async finish(): Promise<void> {}

  touchedByOthers(): boolean {
    const touched = this.#touched
    this.#touched = false
    return touched
  }

  /** Somebody flushed the whole ruleset. */
  lose(): void {
    this.items.clear()
    this.#exists = false
    this.#touched = true
  }

  /** Somebody else writes or removes one item. */
  foreign(id: string, item: FoundItem | undefined): void {
    if (!this.#exists) return
    if (item === undefined) this.items.delete(id)
    else this.items.set(id, item)
    this.#touched = true
  }
}
