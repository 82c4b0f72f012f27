import { type Entry, entryId } from './entries.ts'
import type { Group } from './groups.ts'
import type { Item, Rank, Subject } from './types.ts'

/** A number that a subject holds under a name; `used` is the plan that asked for it last. A chain, since nearly all subjects hold one. */
export interface HeldNumber {
  readonly name: string
  readonly number: number
  used: number
  next: HeldNumber | undefined
}

/** The number that a subject holds under a name, if it does. */
export function heldNumber({ numbers }: SubjectState, name: string): HeldNumber | undefined {
  let held = numbers
  while (held !== undefined && held.name !== name) held = held.next
  return held
}

/** All that is known of one subject. */
export interface SubjectState {
  readonly subject: Subject
  /** False: its items are what adoption found to be its own, not what it wants. */
  planned: boolean
  /** What it wanted last, whether it may have it or not, and the entries of that, in the same order. */
  items: Item[]
  entries: Entry[]
  claims: readonly string[]
  rank: Rank
  numbers: HeldNumber | undefined
  /** The last plan that was taken. */
  plan: number
  /** Plan.more of that plan. */
  more: boolean
  /** Plan.memo of that plan; undefined while another is made. */
  memo: unknown
  /** Its differing entries; some may have been written, or passed on, meanwhile: Entry.dirtyBy tells. */
  dirty: Entry[] | undefined
  dirtyCount: number
  /** What it no longer wants and may still be there under its name: its numbers are not free before. */
  leaving: Entry[] | undefined
  /** Its group while a batch is put together and written. */
  group: Group | undefined
}

const gone: Rank = { gone: true, createdMs: 0, name: '' }

/** The subjects of one reconciler. */
export class Subjects {
  readonly #states = new Map<Subject, SubjectState>()

  get(subject: Subject): SubjectState | undefined {
    return this.#states.get(subject)
  }

  /** The state of a subject, made if need be. */
  at(subject: Subject): SubjectState {
    let state = this.#states.get(subject)
    if (state === undefined) this.#states.set(subject, (state = newState(subject)))
    return state
  }

  /** Who writes a difference that `state` has made: nobody but the entry itself where others lead to it. */
  writerFor(entry: Entry, state: SubjectState): SubjectState {
    return entry.kind.spec.referenced ? this.apartOf(entry) : state
  }

  /** Who writes a difference that no plan has made: who wants it, or had it, or else nobody but the entry itself. */
  writerOf(entry: Entry): SubjectState {
    if (entry.kind.spec.referenced) return this.apartOf(entry)
    const subject = entry.owner ?? entry.haveOwner
    return subject === undefined ? this.apartOf(entry) : this.at(subject)
  }

  /** A subject for this entry alone: what belongs to nobody, or must not wait for somebody. */
  apartOf(entry: Entry): SubjectState {
    return this.at(`* ${entryId(entry)}`)
  }

  /** Nothing wanted, nothing left to write: no need to remember it. */
  forgetIfIdle(state: SubjectState): void {
    if (state.items.length > 0 || state.dirtyCount > 0 || state.leaving !== undefined) return
    if (state.numbers === undefined) this.#states.delete(state.subject)
  }
}

const newState = (subject: Subject): SubjectState => ({
  subject,
  planned: false,
  items: [],
  entries: [],
  claims: none,
  rank: gone,
  numbers: undefined,
  plan: 0,
  more: false,
  memo: undefined,
  dirty: undefined,
  dirtyCount: 0,
  leaving: undefined,
  group: undefined,
})

/** Shared by all that have none. */
export const none: readonly never[] = []
