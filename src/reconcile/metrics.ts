/** Upper bounds in seconds; one more bucket takes what is above the last. */
const usualBounds = [0.000_01, 0.000_1, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10]

/** A histogram as plain numbers, in the shape that Prometheus wants: `counts[i]` of the values up to `bounds[i]`, not summed up. */
export interface HistogramValue {
  bounds: readonly number[]
  counts: number[]
  sum: number
  count: number
}

/** Durations in buckets. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0
  #count = 0

  /** @param bounds upper bounds in seconds, ascending */
  constructor(bounds: readonly number[] = usualBounds) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(seconds: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += seconds
    this.#count++
  }

  value(): HistogramValue {
    return { bounds: this.#bounds, counts: this.#counts.slice(), sum: this.#sum, count: this.#count }
  }
}

/** What a reconciler counts, ever since its start. */
export interface Counters {
  /** Batches that were acknowledged. */
  transactions: number
  changes: number
  /** Groups of subjects that were refused, each time they were. */
  failures: number
  /** Items that audits found missing, changed or foreign. */
  drift: number
  /** Repairs that were put off, since others keep taking back what they repair. */
  repairsPutOff: number
  epochs: number
  audits: number
  plans: number
  effectsRun: number
  effectsFailed: number
  sweeps: number
  /** When something was last written, in milliseconds since the epoch. */
  lastSyncMs: number | undefined
  /** From the first plan to the last acknowledgement of the last run that wrote something. */
  lastDurationSeconds: number | undefined
}

/** Counters and histograms of one reconciler, as plain numbers. */
export class Metrics {
  readonly counters: Counters = {
    transactions: 0,
    changes: 0,
    failures: 0,
    drift: 0,
    repairsPutOff: 0,
    epochs: 0,
    audits: 0,
    plans: 0,
    effectsRun: 0,
    effectsFailed: 0,
    sweeps: 0,
    lastSyncMs: undefined,
    lastDurationSeconds: undefined,
  }
  readonly planSeconds = new Histogram()
  readonly applySeconds = new Histogram()
  readonly runSeconds = new Histogram()
}
