import type { Metrics } from './metrics.ts'
import { backoffMs, Retry } from './retry.ts'
import { type Effect, itemId, type KnownItems, type Target } from './types.ts'

const batchEffects = 500
/** More than this waiting means that they cannot be run at present: a sweep finds again what is still due. */
const mostWaiting = 20_000

export interface EffectsOptions {
  target: Target
  known: KnownItems
  metrics: Metrics
  now: () => number
  random: () => number
  log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void
}

/**
 * Runs effects beside the hot path: coalesced by kind and key, halved and retried with backoff when they throw. Nothing is stored: a sweep after
 * the start and after every epoch finds what was left undone.
 */
export class Effects {
  readonly #options: EffectsOptions
  readonly #waiting = new Map<string, Effect>()
  readonly #later = new Map<string, Effect>()
  readonly #retry: Retry<string>
  #sweepAtMs: number | undefined
  #sweepFailures = 0
  #running: Promise<void> | undefined
  #closed = false

  constructor(options: EffectsOptions) {
    this.#options = options
    this.#retry = new Retry(options.now, options.random)
  }

  get waiting(): number {
    return this.#waiting.size + this.#later.size
  }

  get sweepDue(): boolean {
    return this.#sweepAtMs !== undefined
  }

  add(effects: Iterable<Effect>): void {
    if (this.#options.target.runEffects === undefined) return
    for (const effect of effects) {
      const id = itemId(effect)
      this.#later.delete(id)
      this.#retry.succeeded(id)
      this.#waiting.set(id, effect)
    }
    if (this.waiting > mostWaiting) this.#giveUp()
  }

  /** Compare once what the kernel has learnt with what is wanted. */
  sweepSoon(): void {
    if (this.#options.target.sweep !== undefined) this.#sweepAtMs = this.#options.now()
  }

  /** Starts what is due, unless it is being run. Cheap. Returns when something will be due next. */
  tick(): number | undefined {
    for (const id of this.#retry.due()) this.#again(id)
    const sweepNow = this.#sweepAtMs !== undefined && this.#sweepAtMs <= this.#options.now()
    if ((this.#waiting.size > 0 || sweepNow) && this.#running === undefined && !this.#closed) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined
      })
    }
    const [retry, sweep] = [this.#retry.nextMs, this.#sweepAtMs]
    return retry === undefined || sweep === undefined ? (retry ?? sweep) : Math.min(retry, sweep)
  }

  /** Everything is tried at once. */
  soon(): void {
    for (const id of this.#retry.soon()) this.#again(id)
    if (this.#sweepAtMs !== undefined) this.#sweepAtMs = this.#options.now()
  }

  /** When what was started is done; what waits for a retry is left. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  close(): void {
    this.#closed = true
  }

  #again(id: string): void {
    const effect = this.#later.get(id)
    if (effect === undefined) return
    this.#later.delete(id)
    this.#waiting.set(id, effect)
  }

  async #run(): Promise<void> {
    // The hot path first.
    await new Promise((resolve) => setImmediate(resolve))
    await this.#runWaiting()
    if (this.#sweepAtMs !== undefined && this.#sweepAtMs <= this.#options.now()) await this.#sweep()
  }

  async #runWaiting(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closed) {
      const batch: Effect[] = []
      for (const [id, effect] of this.#waiting) {
        this.#waiting.delete(id)
        if (batch.push(effect) === batchEffects) break
      }
      await this.#runBatch(batch)
    }
  }

  async #runBatch(batch: readonly Effect[]): Promise<void> {
    const { target, known, metrics, log } = this.#options
    try {
      await target.runEffects?.(batch, known)
      metrics.counters.effectsRun += batch.length
      for (const effect of batch) this.#retry.succeeded(itemId(effect))
    } catch (error) {
      if (this.#closed) return
      if (batch.length > 1) {
        const half = batch.length >> 1
        await this.#runBatch(batch.slice(0, half))
        await this.#runBatch(batch.slice(half))
        return
      }
      const [effect] = batch
      if (effect === undefined) return
      const id = itemId(effect)
      metrics.counters.effectsFailed++
      // Asked for again meanwhile: that one stands.
      if (this.#waiting.has(id)) return
      this.#later.set(id, effect)
      this.#retry.fail(id, textOf(error))
      log('warn', 'what follows from a change could not be done; it is tried again', {
        effect: id,
        error: textOf(error),
      })
    }
  }

  async #sweep(): Promise<void> {
    const { target, known, metrics, log, now, random } = this.#options
    this.#sweepAtMs = undefined
    try {
      for await (const piece of target.sweep?.(known) ?? []) {
        if (this.#closed) return
        this.add(piece)
        await this.#runWaiting()
      }
      metrics.counters.sweeps++
      this.#sweepFailures = 0
    } catch (error) {
      this.#sweepAtMs = now() + backoffMs(++this.#sweepFailures, random)
      log('warn', 'what the kernel has learnt could not be compared; it is tried again', { error: textOf(error) })
    }
  }

  #giveUp(): void {
    const { log } = this.#options
    log('warn', 'too much waits to be done; a comparison of everything takes its place', { effects: this.waiting })
    this.#waiting.clear()
    this.#later.clear()
    this.#retry.clear()
    this.sweepSoon()
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
