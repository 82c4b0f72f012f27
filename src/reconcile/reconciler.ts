import { adopt, disown } from './adopt.ts'
import { audit } from './audit.ts'
import { transactionOf } from './changes.ts'
import type { CommitListener } from './commits.ts'
import { type Core, type CoreOptions, makeCore } from './core.ts'
import type { Entry } from './entries.ts'
import { loseItems } from './epochs.ts'
import { Planner } from './planner.ts'
import { settle } from './settle.ts'
import { type ReconcilerStatus, statusOf } from './status.ts'
import type { Change, Effect, Prepared, Subject } from './types.ts'
import { Writer } from './writer.ts'

export type { ReconcilerStatus } from './status.ts'

export interface ReconcilerOptions extends CoreOptions {
  /** Changes in one batch at most, but for a transaction that is a single group. */
  chunkChanges?: number
}

/** A container that is lost again and again is left to the next tick, not fought in a loop. */
const epochsInOneRun = 3

/**
 * Keeps a target equal to what a part plans. Touch subjects as their view changes; the rest follows: plan, claims, difference by key,
 * batches of whole subjects, retry of those that fail alone, effects, audit. Instances share nothing.
 */
export class Reconciler {
  readonly #core: Core
  readonly #planner: Planner
  readonly #writer: Writer
  #running: Promise<void> | undefined
  #auditing: Promise<unknown> = Promise.resolve()
  #started = false
  #synced = false
  #prepareDue = false
  #finishDue = true
  #sweepDue = true
  #disownDue = true
  /** When the run that comes next began: the first one does with reading what is there, and planning everything. */
  #beganMs: number | undefined

  constructor(options: ReconcilerOptions) {
    this.#core = makeCore(options)
    this.#planner = new Planner(this.#core)
    this.#writer = new Writer(this.#core, options.chunkChanges ?? 2000)
  }

  /**
   * Reads what is there and takes it over, then plans every subject and writes the difference. Call once, when every list that the part
   * needs is in. Nothing is written if nothing differs.
   */
  async start(subjects: Iterable<Subject>): Promise<void> {
    this.#beganMs = performance.now()
    await this.plan(subjects)
    await this.flush()
  }

  /** Adoption and planning without writing: what start() does before its first batch, and all that a dry run does. */
  async plan(subjects: Iterable<Subject>, mode: 'live' | 'dry-run' = 'live'): Promise<void> {
    const prepared: Prepared = mode === 'live' ? await this.#core.target.prepare() : 'kept'
    if (prepared !== 'kept') this.#core.metrics.counters.epochs++
    await this.#planner.touchAll(subjects)
    if (prepared !== 'lost') this.#planner.touch(await adopt(this.#core))
    await this.#planner.plan()
    this.#disown()
    this.#started = true
  }

