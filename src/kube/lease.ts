import { WeftError } from '../model/error.ts'
import { listenForAbort } from './abort.ts'
import { withDeadline } from './deadline.ts'
import { isAlreadyExists, isCancelled, isConflict, timeoutError } from './errors.ts'
import { LeaseLock, type LeaseLockOptions, type LeaseTimers } from './lease-lock.ts'
import { processTimers } from './timers.ts'

export type { Lease, LeaseSpec, LeaseTimers } from './lease-lock.ts'

export interface LeaderElectionOptions extends Omit<LeaseLockOptions, 'leaseDurationSeconds'> {
  /** How long others wait before they take a Lease that is not renewed; 15. */
  leaseDurationSeconds?: number
  /** How long a leader tries to renew before it stops leading; 10. */
  renewDeadlineSeconds?: number
  /** Between two attempts; 2. */
  retryPeriodSeconds?: number
  /**
   * Called once when the Lease is ours; the signal aborts when leading ends, for whatever reason. After a cancellation the Lease is given back when what this
   * returns has settled (if that takes longer than the renew deadline, it is left to run out). If it throws, leading ends and the error is thrown on.
   */
  onStartedLeading: (signal: AbortSignal) => void | Promise<void>
  /** Called once after leading has ended. */
  onStoppedLeading?: () => void
  /** Called when another holder is seen, ourselves included. */
  onNewLeader?: (identity: string) => void
  /** Told of calls that fail; the attempts go on. */
  onError?: (error: unknown) => void
  timers?: LeaseTimers
}

/** `lost`: it could not be renewed in time, or another has it. `cancelled`: by the signal. */
export type LeaderElectionEnd = 'lost' | 'cancelled'

/** client-go's tools/leaderelection: JitterFactor. */
const JITTER = 1.2

/**
 * Stands for election on a Lease and leads once, with the rules and numbers of client-go: resolves when leading has ended, or when the signal
 * aborted before it began. Whoever wants to stand again calls again.
 *
 * A leader counts its deadline from when it *sent* the last renewal that was accepted, so that it has stopped before anybody else can start.
 *
 * @throws WeftError LEASE_TIMES_INVALID, or what `onStartedLeading` throws
 */
export function runLeaderElection(options: LeaderElectionOptions, signal: AbortSignal): Promise<LeaderElectionEnd> {
  return new Election(options, signal).run()
}

class Election {
  readonly #options: LeaderElectionOptions
  readonly #signal: AbortSignal
  readonly #timers: LeaseTimers
  readonly #lock: LeaseLock
  readonly #renewDeadlineMs: number
  readonly #retryPeriodMs: number
  #reportedLeader = ''
  /** When the last accepted renewal was sent, on the monotonic clock. */
  #renewedAtMs = 0

  constructor(options: LeaderElectionOptions, signal: AbortSignal) {
    const { leaseDurationSeconds = 15, renewDeadlineSeconds = 10, retryPeriodSeconds = 2 } = options
    checkTimes(leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds)
    this.#options = options
    this.#signal = signal
    this.#timers = options.timers ?? { ...processTimers, monotonic: () => performance.now() }
    this.#lock = new LeaseLock({ ...options, leaseDurationSeconds }, this.#timers)
    this.#renewDeadlineMs = renewDeadlineSeconds * 1000
    this.#retryPeriodMs = retryPeriodSeconds * 1000
  }

