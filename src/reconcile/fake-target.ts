import {
  type Change,
  ContainerLost,
  type Effect,
  type FoundItem,
  type ItemFailure,
  itemId,
  type KnownItems,
  type Prepared,
  type Subject,
  type Target,
} from './types.ts'

export interface FakeOptions {
  /** The containers are there already. */
  exists?: boolean
  /** Whole batches or none of it; otherwise each item is answered by itself. True if absent. */
  transactional?: boolean
  /** The container of a kind's items; one for all if absent. */
  containers?: Readonly<Record<string, string>>
}

/**
 * A target with the semantics of the kernel: adding what is there with another value is EEXIST, deleting what is absent is ENOENT; a batch is applied
 * whole or not at all, or each item is answered by itself. It can refuse subjects and items, lose containers, be changed by a foreign hand, and
 * learns by itself (as conntrack does) each value of the kinds in `learns`, until an effect of that kind makes it forget.
 */
export class FakeTarget implements Target {
  readonly transactional: boolean
  items = new Map<string, FoundItem>()
  /** Every batch that was applied, oldest first. */
  batches: (readonly Change[])[] = []
  /** Changes of these subjects, and of these ids, fail. */
  refuses = new Set<Subject>()
  refusesItems = new Set<string>()
  /** So many of the next batches fail, whatever is in them. */
  failBatches = 0
  /** Batches are applied a little later than they are asked for, and acknowledged later again. */
  slow = false
  /** Called after each batch that was applied. */
  onBatch: (changes: readonly Change[]) => void = () => {}
  /** Kinds whose items carry their owner. */
  readonly owned: ReadonlySet<string>
  /** Ids (kind and value) that were learnt. */
  learnt = new Set<string>()
  learns = new Set<string>()
  /** Runs of effects fail while it is set. */
  effectsFail = false
  readonly #containers: Readonly<Record<string, string>>
  readonly #missing: Set<string>
  #touched = false

  constructor(owned: Iterable<string>, { exists = false, transactional = true, containers = {} }: FakeOptions = {}) {
    this.owned = new Set(owned)
    this.transactional = transactional
    this.#containers = containers
    this.#missing = new Set(exists ? [] : this.#names())
  }

  async prepare(): Promise<Prepared> {
    const lost = [...this.#missing]
    this.#missing.clear()
    this.#touched = false
    if (lost.length === 0) return 'kept'
    return lost.length === this.#names().length ? 'lost' : { lost }
  }

  /** As the kernel's dumps do, without a snapshot: what changes meanwhile may be seen or not. */
  async *read(): AsyncGenerator<FoundItem[]> {
    const ids = [...this.items.keys()]
    for (let at = 0; at < ids.length; at += 7) {
      yield ids.slice(at, at + 7).flatMap((id) => this.items.get(id) ?? [])
      await immediate()
    }
  }

  apply(changes: readonly Change[]): void | ItemFailure[] | Promise<void | ItemFailure[]> {
    return this.slow ? this.#applySlowly(changes) : this.#apply(changes)
  }

  async finish(): Promise<void> {}

  touchedByOthers(): boolean {
    const touched = this.#touched
    this.#touched = false
    return touched
  }

  /** Forgets what was learnt of values that nothing has any longer. */
  async runEffects(effects: readonly Effect[], known: KnownItems): Promise<void> {
    await immediate()
    if (this.effectsFail) throw new Error('EBUSY: effects fail')
    for (const effect of effects) if (!valuesOf(effect.kind, known).has(effect.key)) this.learnt.delete(itemId(effect))
  }

  async *sweep(known: KnownItems): AsyncGenerator<Effect[]> {
    for (const id of Array.from(this.learnt)) {
      const [kind = '', key = ''] = id.split(' ')
      if (!valuesOf(kind, known).has(key)) yield [{ kind, key }]
      await immediate()
    }
  }

  /** Somebody flushed everything, or one container. */
  lose(container?: string): void {
    for (const name of container === undefined ? this.#names() : [container]) this.#missing.add(name)
    for (const [id, { kind }] of this.items) if (this.#missing.has(this.#containerOf(kind))) this.items.delete(id)
    this.#touched = true
  }

  /** Somebody else writes or removes one item. */
  foreign(id: string, item: FoundItem | undefined): void {
    if (item !== undefined && this.#missing.has(this.#containerOf(item.kind))) return
    if (item === undefined) this.items.delete(id)
    else this.items.set(id, item)
    this.#touched = true
  }

  async #applySlowly(changes: readonly Change[]): Promise<void | ItemFailure[]> {
    await immediate()
    const failures = this.#apply(changes)
    await immediate()
    return failures
  }

  #apply(changes: readonly Change[]): void | ItemFailure[] {
    const missing = changes.map(({ item }) => this.#containerOf(item.kind)).filter((name) => this.#missing.has(name))
    if (missing.length > 0) {
      const all = this.#missing.size === this.#names().length
      throw new ContainerLost('the fake container is gone', all ? undefined : [...new Set(missing)])
    }
    if (this.failBatches > 0) {
      this.failBatches--
      throw new Error('ENOBUFS: this batch fails')
    }
    const next = new Map(this.items)
    const failures = this.transactional ? undefined : new Map<string, ItemFailure>()
    for (const change of changes) {
      const id = itemId(change.item)
      const before = this.items.get(id)
      const message = failures?.has(id) ? 'its removal failed' : this.#change(next, change, id)
      if (message === undefined) continue
      if (failures === undefined) throw new Error(message)
      failures.set(id, { change, message })
      // A removal and the addition that follows it succeed or fail as one.
      if (before !== undefined) next.set(id, before)
    }
    this.items = next
    this.batches.push(changes)
    for (const { kind, value } of next.values()) if (this.learns.has(kind)) this.learnt.add(`${kind} ${value}`)
    this.onBatch(changes)
    if (failures !== undefined) return [...failures.values()]
  }

  /** Makes one change, or says in the kernel's words why not. */
  #change(next: Map<string, FoundItem>, { op, item, subject }: Change, id: string): string | undefined {
    if (subject !== undefined && this.refuses.has(subject)) return `EINVAL: ${subject} is refused`
    if (this.refusesItems.has(id)) return `EINVAL: ${id} is refused`
    const there = next.get(id)
    if (op === 'delete') return next.delete(id) ? undefined : `ENOENT: ${id}`
    if (there !== undefined && there.value !== item.value) return `EEXIST: ${id}`
    const { kind, key, value, note } = item
    const owner = { ...(subject === undefined ? {} : { subject }), ...(note === undefined ? {} : { note }) }
    next.set(id, { kind, key, value, ...(this.owned.has(kind) ? owner : {}) })
    return undefined
  }

  #containerOf(kind: string): string {
    return this.#containers[kind] ?? 'everything'
  }

  #names(): string[] {
    const named = new Set(Object.values(this.#containers))
    return named.size === 0 ? ['everything'] : [...named]
  }
}

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function valuesOf(kind: string, known: KnownItems): Set<string> {
  const values = new Set<string>()
  for (const { value } of known.ofKind(kind)) values.add(value)
  return values
}
