import type { Entry, Kind } from './entries.ts'
import { backoffMs } from './retry.ts'
import type { SubjectState } from './subjects.ts'
import type { Item, KindSpec, Refusal } from './types.ts'
import { WakeHeap } from './wake-heap.ts'

/** So many repairs in a row are made at once: a boot, a restart of Docker, a reload of a firewall write a setting more than once. */
const freeRepairs = 3
/** What stayed for so long after a repair has ended the row: the next repair is made at once. As long as the longest wait. */
const steadyMs = 60_000
/** What stays for less than this is watched by whoever takes it back: it is as good as never there, and each repair is in vain. */
const watchedMs = 3_000
/** What stays for longer is worth its repair: it is absent for a quarter of the time that it stayed, at most. */
const absentShare = 1 / 4
/** A contest is told until what it is about has stayed for so long. */
const forgetMs = 600_000
/** So many items of a kind are told one by one; of more, the kind. */
const toldAlone = 5
/** Records, at most; the oldest goes first. */
const mostRecords = 10_000

/** Something that others took back, perhaps not for the last time. */
interface Contest {
  readonly kind: string
  /** What stands in the finding as its subject. */
  readonly subject: string
  /** Since `firstMs`, and in the present row. */
  times: number
  row: number
  readonly firstMs: number
  lastMs: number
  /** How long the last repair was put off. */
  waitMs: number
  /** Of a whole kind or container: in how many items it was found last. */
  items: number
  /** As it was when `times` was a power of two last: a message that changes each time would be news, and an Event, each time. */
  message: string
}

export interface ContestsOptions {
  now: () => number
  /** From 0 to 1. */
  random: () => number
  log: (level: 'warn', message: string, fields: Record<string, unknown>) => void
}

/**
 * What another program keeps taking back, how long its repair waits, and what people are told of it.
 *
 * The first repairs of an item are made at once. Where it is taken back again and again without having stayed for a minute in between, each repair waits
 * twice as long as the last one, with jitter, up to a minute: two programs that write against each other gain nothing by speed, and the host suffers (each
 * change of a route has the kernel look up all others anew, each rule needs the lock of iptables). But waiting has its price: what is wanted is absent. So
 * where an item stays for three seconds and more, the wait is no more than a quarter of that: a timer that resets a setting every ten seconds costs a fifth
 * of the time, not nine tenths.
 *
 * Never put off: what was lost with its container (an epoch), what a plan changes, and kinds that are `ours` (KindSpec). In a table of our own nobody else has
 * any business. Whoever empties its sets once a second is an accident or an attacker; no other program works any better for our waiting, and each
 * second of it is traffic that does not arrive, or a protected address that is not protected. Those repairs cost a bounded share of the processor
 * (Scheduler) and are told, by kind: the contest is about a set, not about each of its elements.
 *
 * Pure but for time and chance, which are injected. Forgets everything with the process, and when the clock is set back.
 */
export class Contests {
  readonly #now: () => number
  readonly #random: () => number
  readonly #log: ContestsOptions['log']
  /** By item, kind or container; the one that was found last stands last. */
  readonly #contests = new Map<string, Contest>()
  readonly #held = new WakeHeap<SubjectState>()
  /** Kinds that are ours, of which the audit that is under way has found something. */
  readonly #oursFound = new Map<Kind, { items: number; key: string }>()

  constructor({ now, random, log }: ContestsOptions) {
    this.#now = now
    this.#random = random
    this.#log = log
  }

  /** An audit found something else than was written, and than is wanted. Returns for how long its repair is put off, in milliseconds. */
  found({ kind, key, want }: Entry, found: Item | undefined): number {
    if (kind.spec.ours) {
      const known = this.#oursFound.get(kind)
      if (known === undefined) this.#oursFound.set(kind, { items: 1, key })
      else known.items++
      return 0
    }
    const id = `${kind.name} ${key}`
    const contest = this.#at(id, kind.name, id)
    const [wanted, there] = [want, found].map((item) => (item === undefined ? 'absent' : `"${item.value}"`))
    this.#again(contest, () => `${id} (wanted: ${wanted}, found: ${there})`, kind.spec, true)
    return contest.waitMs
  }

  /** The audit has ended. */
  audited(): void {
    for (const [{ name, spec }, { items, key }] of this.#oursFound) {
      const contest = this.#at(name, name, name)
      contest.items = items
      this.#again(contest, () => `elements of ${name}, such as ${key}`, spec)
    }
    this.#oursFound.clear()
  }

