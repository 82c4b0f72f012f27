import type { SubjectState } from './subjects.ts'
import { type Change, type Item, itemId, type KindSpec, type KnownItems, type Subject } from './types.ts'

/** One kind of a part, with all that is wanted or there of it. */
export interface Kind {
  readonly name: string
  readonly spec: KindSpec
  readonly entries: Map<string, Entry>
}

/** What is wanted under one kind and key, and what was last acknowledged there. */
export interface Entry {
  readonly kind: Kind
  readonly key: string
  want: Item | undefined
  /** Who wants it; of a shared item, one of those who do. */
  owner: Subject | undefined
  /** Who else wants a shared item. */
  others: Set<Subject> | undefined
  have: Item | undefined
  haveOwner: Subject | undefined
  /** Set while `want` and `have` differ: the subject whose plan or loss made them differ. */
  dirtyBy: SubjectState | undefined
  /** How many plans list it. Only what no plan lists and nobody has may be forgotten. */
  refs: number
  /** Scratch of whoever walks a set of entries: a stamp, and a position. */
  mark: number
  slot: number
  /** The last audit that need not look at it any more, for it saw it, or it was written meanwhile: see `seen` and `written`. */
  audited: number
}

/** Marks of audit number `serial`, for Entry.audited: what is not below `seen` is done with, and `written` cannot be judged. */
export const seen = (serial: number): number => 2 * serial
export const written = (serial: number): number => 2 * serial + 1

/** All entries of one reconciler, and which of them differ. */
export class Entries implements KnownItems {
  readonly #kinds = new Map<string, Kind>()
  /** Subjects that have something to write. */
  readonly ready = new Set<SubjectState>()
  /** Entries that are there. */
  have = 0
  /** Entries that differ. */
  dirty = 0
  /** Removals, for the sake of their effects, of what was wanted or there, and left without a write of ours. */
  givenUp: Change[] = []
  #stamp = 0
  #keepIdle = false

  constructor(kinds: Readonly<Record<string, KindSpec>>) {
    for (const [name, spec] of Object.entries(kinds)) this.#kinds.set(name, { name, spec, entries: new Map() })
  }

  /** A number that no entry is marked with yet, nor with the one after it. */
  stamp(): number {
    this.#stamp += 2
    return this.#stamp
  }

  find(kind: string, key: string): Entry | undefined {
    return this.#kinds.get(kind)?.entries.get(key)
  }

  /** The entry of an item, made if need be. */
  at(item: { kind: string; key: string }): Entry {
    const kind = this.#kind(item.kind)
    let entry = kind.entries.get(item.key)
    if (entry === undefined) kind.entries.set(item.key, (entry = newEntry(kind, item.key)))
    return entry
  }

  *all(): Generator<Entry> {
    for (const { entries } of this.#kinds.values()) yield* entries.values()
  }

  get(kind: string, key: string): Item | undefined {
    const entry = this.find(kind, key)
    return entry?.want ?? entry?.have
  }

  *ofKind(kind: string): Generator<Item> {
    for (const { want, have } of this.#kinds.get(kind)?.entries.values() ?? []) {
      if (want !== undefined) yield want
      if (have !== undefined && have.value !== want?.value) yield have
    }
  }

  /** What is there now under this entry; follow with refresh(). */
  setHave(entry: Entry, item: Item | undefined, owner: Subject | undefined): void {
    this.have += Number(item !== undefined) - Number(entry.have !== undefined)
    entry.have = item
    entry.haveOwner = owner
  }

  /** To be called when `want` or `have` changed: `by` is the subject that shall write the difference, if there is one. */
  refresh(entry: Entry, by: SubjectState): void {
    if (entry.want?.value === entry.have?.value) {
      // Equal, whoever has it: an owner is not worth a write, and passes on.
      if (entry.want !== undefined) entry.haveOwner = entry.kind.spec.shared ? undefined : entry.owner
      this.#setDirty(entry, undefined)
    } else if (entry.dirtyBy === by) this.ready.add(by)
    else this.#setDirty(entry, by)
  }

  /** An item leaves as a wish, or by a foreign hand: what was spared for its sake (KnownItems) is due now. */
  giveUp(item: Item, subject: Subject | undefined): void {
    this.givenUp.push(subject === undefined ? { op: 'delete', item } : { op: 'delete', item, subject })
  }

  forgetIfIdle(entry: Entry): void {
    if (entry.refs > 0 || entry.have !== undefined || this.#keepIdle) return
    // Another may have taken its place, while a subject that could not be planned still knows this one.
    const { entries } = entry.kind
    if (entries.get(entry.key) === entry) entries.delete(entry.key)
  }

  /** While an audit reads, entries that were removed meanwhile are kept, for they know that they were. */
  keepIdle(keep: boolean): void {
    this.#keepIdle = keep
    if (!keep) for (const entry of this.all()) this.forgetIfIdle(entry)
  }

  #setDirty(entry: Entry, by: SubjectState | undefined): void {
    const was = entry.dirtyBy
    if (was === by) return
    // It waits for nothing any longer, perhaps for a retry: the next run sees to that.
    if (was !== undefined && --was.dirtyCount === 0) this.ready.add(was)
    entry.dirtyBy = by
    this.dirty += Number(by !== undefined) - Number(was !== undefined)
    if (by === undefined) return
    by.dirtyCount++
    if (by.dirty === undefined) by.dirty = [entry]
    else by.dirty.push(entry)
    this.ready.add(by)
  }

  #kind(name: string): Kind {
    let kind = this.#kinds.get(name)
    if (kind === undefined) this.#kinds.set(name, (kind = { name, spec: { stage: 0 }, entries: new Map() }))
    return kind
  }
}

/** Its kind and key in one text, for people and logs. */
export const entryId = ({ kind, key }: Entry): string => itemId({ kind: kind.name, key })

const newEntry = (kind: Kind, key: string): Entry => ({
  kind,
  key,
  want: undefined,
  owner: undefined,
  others: undefined,
  have: undefined,
  haveOwner: undefined,
  dirtyBy: undefined,
  refs: 0,
  mark: 0,
  slot: 0,
  audited: 0,
})
