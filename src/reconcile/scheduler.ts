import type { Reconciler } from './reconciler.ts'
import type { Subject } from './types.ts'

export interface SchedulerOptions {
  /** How often to ask the target whether somebody else has written, in milliseconds. */
  pollMs?: number
  /** A full audit at least this often, in milliseconds. */
  auditMs?: number
  onError?: (error: unknown) => void
  /** Touches gather for so long after a run before the next one begins. 0 if absent: none waits. */
  minIntervalMs?: number
  /** Called after each run: all that was touched before it began was planned, and written where nothing refused it. */
  onRun?: () => void
}

/** An audit that found nothing to repair is followed by a pause of so many times the processor time that it took. */
const idleShare = 20
/** And by none that is longer, in milliseconds: what else the process does during an audit is in that time too, and drift must not wait for minutes because of it. */
const longestPauseMs = 10_000

/**
 * Runs a reconciler: a touch is written at once (while a run is under way, touches gather for the next one), wake-ups and retries on time, an
 * audit when somebody else has written and every now and then anyway. Audits that find nothing take at most a twentieth of the time, or come every
 * ten seconds: others may write all day what is none of ours. Whoever changed something of ours may do so again at once.
 */
export class Scheduler {
  readonly #reconciler: Reconciler
  readonly #pollMs: number
  readonly #auditMs: number
  readonly #onError: (error: unknown) => void
  readonly #onRun: () => void
  readonly #minIntervalMs: number
  #timer: NodeJS.Timeout | undefined
  #gathering: NodeJS.Timeout | undefined
  #lastRun = Number.NEGATIVE_INFINITY
  #busy = false
  #again = false
  #closed = false
  #lastAudit = performance.now()
  #nextAuditAllowed = 0

  constructor(reconciler: Reconciler, options: SchedulerOptions = {}) {
    this.#reconciler = reconciler
    this.#pollMs = options.pollMs ?? 500
    this.#auditMs = options.auditMs ?? 300_000
    this.#onError = options.onError ?? (() => {})
    this.#onRun = options.onRun ?? (() => {})
    this.#minIntervalMs = options.minIntervalMs ?? 0
    this.#timer = setInterval(() => void this.#tick(), this.#pollMs)
    this.#timer.unref()
  }

  touch(subjects: Iterable<Subject>): void {
    this.#reconciler.touch(subjects)
    const waitMs = this.#lastRun + this.#minIntervalMs - performance.now()
    if (waitMs <= 0) void this.#work()
    else this.#gathering ??= setTimeout(() => this.#gathered(), waitMs)
  }

  #gathered(): void {
    this.#gathering = undefined
    void this.#work()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    clearTimeout(this.#gathering)
    this.#reconciler.close()
  }

  async #work(): Promise<void> {
    if (this.#busy || this.#closed) {
      this.#again = true
      return
    }
    this.#busy = true
    try {
      do {
        this.#again = false
        await this.#reconciler.flush()
        this.#lastRun = performance.now()
        this.#onRun()
      } while (this.#again && !this.#closed)
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#busy = false
    }
  }

  async #tick(): Promise<void> {
    try {
      this.#reconciler.tick()
      if (this.#reconciler.due) await this.#work()
      if (this.#isAuditDue()) await this.#audit()
    } catch (error) {
      this.#onError(error)
    }
  }

  #isAuditDue(): boolean {
    const now = performance.now()
    if (this.#closed || now < this.#nextAuditAllowed) return false
    return this.#reconciler.suspect || now - this.#lastAudit >= this.#auditMs
  }

  async #audit(): Promise<void> {
    const before = process.cpuUsage()
    this.#nextAuditAllowed = Number.POSITIVE_INFINITY
    let repaired = 0
    try {
      repaired = await this.#reconciler.audit()
    } finally {
      const { user, system } = process.cpuUsage(before)
      this.#lastAudit = performance.now()
      const pauseMs = (repaired > 0 ? 1 : idleShare) * ((user + system) / 1000)
      this.#nextAuditAllowed = this.#lastAudit + Math.min(pauseMs, longestPauseMs)
    }
  }
}
