import { Histogram, type HistogramValue } from './metrics.ts'
import type { Reconciler } from './reconciler.ts'
import type { Subject } from './types.ts'

/**
 * How long it takes from something outside (a pod became Ready) until the subjects that it touches are committed. Waits are counted once each, for the earliest
 * trigger of a subject.
 */
export class CommitLatency {
  readonly #reconciler: Pick<Reconciler, 'isCommitted' | 'onCommit'>
  readonly #waiting = new Map<Subject, number>()
  readonly #seconds: Histogram
  readonly #now: () => number

  /** @param bounds of the histogram's buckets, in seconds */
  constructor(
    reconciler: Pick<Reconciler, 'isCommitted' | 'onCommit'>,
    bounds: readonly number[],
    now: () => number = Date.now,
  ) {
    this.#reconciler = reconciler
    this.#seconds = new Histogram(bounds)
    this.#now = now
    reconciler.onCommit((subjects) => this.#committed(subjects))
  }

  /** Call when the subjects are touched, before they are planned. @param triggerMs when it happened, in milliseconds since the epoch */
  triggered(subjects: Iterable<Subject>, triggerMs: number): void {
    for (const subject of subjects) {
      const before = this.#waiting.get(subject)
      if (before === undefined || triggerMs < before) this.#waiting.set(subject, triggerMs)
    }
  }

  value(): HistogramValue {
    return this.#seconds.value()
  }

  #committed(subjects: ReadonlySet<Subject>): void {
    if (this.#waiting.size === 0) return
    for (const subject of subjects) {
      const triggerMs = this.#waiting.get(subject)
      if (triggerMs === undefined || !this.#reconciler.isCommitted(subject)) continue
      this.#waiting.delete(subject)
      this.#seconds.observe(Math.max(0, this.#now() - triggerMs) / 1000)
    }
  }
}
