import type { Reconciler } from '../reconcile/reconciler.ts'

/** How long a queued update may wait before its part counts as unhealthy; kube-proxy's: twice its sync period of 30 s. */
const patienceMs = 60_000

/** How a part keeps up, as far as health is concerned. */
export interface PartHealth {
  part: string
  healthy: boolean
  /** When everything that had been queued was written; undefined before the first time. Milliseconds since the epoch. */
  updatedMs: number | undefined
  /** When something was queued last. */
  queuedMs: number | undefined
}

/**
 * Whether a part keeps up: it does not when an update has waited for longer than a minute, or when more than one subject is refused and nothing has been written
 * for as long. One subject that is refused alone (an odd object) says nothing about the rest: else a single object could have all nodes taken out
 * of a load balancer.
 */
export class Progress {
  readonly #reconciler: Pick<Reconciler, 'due' | 'status'>
  readonly #now: () => number
  #waitingSinceMs: number | undefined
  #queuedMs: number | undefined
  #updatedMs: number | undefined
  #transactions = -1
  #refusedSinceMs = 0
  #onUpdated: () => void = () => {}

  constructor(reconciler: Pick<Reconciler, 'due' | 'status'>, now: () => number = Date.now) {
    this.#reconciler = reconciler
    this.#now = now
  }

  queued(): void {
    this.#queuedMs = this.#now()
    this.#waitingSinceMs ??= this.#queuedMs
  }

  /** A run has ended; what came while it was under way is still due. */
  ran(): void {
    const now = this.#now()
    this.#waitingSinceMs = this.#reconciler.due ? now : undefined
    this.#updatedMs = now
    if (this.#waitingSinceMs === undefined) this.#onUpdated()
  }

  /** Called each time that nothing more is due. */
  onUpdated(listener: () => void): void {
    this.#onUpdated = listener
  }

  health(): PartHealth {
    const now = this.#now()
    const { part, failing, transactions } = this.#reconciler.status()
    if (failing.length <= 1 || transactions !== this.#transactions) {
      this.#transactions = transactions
      this.#refusedSinceMs = now
    }
    const since = Math.min(this.#waitingSinceMs ?? now, this.#refusedSinceMs)
    return { part, healthy: now - since <= patienceMs, updatedMs: this.#updatedMs, queuedMs: this.#queuedMs }
  }
}
