import { type Item, itemId, type KindSpec, type Rank, type Refusal, type Subject } from './types.ts'

interface SubjectState {
  items: ReadonlyMap<string, Item>
  claims: ReadonlySet<string>
  rank: Rank
}

/** What is wanted under one id: the item, its owner, and for shared kinds how many subjects want it. */
export interface Wanted {
  item: Item
  /** Absent for shared items. */
  subject?: Subject
  count: number
}

const none: SubjectState = { items: new Map(), claims: new Set(), rank: { gone: true, createdMs: 0, name: '' } }

/**
 * Who wants what, and who may have it. A claim is won or lost whole: the loser's items under it are not wanted, and become so when
 * the winner leaves. Every change reports the ids whose wanted state may have changed through `dirty`.
 */
export class WantedItems {
  readonly #kinds: Readonly<Record<string, KindSpec>>
  readonly #dirty: (id: string, subject: Subject) => void
  readonly #subjects = new Map<Subject, SubjectState>()
  readonly #wanted = new Map<string, Wanted>()
  readonly #claims = new Map<string, { winner: Subject; contenders: Set<Subject> }>()

  constructor(kinds: Readonly<Record<string, KindSpec>>, dirty: (id: string, subject: Subject) => void) {
    this.#kinds = kinds
    this.#dirty = dirty
  }

  get(id: string): Wanted | undefined {
    return this.#wanted.get(id)
  }

  ids(): IterableIterator<string> {
    return this.#wanted.keys()
  }

  get size(): number {
    return this.#wanted.size
  }

  /** Items of the subject's last plan, whether it may have them or not. */
  itemsOf(subject: Subject): ReadonlyMap<string, Item> {
    return (this.#subjects.get(subject) ?? none).items
  }

  /** Replaces what a subject wants. Nothing wanted: the subject is forgotten. */
  replace(subject: Subject, planned: readonly Item[], rank: Rank): void {
    const old = this.#subjects.get(subject) ?? none
    const items = new Map<string, Item>()
    const claims = new Set<string>()
    for (const item of planned) {
      items.set(itemId(item), item)
      if (item.claim !== undefined) claims.add(item.claim)
    }
    const kept = new Map<string, Item>()
    for (const [id, item] of old.items) {
      if (same(items.get(id), item)) kept.set(id, item)
      else if (this.#holds(subject, item)) this.#remove(id, subject)
    }
    // While claims change hands the subject stands with what it keeps: only that can be wanted already.
    this.#subjects.set(subject, { items: kept, claims, rank })
    this.#contend(subject, old.claims, claims)
    for (const [id, item] of items) if (!kept.has(id) && this.#holds(subject, item)) this.#add(id, item, subject)
    if (items.size === 0) this.#subjects.delete(subject)
    else this.#subjects.set(subject, { items, claims, rank })
  }

  /** One refusal for each claim that a subject lost. */
  *lostClaims(): Generator<Refusal> {
    for (const [claim, { winner, contenders }] of this.#claims) {
      for (const subject of contenders) {
        if (subject === winner) continue
        yield { subject, reason: 'ClaimedByOlderObject', message: `${claim} belongs to ${winner}, which is older` }
      }
    }
  }

  #contend(subject: Subject, before: ReadonlySet<string>, now: ReadonlySet<string>): void {
    for (const claim of before) if (!now.has(claim)) this.#leave(claim, subject)
    for (const claim of now) {
      const state = this.#claims.get(claim)
      if (state === undefined) {
        this.#claims.set(claim, { winner: subject, contenders: new Set([subject]) })
        continue
      }
      state.contenders.add(subject)
      const loser = state.winner
      state.winner = this.#best(state.contenders)
      if (state.winner === loser) continue
      this.#setActive(loser, claim, false)
      this.#setActive(state.winner, claim, true)
    }
  }

  #leave(claim: string, subject: Subject): void {
    const state = this.#claims.get(claim)
    if (state === undefined) return
    state.contenders.delete(subject)
    if (state.contenders.size === 0) {
      this.#claims.delete(claim)
    } else if (state.winner === subject) {
      state.winner = this.#best(state.contenders)
      this.#setActive(state.winner, claim, true)
    }
  }

  /** A former winner's items under a claim leave, or a promoted one's come. */
  #setActive(subject: Subject, claim: string, active: boolean): void {
    for (const [id, item] of this.itemsOf(subject)) {
      if (item.claim !== claim) continue
      if (active) this.#add(id, item, subject)
      else this.#remove(id, subject)
    }
  }

  #best(contenders: ReadonlySet<Subject>): Subject {
    let best: Subject | undefined
    for (const subject of contenders) if (best === undefined || this.#beats(subject, best)) best = subject
    return best as Subject
  }

  #beats(a: Subject, b: Subject): boolean {
    const x = (this.#subjects.get(a) ?? none).rank
    const y = (this.#subjects.get(b) ?? none).rank
    if (x.gone !== y.gone) return y.gone
    if (x.createdMs !== y.createdMs) return x.createdMs < y.createdMs
    return x.name === y.name ? a < b : x.name < y.name
  }

  #holds(subject: Subject, item: Item): boolean {
    return item.claim === undefined || (this.#claims.get(item.claim)?.winner ?? subject) === subject
  }

  #add(id: string, item: Item, subject: Subject): void {
    const wanted = this.#wanted.get(id)
    if (this.#kinds[item.kind]?.shared) {
      if (wanted !== undefined) {
        wanted.count++
        return
      }
      this.#wanted.set(id, { item, count: 1 })
    } else {
      if (wanted !== undefined && wanted.subject !== subject) {
        throw new Error(`${subject} and ${wanted.subject} want ${id} without a claim: the part's plan is wrong`)
      }
      this.#wanted.set(id, { item, subject, count: 1 })
    }
    this.#dirty(id, subject)
  }

  #remove(id: string, subject: Subject): void {
    const wanted = this.#wanted.get(id)
    if (wanted === undefined) return
    if (--wanted.count > 0) return
    this.#wanted.delete(id)
    this.#dirty(id, subject)
  }
}

const same = (a: Item | undefined, b: Item): boolean => a !== undefined && a.value === b.value && a.claim === b.claim