  /** The changes that the next flush would make, in the order of one transaction. */
  changes(): Change[] {
    const dirty: Entry[] = []
    for (const entry of this.#core.entries.all()) if (entry.dirtyBy !== undefined) dirty.push(entry)
    return transactionOf(dirty).changes
  }

  /** These subjects' views changed. Planned and written by the next flush; several touches become one plan. */
  touch(subjects: Iterable<Subject>): void {
    this.#planner.touch(subjects)
  }

  /** Plans what was touched and writes what differs; calls that overlap join into one run. Effects run later, by themselves. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  /**
   * Subjects whose wakeAt or retry time has come are touched, effects that are due are started; returns when the next will be, in milliseconds
   * since the epoch. Costs what is due, not what sleeps.
   */
  tick(): number | undefined {
    const { retry, contests, entries, effects } = this.#core
    const { nextMs, clockSetBack } = this.#planner.tick()
    for (const state of clockSetBack ? retry.soon() : retry.due()) entries.ready.add(state)
    for (const state of clockSetBack ? contests.forget() : contests.due()) entries.ready.add(state)
    if (clockSetBack) effects.soon()
    const times = [nextMs, retry.nextMs, contests.nextMs, effects.tick()].filter((ms) => ms !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Anything that flush() would do now. */
  get due(): boolean {
    return this.#planner.touched > 0 || this.#prepareDue || this.#core.entries.ready.size > 0
  }

  /** Compares what is there with what was committed and repairs it; one at a time. Returns the number of items that differed. */
  async audit(): Promise<number> {
    const before = this.#auditing
    const mine = before.then(() => this.#audit())
    this.#auditing = mine.catch(() => {})
    return await mine
  }

  async #audit(): Promise<number> {
    const { metrics } = this.#core
    this.#core.suspect = false
    try {
      const before = metrics.counters.drift
      // Within a run, so that nothing is being written while containers are made anew.
      await this.#prepareInRun()
      // What was refused may have been refused because of what others changed.
      if ((await audit(this.#core, this.#writer.beginAudit())) > 0) this.#retrySoon()
      await this.flush()
      return metrics.counters.drift - before
    } catch (error) {
      this.#core.suspect = true
      throw error
    }
  }

  /** Whether what is there may differ from what was written: somebody else wrote, or the target refused a change. */
  get suspect(): boolean {
    return this.#core.suspect || this.#core.target.touchedByOthers()
  }

  /**
   * A new epoch: what these containers (all, if none is named) held counts as absent, and the next flush writes it again. For losses that are
   * noticed from outside, as a link that went down; safe at any time, also while a batch is under way.
   */
  raiseEpoch(why: string, containers?: readonly string[]): void {
    this.#raise(why, containers, false)
    this.#prepareDue = true
    this.#core.suspect = true
  }

  /** Rises with every acknowledged batch. */
  get generation(): number {
    return this.#core.commits.generation
  }

  /** Whether all that the subject wants and may have is there, and nothing else of its own. */
  isCommitted(subject: Subject): boolean {
    if (!this.#started || this.#planner.isTouched(subject) || this.#planner.couldNotPlan(subject)) return false
    const state = this.#core.subjects.get(subject)
    if (state === undefined) return true
    const pending = state.dirtyCount > 0 || state.more || state.leaving?.some(({ dirtyBy }) => dirtyBy !== undefined)
    return !pending && this.#core.wanted.isThere(state)
  }

  /** Resolves with the generation in which the subject is committed. @throws the signal's reason */
  async committed(subject: Subject, signal?: AbortSignal): Promise<number> {
    if (!this.isCommitted(subject)) await this.#core.commits.wait(subject, signal)
    return this.generation
  }

  /** Called after each run with the subjects that were planned, written or lost: ask isCommitted(). Returns the unsubscribe function. */
  onCommit(listener: CommitListener): () => void {
    return this.#core.commits.listen(listener)
  }

  /** Effects of what the part learns besides its items' changes. They run later, by themselves. */
  addEffects(effects: Iterable<Effect>): void {
    this.#core.effects.add(effects)
  }

  /** When the effects that could run have run; those that wait for a retry are left. */
  async effectsIdle(): Promise<void> {
    this.#core.effects.tick()
    await this.#core.effects.idle()
  }

  /** Costs what is refused or failing, not what is there. */
  status(): ReconcilerStatus {
    return statusOf(this.#core, this.#planner, this.#synced)
  }

  /** No more effects are started. What was written stays. */
  close(): void {
    this.#core.effects.close()
  }

  async #run(): Promise<void> {
    const { entries, effects, commits, metrics, target } = this.#core
    const startMs = this.#beganMs ?? performance.now()
    this.#beganMs = undefined
    const generation = this.generation
    try {
      await this.#planAndWrite()
      if (this.#sweepDue && this.#started) effects.sweepSoon()
      this.#sweepDue = false
      if (entries.dirty > 0) return
      this.#synced = true
      if (this.#finishDue) await target.finish()
      this.#finishDue = false
    } finally {
      if (generation !== this.generation) {
        const seconds = (performance.now() - startMs) / 1000
        metrics.counters.lastDurationSeconds = seconds
        metrics.runSeconds.observe(seconds)
      }
      effects.tick()
      commits.tell((subject) => this.isCommitted(subject))
    }
  }

  async #planAndWrite(): Promise<void> {
    for (let epochs = 0; epochs < epochsInOneRun; ) {
      this.tick()
      if (this.#prepareDue) await this.#prepareAgain()
      this.#core.again = false
      await this.#planner.plan()
      if (this.#disownDue && this.#started && !this.#planner.isBroken) this.#disown()
      const lost = await this.#writer.write()
      if (lost !== undefined) {
        epochs++
        this.#raise(lost.message, lost.lost)
        this.#prepareDue = true
      }
      await settle(this.#core, (subject) => this.#planner.touch([subject]))
      if (lost === undefined && !this.#core.again) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #prepareInRun(): Promise<void> {
    const due = this.#prepareDue
    this.#prepareDue = true
    try {
      await this.flush()
    } catch (error) {
      // The audit will be tried again, and this with it.
      this.#prepareDue = due
      throw error
    }
  }

  async #prepareAgain(): Promise<void> {
    this.#raisePrepared(await this.#core.target.prepare())
    this.#prepareDue = false
  }

  #raisePrepared(prepared: Prepared): void {
    if (prepared === 'kept') return
    const containers = prepared === 'lost' ? undefined : prepared.lost
    this.#raise(containers === undefined ? 'the container was lost' : `lost: ${containers.join(', ')}`, containers)
  }

  /** @param byOthers somebody removed them, rather than that they went by themselves, as a link does */
  #raise(why: string, containers: readonly string[] | undefined, byOthers = true): void {
    const { metrics, log, contests, entries } = this.#core
    const items = loseItems(this.#core, containers)
    for (const state of contests.release()) entries.ready.add(state)
    this.#finishDue = true
    this.#sweepDue = true
    this.#retrySoon()
    if (items === 0) return
    metrics.counters.epochs++
    metrics.counters.drift += items
    if (byOthers) contests.lost(containers?.join(', ') ?? 'all containers', items)
    log('warn', 'what was written is gone; writing it again', { items, why })
  }

  #disown(): void {
    this.#disownDue = this.#planner.isBroken
    disown(this.#core, this.#disownDue)
  }

  #retrySoon(): void {
    for (const state of this.#core.retry.soon()) this.#core.entries.ready.add(state)
  }
}