  /** A container that others removed, with all that it held. Never put off. */
  lost(what: string, items: number): void {
    const contest = this.#at(what, '', 'containers')
    contest.items = items
    this.#again(contest, () => `all that was written at once (${what})`, {})
  }

  /** What this subject has to write waits for so long. */
  hold(state: SubjectState, waitMs: number): void {
    this.#held.set(state, this.#now() + waitMs)
  }

  holds(state: SubjectState): boolean {
    return this.#held.size > 0 && this.#held.has(state)
  }

  /** Those whose time has come; they are no longer held. */
  due(): Iterable<SubjectState> {
    return this.#held.due(this.#now())
  }

  /** Nothing is held any longer: it is written with all the rest. */
  release(): SubjectState[] {
    return this.#held.clear()
  }

  /** The clock was set back: what is known says nothing any longer. Nothing is held any more. */
  forget(): SubjectState[] {
    this.#contests.clear()
    return this.release()
  }

  /** When the next repair is due, in milliseconds since the epoch. */
  get nextMs(): number | undefined {
    return this.#held.nextMs
  }

  /** Items, kinds and containers that are contested at the moment. */
  get size(): number {
    let count = 0
    for (const { message } of this.#told()) if (message !== '') count++
    return count
  }

  /** One finding for each item that is contested; where there are many of a kind, one for all. Subjects begin with `@`: it is about the node. */
  *findings(): Generator<Refusal> {
    const byKind = new Map<string, Contest[]>()
    for (const contest of this.#told()) {
      const others = byKind.get(contest.kind)
      if (others === undefined) byKind.set(contest.kind, [contest])
      else others.push(contest)
    }
    for (const [kind, contests] of byKind) {
      const [first] = contests
      if (first === undefined) continue
      if (contests.length <= toldAlone) for (const { subject, message } of contests) yield refusal(subject, message)
      else yield refusal(kind, `more than ${toldAlone} are contested, such as: ${first.message}`)
    }
  }

  *#told(): Generator<Contest> {
    this.#expire()
    for (const contest of this.#contests.values()) if (contest.message !== '') yield contest
  }

  #at(id: string, kind: string, subject: string): Contest {
    this.#expire()
    const known = this.#contests.get(id)
    // The one that was found last stands last.
    this.#contests.delete(id)
    const nowMs = this.#now()
    const fresh = { times: 0, row: 0, firstMs: nowMs, lastMs: nowMs, waitMs: 0, items: 0, message: '' }
    const contest = known ?? { kind, subject, ...fresh }
    this.#contests.set(id, contest)
    return contest
  }

  #again(contest: Contest, what: () => string, spec: Pick<KindSpec, 'whoWrites'>, puttingOff = false): void {
    const nowMs = this.#now()
    const stayedMs = nowMs - contest.lastMs - contest.waitMs
    contest.row = stayedMs >= steadyMs ? 1 : contest.row + 1
    contest.times++
    contest.lastMs = nowMs
    contest.waitMs = puttingOff ? this.#waitMs(contest.row, stayedMs) : 0
    // A power of two, and more than may happen by itself.
    if (contest.times <= freeRepairs || (contest.times & (contest.times - 1)) !== 0) return
    contest.message = messageOf(contest, what(), spec.whoWrites)
    this.#log('warn', 'what was written is taken back again and again', { contested: contest.message })
  }

  #waitMs(row: number, stayedMs: number): number {
    if (row <= freeRepairs) return 0
    const waitMs = backoffMs(row - freeRepairs, this.#random)
    return stayedMs < watchedMs ? waitMs : Math.min(waitMs, stayedMs * absentShare)
  }

  #expire(): void {
    const nowMs = this.#now()
    for (const [id, { lastMs, waitMs }] of this.#contests) {
      if (nowMs - lastMs - waitMs < forgetMs && this.#contests.size <= mostRecords) return
      this.#contests.delete(id)
    }
  }
}

const refusal = (subject: string, message: string): Refusal => ({
  subject: `@${subject}`,
  reason: 'Contested',
  message,
})

function messageOf({ times, firstMs, lastMs, waitMs, items }: Contest, what: string, whoWrites?: string): string {
  const many = items > 1 ? ` (${items} items the last time)` : ''
  const wait =
    waitMs > 0 ? `; repairs are put off by ${durationText(waitMs)} by now` : '; it is repaired at once each time'
  const remedy = whoWrites ?? 'find the program that writes it, and let only one of the two do so'
  return `another program keeps changing ${what}${many}: ${times} times in ${durationText(lastMs - firstMs)}${wait}; ${remedy}`
}

function durationText(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
