import { type Committed, changesOf, type Group, groupBySubject } from './batch.ts'
import { findDrift } from './drift.ts'
import { Numbers } from './numbers.ts'
import { Retry } from './retry.ts'
import {
  type Change,
  ContainerLost,
  type FoundItem,
  itemId,
  type Part,
  type Plan,
  type Previous,
  type Refusal,
  type Subject,
  type Target,
} from './types.ts'
import { WantedItems } from './wanted.ts'

export interface ReconcilerOptions {
  part: Part
  target: Target
  now?: () => number
  random?: () => number
  /** Told about drift, failures and the first sync; one line each, in the kernel's words. */
  log?: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void
  /** Changes in one transaction at most, but for one that is a single group. */
  chunkChanges?: number
}

/** What a reconciler can say of itself at any moment. */
export interface ReconcilerStatus {
  part: string
  /** True once every subject was planned and all of it was acknowledged. */
  synced: boolean
  subjects: number
  items: number
  pending: number
  lastSyncMs: number | undefined
  transactions: number
  changes: number
  failures: number
  /** Items that audits found missing, changed or foreign, ever since the start. */
  drift: number
  epochs: number
  refusals: Refusal[]
  failing: { subjects: Subject[]; message: string }[]
}

const planSliceMs = 5

/**
 * Keeps a target equal to what a part plans. Touch subjects as their view changes; the rest follows: plan, claims, difference by key,
 * transactions of whole subjects, retry of those that fail alone, audit.
 */
