const tickMs = 50

interface Waiting {
  leftMs: number
  onEnd: () => void
}

/**
 * Timers that count only the time in which this process gets to run: on a machine that has more to do than it can, an answer may lie there long before anybody looks. Between
 * two looks no more than twice the usual time counts.
 */
export class OwnTime {
  readonly #now: () => number
  readonly #waiting = new Set<Waiting>()
  #ticking: NodeJS.Timeout | undefined
  #lastMs = 0

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** @returns what calls it off */
  after(milliseconds: number, onEnd: () => void): () => void {
    const waiting = { leftMs: milliseconds, onEnd }
    this.#waiting.add(waiting)
    this.#start()
    return () => {
      this.#waiting.delete(waiting)
      if (this.#waiting.size === 0) this.#stop()
    }
  }

  #start(): void {
    if (this.#ticking !== undefined) return
    this.#lastMs = this.#now()
    this.#ticking = setInterval(() => this.tick(), tickMs)
  }

  #stop(): void {
    clearInterval(this.#ticking)
    this.#ticking = undefined
  }

  /** Looks at the clock; called every 50 ms while somebody waits. */
  tick(): void {
    const nowMs = this.#now()
    const countedMs = Math.min(nowMs - this.#lastMs, 2 * tickMs)
    this.#lastMs = nowMs
    for (const waiting of this.#waiting) {
      waiting.leftMs -= countedMs
      if (waiting.leftMs > 0) continue
      this.#waiting.delete(waiting)
      waiting.onEnd()
    }
    if (this.#waiting.size === 0) this.#stop()
  }
}
