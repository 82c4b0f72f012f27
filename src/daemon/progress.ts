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
  readonly #monotonic: () => number
  /** On the monotonic clock, as all that is compared: a clock that is set neither hides nor invents a standstill. */
  #waitingSinceMs: number | undefined
  #queuedMs: number | undefined
  #updatedMs: number | undefined
  #transactions = -1
  #refusedSinceMs: number
  #onUpdated: () => void = () => {}

  constructor(
    reconciler: Pick<Reconciler, 'due' | 'status'>,
    now: () => number = Date.now,
    monotonic: () => number = () => performance.now(),
  ) {
    this.#reconciler = reconciler
    this.#now = now
    this.#monotonic = monotonic
    this.#refusedSinceMs = monotonic()
  }

  queued(): void {
    this.#queuedMs = this.#now()
    this.#waitingSinceMs ??= this.#monotonic()
  }

  /** A run broke off, whatever it was for: what it had to do waits. */
  stumbled(): void {
    this.#waitingSinceMs ??= this.#monotonic()
  }

  /** A run has ended; what came while it was under way is still due. */
  ran(): void {
    this.#waitingSinceMs = this.#reconciler.due ? this.#monotonic() : undefined
    this.#updatedMs = this.#now()
    if (this.#waitingSinceMs === undefined) this.#onUpdated()
  }

  /** Called each time that nothing more is due. */
  onUpdated(listener: () => void): void {
    this.#onUpdated = listener
  }

  health(): PartHealth {
    const now = this.#monotonic()
    const { part, failing, transactions } = this.#reconciler.status()
    if (failing.length <= 1 || transactions !== this.#transactions) {
      this.#transactions = transactions
      this.#refusedSinceMs = now
    }
    const since = Math.min(this.#waitingSinceMs ?? now, this.#refusedSinceMs)
    return { part, healthy: now - since <= patienceMs, updatedMs: this.#updatedMs, queuedMs: this.#queuedMs }
  }
}