  async run(): Promise<LeaderElectionEnd> {
    while (!this.#signal.aborted) {
      if (await this.#attempt(this.#renewDeadlineMs, this.#signal)) return this.#lead()
      await this.#timers.sleep(this.#retryPeriodMs * (1 + JITTER * this.#timers.random()), this.#signal)
    }
    return 'cancelled'
  }

  async #lead(): Promise<LeaderElectionEnd> {
    const leading = new AbortController()
    const stop = new AbortController()
    const onCancel = (): void => stop.abort()
    listenForAbort(this.#signal, onCancel)
    let failure: { error: unknown } | undefined
    const work = this.#start(leading.signal).catch((error: unknown) => {
      failure = { error }
      stop.abort()
    })
    const end = this.#signal.aborted ? 'cancelled' : await this.#renewUntil(stop.signal)
    this.#signal.removeEventListener('abort', onCancel)
    leading.abort()
    this.#options.onStoppedLeading?.()
    if (end === 'cancelled') await this.#releaseAfter(work)
    if (failure) throw failure.error
    return end
  }

  async #start(signal: AbortSignal): Promise<void> {
    await this.#options.onStartedLeading(signal)
  }

  async #renewUntil(stop: AbortSignal): Promise<LeaderElectionEnd> {
    for (;;) {
      await this.#timers.sleep(this.#untilNextAttempt(), stop)
      if (stop.aborted) return 'cancelled'
      const leftMs = this.#leftMs()
      const goesOn = leftMs > 0 && ((await this.#attempt(leftMs, stop)) || this.#lock.isOurs)
      if (!goesOn) return stop.aborted ? 'cancelled' : 'lost'
    }
  }

  #leftMs(): number {
    return this.#renewedAtMs + this.#renewDeadlineMs - this.#timers.monotonic()
  }

  /** The retry period after the last renewal was sent; for one that failed, or took longer than that, from now. */
  #untilNextAttempt(): number {
    const sinceMs = this.#timers.monotonic() - this.#renewedAtMs
    const waitMs = sinceMs < this.#retryPeriodMs ? this.#retryPeriodMs - sinceMs : this.#retryPeriodMs
    return Math.max(0, Math.min(waitMs, this.#leftMs()))
  }

  async #attempt(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const sentAtMs = this.#timers.monotonic()
    try {
      const ours = await withDeadline(this.#timers, limitMs, signal, (limited) => this.#lock.acquireOrRenew(limited))
      if (ours) this.#renewedAtMs = sentAtMs
      return ours
    } catch (error) {
      // Either 409 says that another was faster.
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error)) {
        this.#report(isCancelled(error) ? this.#noAnswer(limitMs) : error)
      }
      return false
    } finally {
      this.#noticeLeader()
    }
  }

  /** What ended the call was our own limit. */
  #noAnswer(limitMs: number): unknown {
    const { namespace, name } = this.#options
    return timeoutError(`Lease ${namespace}/${name}`, 'reading and writing the Lease', Math.round(limitMs / 1000))
  }

  #noticeLeader(): void {
    const { holder } = this.#lock
    if (!holder || holder === this.#reportedLeader) return
    this.#reportedLeader = holder
    this.#options.onNewLeader?.(holder)
  }

  async #releaseAfter(work: Promise<void>): Promise<void> {
    try {
      const settled = await withDeadline(this.#timers, this.#renewDeadlineMs, undefined, (over) => settles(work, over))
      if (!settled) return
      await withDeadline(this.#timers, this.#renewDeadlineMs, undefined, (limited) => this.#lock.release(limited))
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    this.#options.onError?.(error)
  }
}

/** Whether the work settles before time is over. */
function settles(work: Promise<void>, over: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    over.addEventListener('abort', () => resolve(false), { once: true })
    void work.then(() => resolve(true))
  })
}

/** client-go refuses the same: a leader must have given up before its Lease runs out, and have more than one try. */
function checkTimes(leaseSeconds: number, deadlineSeconds: number, periodSeconds: number): void {
  if (periodSeconds > 0 && leaseSeconds > deadlineSeconds && deadlineSeconds > JITTER * periodSeconds) return
  throw new WeftError(
    `a lease of ${leaseSeconds} s, renewed within ${deadlineSeconds} s, tried every ${periodSeconds} s cannot work`,
    {
      code: 'LEASE_TIMES_INVALID',
      fault: 'user',
      where: 'leader election',
      remedy: 'the lease must be longer than the deadline, and the deadline longer than 1.2 retry periods',
    },
  )
}
