import type { Clock } from './clock.ts'

export interface QueueOptions {
  /**
   * Does the work for one key. Returns the milliseconds after which the key wants another look, or undefined. It may throw: the key is retried.
   */
  sync: (key: string) => number | undefined
  clock: Clock
  /** Tells an error that a fresh look is likely to cure at once (409 Conflict) from one that needs patience. */
  isConflict: (error: unknown) => boolean
  /** Called for each error that is not cured by looking again at once. */
  onError: (key: string, error: unknown, retryInMs: number) => void
  /** Called whenever the queue runs empty. */
  onIdle?: () => void
  /** Uniform in [0, 1). */
  random?: () => number
}

/** First and longest delay of a retry, as in client-go's default controller rate limiter in shape, shorter at the long end. */
const firstRetryMs = 5
const longestRetryMs = 60_000
/** So many conflicts in a row are cured at once; then patience is due after all. */
const conflictsAtOnce = 5
/** A run of keys gives the event loop back after this time. */
const runBudgetMs = 5

/**
 * Keyed work queue: a key that is added twice before its turn is worked once; one that is added during its turn is worked again. Keys run on
 * `setImmediate`, one at a time.
 */
export class WorkQueue {
  readonly #options: QueueOptions
  readonly #due = new Set<string>()
  readonly #delayed = new Map<string, { atMs: number; cancel: () => void }>()
  readonly #failures = new Map<string, number>()
  #cancelRun: (() => void) | undefined
  #closed = false

  constructor(options: QueueOptions) {
    this.#options = options
  }

  /** True if no key is due now. Keys that wait for a time to come (retries, wake-ups) do not count. */
  get idle(): boolean {
    return this.#due.size === 0
  }

  add(key: string): void {
    if (this.#closed) return
    this.#due.add(key)
    this.#cancelRun ??= this.#options.clock.soon(() => this.#run())
  }

  /** Adds the key after a delay; of several delays the earliest holds. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return
    const atMs = this.#options.clock.now() + delayMs
    const waiting = this.#delayed.get(key)
    if (waiting !== undefined && waiting.atMs <= atMs) return
    waiting?.cancel()
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { atMs, cancel })
  }

  /** Drops everything that waits and takes no more. */
  close(): void {
    this.#closed = true
    this.#cancelRun?.()
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#due.clear()
    this.#options.onIdle?.()
  }

  #run(): void {
    this.#cancelRun = undefined
    const startMs = performance.now()
    for (const key of this.#due) {
      this.#due.delete(key)
      this.#work(key)
      if (this.#closed || performance.now() - startMs > runBudgetMs) break
    }
    if (this.#closed) return
    if (this.#due.size === 0) this.#options.onIdle?.()
    else this.#cancelRun ??= this.#options.clock.soon(() => this.#run())
  }

  #work(key: string): void {
    try {
      const wakeInMs = this.#options.sync(key)
      this.#failures.delete(key)
      if (wakeInMs !== undefined) this.addAfter(key, wakeInMs)
    } catch (error) {
      this.#retry(key, error)
    }
  }

  #retry(key: string, error: unknown): void {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    if (failures <= conflictsAtOnce && this.#options.isConflict(error)) return this.add(key)
    const random = (this.#options.random ?? Math.random)()
    const delayMs = Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs) * (0.5 + random)
    this.#options.onError(key, error, delayMs)
    this.addAfter(key, delayMs)
  }
}
