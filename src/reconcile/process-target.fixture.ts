import type { FakeTarget } from './fake-target.ts'
import {
  type Change,
  type Effect,
  type FoundItem,
  type ItemFailure,
  itemId,
  type KnownItems,
  type Prepared,
  type Target,
} from './types.ts'

/** The target as one process has it: once that is dead, nothing of what it was about to do happens. */
export class ProcessTarget implements Target {
  dead = false
  /** It dies as soon as so many more batches were applied. */
  batchesToLive = Number.POSITIVE_INFINITY
  failPrepare = 0
  failRead = 0
  /** So many of the next batches are applied, and answered with an error. */
  loseAnswers = 0
  readonly queues: boolean
  readonly #inner: FakeTarget
  readonly #slow: boolean
  #before: Promise<unknown> = Promise.resolve()

  constructor(inner: FakeTarget, { slow, queues = false }: { slow: boolean; queues?: boolean }) {
    this.#inner = inner
    this.#slow = slow
    this.queues = queues
  }

  get transactional(): boolean {
    return this.#inner.transactional
  }

  async prepare(): Promise<Prepared> {
    this.#live()
    if (this.failPrepare-- > 0) throw new Error('EBUSY: it cannot be prepared')
    return await this.#inner.prepare()
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    let pieces = 0
    for await (const piece of this.#inner.read()) {
      this.#live()
      if (++pieces > 1 && this.failRead-- > 0) throw new Error('EINTR: it cannot be read')
      yield piece
    }
  }

  apply(changes: readonly Change[]): void | readonly ItemFailure[] | Promise<void | readonly ItemFailure[]> {
    if (!this.#slow) return this.#apply(changes)
    const mine = this.#before.then(() => this.#applySlowly(changes))
    this.#before = mine.catch(() => {})
    return mine
  }

  async finish(): Promise<void> {
    this.#live()
  }

  touchedByOthers(): boolean {
    return this.#inner.touchedByOthers()
  }

  async runEffects(effects: readonly Effect[], known: KnownItems): Promise<void> {
    this.#live()
    await this.#inner.runEffects(effects, known)
  }

  async *sweep(known: KnownItems): AsyncGenerator<Effect[]> {
    for await (const piece of this.#inner.sweep(known)) {
      this.#live()
      yield piece
    }
  }

  async #applySlowly(changes: readonly Change[]): Promise<void | readonly ItemFailure[]> {
    await new Promise((resolve) => setImmediate(resolve))
    const failures = this.#apply(changes)
    await new Promise((resolve) => setImmediate(resolve))
    this.#live()
    return failures
  }

  #apply(changes: readonly Change[]): void | readonly ItemFailure[] {
    if (this.batchesToLive <= 0) this.#die(changes)
    this.#live()
    const failures = this.#inner.apply(changes) as void | readonly ItemFailure[]
    this.batchesToLive--
    if (this.loseAnswers-- > 0) throw new Error('ENOBUFS: the answer is lost')
    return failures
  }

  /** Of changes that are made one by one, some are made before; a removal and the addition that follows it are one. */
  #die(changes: readonly Change[]): void {
    if (!this.dead && !this.transactional) {
      const half = changes.length >> 1
      const [last, next] = [changes[half - 1], changes[half]]
      const isOne = last !== undefined && next !== undefined && itemId(last.item) === itemId(next.item)
      void this.#inner.apply(changes.slice(0, isOne ? half - 1 : half))
    }
    this.dead = true
  }

  #live(): void {
    if (this.dead) throw new Error('the process is dead')
  }
}
