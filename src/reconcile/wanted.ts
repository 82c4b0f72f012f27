import { Claims, sameRank } from './claims.ts'
import { type Entries, type Entry, entryId } from './entries.ts'
import { none, type SubjectState, type Subjects } from './subjects.ts'
import { type Delta, type Item, itemId, type Rank, type Refusal } from './types.ts'

/** A plan that cannot stand beside the others: the same key twice, or one that belongs to another subject without a claim. */
export class PlanConflict extends Error {
  override readonly name = 'PlanConflict'
}

/**
 * Who wants what, and who may have it. A loser's items under a claim are not wanted, and become so when the winner leaves. Every change is
 * marked in the entries.
 */
export class WantedItems {
  readonly #entries: Entries
  readonly #subjects: Subjects
  readonly #claims: Claims

  constructor(entries: Entries, subjects: Subjects) {
    this.#entries = entries
    this.#subjects = subjects
    this.#claims = new Claims((claim, from, to) => {
      if (from !== undefined) this.#setActive(from, claim, false)
      this.#setActive(to, claim, true)
    })
  }

  /** Replaces what a subject wants. @throws PlanConflict; then nothing has changed. */
  replace(state: SubjectState, planned: readonly Item[], rank: Rank): void {
    const mark = this.#entries.stamp()
    const kept = mark + 1
    const entries = this.#enter(state, planned, mark)
    const items = planned.slice()
    const left = this.#dropOld(state, items, entries, mark)
    const claims = claimsOf(items)
    const { claims: claimsBefore, rank: rankBefore } = state
    state.items = items
    state.entries = entries
    state.claims = claims
    state.rank = rank
    state.planned = true
    if (claims.length + claimsBefore.length > 0) this.#contend(state, claimsBefore, !sameRank(rankBefore, rank))
    for (let index = 0; index < entries.length; index++) {
      const [entry, item] = [entries[index] as Entry, items[index] as Item]
      if (entry.mark !== kept && this.#holds(state, item)) this.#add(entry, item, state)
    }
    for (const entry of left) this.#entries.forgetIfIdle(entry)
  }

  /** Changes what a subject wants by the difference to its last plan. Costs the difference. @throws PlanConflict; then nothing has changed. */
  patch(state: SubjectState, { remove, add }: Delta, rank: Rank): void {
    if (!state.planned || !sameRank(state.rank, rank)) throw new PlanConflict('a difference to another plan')
    const removed = this.#entries.stamp()
    const positions = remove.map((item) => this.#planned(state, item, removed)).toSorted((a, b) => b - a)
    const added = this.#enterMore(state, add, removed)
    const left = positions.map((position) => this.#dropAt(state, position))
    for (const [index, entry] of added.entries()) {
      const item = add[index] as Item
      entry.refs++
      state.entries.push(entry)
      state.items.push(item)
      this.#add(entry, item, state)
    }
    for (const entry of left) this.#entries.forgetIfIdle(entry)
  }

  /** Where the subject has an item, whose entry is marked. @throws PlanConflict */
  #planned(state: SubjectState, item: Item, mark: number): number {
    const entry = this.#entries.find(item.kind, item.key)
    const position = entry === undefined || entry.mark === mark ? -1 : state.entries.lastIndexOf(entry)
    if (entry === undefined || position < 0) throw new PlanConflict(`${itemId(item)} was not planned, and cannot leave`)
    if (state.items[position]?.claim !== undefined) throw new PlanConflict(`${itemId(item)} stands under a claim`)
    entry.mark = mark
    return position
  }

  #enterMore(state: SubjectState, add: readonly Item[], removed: number): Entry[] {
    const added = removed + 1
    const entries: Entry[] = []
    for (const item of add) {
      const entry = this.#entries.at(item)
      const twice = entry.mark === added || (entry.mark !== removed && entry.refs > 0 && state.entries.includes(entry))
      const conflict =
        twice || item.claim !== undefined
          ? `a difference cannot add ${itemId(item)}`
          : conflictOf(entry, item, state, added)
      entries.push(entry)
      entry.mark = added
      if (conflict === undefined) continue
      for (const one of entries) this.#entries.forgetIfIdle(one)
      throw new PlanConflict(conflict)
    }
    return entries
  }

  /** The last item takes the place of the one that leaves. */
  #dropAt(state: SubjectState, position: number): Entry {
    const entry = state.entries[position] as Entry
    const [lastEntry, lastItem] = [state.entries.pop() as Entry, state.items.pop() as Item]
    if (position < state.entries.length) {
      state.entries[position] = lastEntry
      state.items[position] = lastItem
    }
    entry.refs--
    this.#remove(entry, state)
    if (entry.have !== undefined && entry.haveOwner === state.subject) (state.leaving ??= []).push(entry)
    return entry
  }

  /** One refusal for each claim that a subject lost. */
  lostClaims(): Iterable<Refusal> {
    return this.#claims.lost()
  }

  /** Whether all that a subject wants and may have is there. */
  isThere(state: SubjectState): boolean {
    return state.entries.every((entry, index) => {
      const mine = entry.owner === state.subject || entry.others?.has(state.subject)
      return !mine || (entry.dirtyBy === undefined && entry.have?.value === state.items[index]?.value)
    })
  }

  /** The entries of a plan, marked and counted, each with its position. */
  #enter(state: SubjectState, planned: readonly Item[], mark: number): Entry[] {
    const entries = new Array<Entry>(planned.length)
    for (let index = 0; index < planned.length; index++) {
      const item = planned[index] as Item
      const entry = this.#entries.at(item)
      const conflict = conflictOf(entry, item, state, mark)
      if (conflict !== undefined) {
        for (let undo = 0; undo < index; undo++) (entries[undo] as Entry).refs--
        for (let undo = 0; undo < index; undo++) this.#entries.forgetIfIdle(entries[undo] as Entry)
        this.#entries.forgetIfIdle(entry)
        throw new PlanConflict(conflict)
      }
      entry.mark = mark
      entry.slot = index
      entry.refs++
      entries[index] = entry
    }
    return entries
  }

  /** Gives up what is no longer planned; what stays keeps its old object, so that the new one is garbage while it is young. Returns the entries left. */
  #dropOld(state: SubjectState, items: Item[], entries: readonly Entry[], mark: number): readonly Entry[] {
    const left: Entry[] = []
    for (let index = 0; index < state.entries.length; index++) {
      const [entry, item] = [state.entries[index] as Entry, state.items[index] as Item]
      if (state.planned) entry.refs--
      const stays = entry.mark === mark && entries[entry.slot] === entry
      if (stays && state.planned && same(items[entry.slot] as Item, item)) {
        items[entry.slot] = item
        entry.mark = mark + 1
        continue
      }
      if (state.planned && this.#holds(state, item)) this.#remove(entry, state)
      if (entry.have !== undefined && entry.haveOwner === state.subject) (state.leaving ??= []).push(entry)
      if (!stays) left.push(entry)
    }
    return left
  }

  #contend(state: SubjectState, before: readonly string[], rankChanged: boolean): void {
    const { claims } = state
    for (const claim of before) if (!claims.includes(claim)) this.#claims.leave(claim, state)
    for (const claim of claims) if (rankChanged || !before.includes(claim)) this.#claims.contend(claim, state)
  }

  /** A former winner's items under a claim leave, or a promoted one's come. */
  #setActive(state: SubjectState, claim: string, active: boolean): void {
    for (const [index, entry] of state.entries.entries()) {
      const item = state.items[index] as Item
      if (item.claim !== claim) continue
      if (active) this.#add(entry, item, state)
      else {
        this.#remove(entry, state)
        if (entry.have !== undefined && entry.haveOwner === state.subject) (state.leaving ??= []).push(entry)
      }
    }
  }

  #holds(state: SubjectState, item: Item): boolean {
    return item.claim === undefined || this.#claims.holds(state, item.claim)
  }

  #add(entry: Entry, item: Item, state: SubjectState): void {
    const { subject } = state
    if (entry.want !== undefined && entry.owner !== subject) {
      if (!entry.kind.spec.shared) {
        throw new Error(
          `${subject} and ${entry.owner} want ${entryId(entry)} under different claims: the plan is wrong`,
        )
      }
      ;(entry.others ??= new Set()).add(subject)
      return
    }
    entry.want = item
    entry.owner = subject
    this.#entries.refresh(entry, this.#subjects.writerFor(entry, state))
  }

  #remove(entry: Entry, state: SubjectState): void {
    const { others } = entry
    if (others?.delete(state.subject)) {
      if (others.size === 0) entry.others = undefined
      return
    }
    if (entry.owner !== state.subject) return
    const [heir] = others ?? none
    entry.owner = heir
    if (heir !== undefined && others?.delete(heir)) {
      if (others.size === 0) entry.others = undefined
      // Written with the heir from now on, should it not have been written yet.
      this.#entries.refresh(entry, this.#subjects.writerFor(entry, this.#subjects.at(heir)))
      return
    }
    const { want, have } = entry
    if (want !== undefined && want.value !== have?.value) this.#entries.giveUp(want, state.subject)
    entry.want = undefined
    this.#entries.refresh(entry, this.#subjects.writerFor(entry, state))
  }
}

function conflictOf(entry: Entry, item: Item, state: SubjectState, mark: number): string | undefined {
  if (entry.mark === mark) return `the plan wants ${entryId(entry)} twice`
  if (entry.want === undefined || entry.kind.spec.shared) {
    const alone = entry.want === undefined || (entry.owner === state.subject && entry.others === undefined)
    return alone || entry.want?.value === item.value ? undefined : `${entryId(entry)} is shared, with another value`
  }
  if (item.claim !== undefined || entry.owner === state.subject) return undefined
  return `${entryId(entry)} belongs to ${entry.owner}, and there is no claim to it`
}

function claimsOf(items: readonly Item[]): readonly string[] {
  let claims: string[] | undefined
  for (const { claim } of items) {
    if (claim === undefined || claims?.includes(claim)) continue
    if (claims === undefined) claims = [claim]
    else claims.push(claim)
  }
  // Without the room that push leaves.
  return claims?.slice() ?? none
}

const same = (a: Item, b: Item): boolean => a.value === b.value && a.claim === b.claim