export class Reconciler {
  readonly #part: Part
  readonly #target: Target
  readonly #now: () => number
  readonly #log: NonNullable<ReconcilerOptions['log']>
  readonly #chunkChanges: number
  readonly #numbers = new Numbers()
  readonly #numbersUsed = new Map<Subject, Set<string>>()
  readonly #wanted: WantedItems
  readonly #committed = new Map<string, Committed>()
  readonly #adopted = new Map<Subject, Map<string, FoundItem>>()
  readonly #touched = new Set<Subject>()
  readonly #dirty = new Map<string, Subject>()
  readonly #known = new Set<Subject>()
  readonly #refusals = new Map<Subject, Refusal[]>()
  readonly #wakeAt = new Map<Subject, number>()
  readonly #retry: Retry
  #written: Set<string> | undefined
  #running: Promise<void> | undefined
  #suspect = false
  #synced = false
  #finishDue = true
  #stats = {
    transactions: 0,
    changes: 0,
    failures: 0,
    drift: 0,
    epochs: 0,
    lastSyncMs: undefined as number | undefined,
  }

  constructor(options: ReconcilerOptions) {
    this.#part = options.part
    this.#target = options.target
    this.#now = options.now ?? Date.now
    this.#log = options.log ?? (() => {})
    this.#chunkChanges = options.chunkChanges ?? 2000
    this.#retry = new Retry(this.#now, options.random ?? Math.random)
    this.#wanted = new WantedItems(options.part.kinds, (id, subject) => this.#dirty.set(id, subject))
  }

  /**
   * Reads what is there and takes it over, then plans every subject and writes the difference. Call once, when every list that the part
   * needs is in. Nothing is written if nothing differs.
   */
  async start(subjects: Iterable<Subject>): Promise<void> {
    await this.plan(subjects)
    await this.flush()
  }

  /** Adoption and planning without writing: what start() does before its first transaction, and all that a dry run does. */
  async plan(subjects: Iterable<Subject>, mode: 'live' | 'dry-run' = 'live'): Promise<void> {
    const epoch = mode === 'live' ? await this.#target.prepare() : 'kept'
    if (epoch === 'kept') await this.#adopt()
    else this.#stats.epochs++
    for (const subject of subjects) this.#touched.add(subject)
    for (const subject of this.#adopted.keys()) this.#touched.add(subject)
    await this.#planTouched()
    this.#adopted.clear()
    for (const [id, { subject }] of this.#committed) {
      if (this.#wanted.get(id) === undefined) this.#dirty.set(id, subject ?? '')
    }
  }

  /** The changes that the next flush would make. */
  changes(): Change[] {
    return changesOf(this.#dirty.keys(), (id) => this.#wanted.get(id), this.#committed, this.#part.kinds)
  }

  /** These subjects' views changed. Planned and written soon; several touches become one plan. */
  touch(subjects: Iterable<Subject>): void {
    for (const subject of subjects) this.#touched.add(subject)
  }

  /** Plans what was touched and writes what differs; calls that overlap join into one run. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  /** Subjects whose wakeAt or retry time has come are touched; returns when the next one will, in milliseconds since the epoch. */
  tick(): number | undefined {
    const now = this.#now()
    let next: number | undefined
    for (const [subject, at] of this.#wakeAt) {
      if (at <= now) {
        this.#wakeAt.delete(subject)
        this.#touched.add(subject)
      } else next = Math.min(next ?? at, at)
    }
    const retryAt = this.#retry.next()
    return retryAt === undefined ? next : Math.min(next ?? retryAt, retryAt)
  }

  /** Anything that flush() would do now. */
  get due(): boolean {
    if (this.#touched.size > 0) return true
    for (const subject of this.#dirty.values()) if (this.#retry.ready(subject)) return true
    return false
  }

  /**
   * Compares what is there with what was committed and repairs it. What was written while reading is left to the next audit. Returns the number of
   * items that differed.
   */
  async audit(): Promise<number> {
    this.#suspect = false
    try {
      return await this.#audit()
    } catch (error) {
      this.#suspect = true
      throw error
    } finally {
      this.#written = undefined
    }
  }

  async #audit(): Promise<number> {
    if ((await this.#target.prepare()) === 'lost') {
      this.#newEpoch('the container was lost')
      await this.flush()
      return this.#stats.drift
    }
    const written = new Set<string>()
    this.#written = written
    const differs: string[] = []
    for await (const { id, found } of findDrift(this.#target, this.#committed, written)) {
      const owner = this.#wanted.get(id)?.subject ?? found?.subject ?? this.#committed.get(id)?.subject ?? ''
      if (found === undefined) this.#committed.delete(id)
      else this.#committed.set(id, { item: found, ...(found.subject === undefined ? {} : { subject: found.subject }) })
      this.#dirty.set(id, owner)
      differs.push(id)
    }
    if (differs.length > 0) {
      // What was refused may have been refused because of what others had changed.
      this.#retry.soon()
      this.#stats.drift += differs.length
      this.#log('warn', 'what is there differs from what was written; repairing', {
        items: differs.length,
        first: differs[0],
      })
    }
    await this.flush()
    return differs.length
  }

  /** Whether what is there may differ from what was written: somebody else wrote, or the target refused a change. */
  get suspect(): boolean {
    return this.#suspect || this.#target.touchedByOthers()
  }

  status(): ReconcilerStatus {
    return {
      part: this.#part.name,
      synced: this.#synced && this.#dirty.size === 0,
      subjects: this.#known.size,
      items: this.#committed.size,
      pending: this.#dirty.size,
      ...this.#stats,
      refusals: [...[...this.#refusals.values()].flat(), ...this.#wanted.lostClaims()],
      failing: this.#retry.failing(),
    }
  }

  async #run(): Promise<void> {
    await this.#planTouched()
    await this.#writeDirty()
    if (this.#dirty.size > 0) return
    this.#synced = true
    if (this.#finishDue) {
      this.#finishDue = false
      await this.#target.finish()
    }
  }

  async #adopt(): Promise<void> {
    const found: FoundItem[] = []
    for await (const piece of this.#target.read()) for (const item of piece) found.push(item)
    this.#numbers.learn(this.#part.learn(found))
    for (const item of found) {
      const subject = item.subject ?? this.#part.ownerOf(item, this.#numbers.owners)
      this.#committed.set(itemId(item), subject === undefined ? { item } : { item, subject })
      if (subject === undefined) continue
      let items = this.#adopted.get(subject)
      if (items === undefined) this.#adopted.set(subject, (items = new Map()))
      items.set(itemId(item), item)
    }
    if (found.length > 0)
      this.#log('info', 'adopted what was there', { items: found.length, subjects: this.#adopted.size })
  }

  async #planTouched(): Promise<void> {
    let sliceEndMs = performance.now() + planSliceMs
    for (const subject of this.#touched) {
      this.#touched.delete(subject)
      this.#planOne(subject)
      if (performance.now() < sliceEndMs) continue
      await new Promise((resolve) => setImmediate(resolve))
      sliceEndMs = performance.now() + planSliceMs
    }
  }

  #planOne(subject: Subject): void {
    const used = new Set<string>()
    const previous = {
      items: this.#adopted.get(subject) ?? this.#wanted.itemsOf(subject),
      number: (name: string) => {
        used.add(name)
        return this.#numbers.get(subject, name)
      },
    }
    const plan = this.#tryPlan(subject, previous)
    if (plan === undefined) return
    this.#adopted.delete(subject)
    this.#numbersUsed.set(subject, used)
    this.#wanted.replace(subject, plan.items, plan.rank)
    if (plan.refusals?.length)
      this.#refusals.set(
        subject,
        plan.refusals.map((refusal) => ({ subject, ...refusal })),
      )
    else this.#refusals.delete(subject)
    if (plan.wakeAtMs === undefined) this.#wakeAt.delete(subject)
    else this.#wakeAt.set(subject, plan.wakeAtMs)
    if (plan.items.length > 0 || plan.refusals?.length) this.#known.add(subject)
    else this.#known.delete(subject)
  }

  /** A plan that throws leaves what the subject has, and becomes a refusal: one odd object must not stop the others. */
  #tryPlan(subject: Subject, previous: Previous): Plan | undefined {
    try {
      return this.#part.plan(subject, previous, this.#now())
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      this.#refusals.set(subject, [{ subject, reason: 'PlanFailed', message }])
      this.#log('error', 'a subject could not be planned', { subject, error: message })
      return undefined
    }
  }

  async #writeDirty(): Promise<void> {
    const ready = new Map<string, Subject>()
    for (const [id, subject] of this.#dirty) if (this.#retry.ready(subject)) ready.set(id, subject)
    const groups = groupBySubject(ready, (id) => this.#wanted.get(id), this.#committed)
    const chunks = this.#chunks(groups)
    for (const [index, chunk] of chunks.entries()) {
      if (!(await this.#writeChunk(chunk))) return
      if (index < chunks.length - 1) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#releaseNumbers()
  }

  #chunks(groups: readonly Group[]): Group[][] {
    const chunks: Group[][] = []
    let size = Number.POSITIVE_INFINITY
    for (const group of groups) {
      if (size + group.ids.length > this.#chunkChanges) {
        chunks.push([])
        size = 0
      }
      chunks.at(-1)?.push(group)
      size += group.ids.length
    }
    return chunks
  }

  /** Writes some groups in one transaction; halves them until the bad one stands alone. False: a new epoch, start over. */
  async #writeChunk(groups: readonly Group[]): Promise<boolean> {
    const changes = changesOf(
      groups.flatMap((group) => group.ids),
      (id) => this.#wanted.get(id),
      this.#committed,
      this.#part.kinds,
    )
    try {
      if (changes.length > 0) this.#target.apply(changes)
    } catch (error) {
      return await this.#failed(groups, error)
    }
    this.#acknowledge(groups, changes)
    return true
  }

  async #failed(groups: readonly Group[], error: unknown): Promise<boolean> {
    if (error instanceof ContainerLost) {
      await this.#target.prepare()
      this.#newEpoch(error.message)
      this.touch(this.#retry.soon())
      return false
    }
    const [first] = groups
    if (groups.length > 1) {
      const half = groups.length >> 1
      return (await this.#writeChunk(groups.slice(0, half))) && (await this.#writeChunk(groups.slice(half)))
    }
    this.#stats.failures++
    this.#suspect = true
    const message = error instanceof Error ? error.message : String(error)
    if (first !== undefined) this.#retry.fail(first.subjects, message)
    this.#log('error', 'a change was refused; it is retried alone', { subjects: first?.subjects, error: message })
    return true
  }

  #acknowledge(groups: readonly Group[], changes: readonly Change[]): void {
    for (const group of groups) {
      for (const id of group.ids) {
        const want = this.#wanted.get(id)
        if (want === undefined) this.#committed.delete(id)
        else this.#committed.set(id, want)
        this.#dirty.delete(id)
        this.#written?.add(id)
      }
      this.#retry.succeeded(group.subjects)
    }
    if (changes.length === 0) return
    this.#stats.transactions++
    this.#stats.changes += changes.length
    this.#stats.lastSyncMs = this.#now()
  }

  #releaseNumbers(): void {
    const pending = new Set(this.#dirty.values())
    for (const [subject, used] of this.#numbersUsed) {
      if (pending.has(subject)) continue
      this.#numbers.release(subject, used)
      this.#numbersUsed.delete(subject)
    }
  }

  #newEpoch(why: string): void {
    this.#stats.epochs++
    this.#stats.drift += this.#committed.size
    this.#log('warn', 'everything that was written is gone; writing it again', { items: this.#committed.size, why })
    this.#committed.clear()
    this.#finishDue = true
    for (const id of this.#wanted.ids()) this.#dirty.set(id, this.#wanted.get(id)?.subject ?? '')
  }
}
