import type { WeftError } from '../model/error.ts'
import { isNetworkError } from './errors.ts'
import type { Exchange } from './exchange.ts'

/** In seconds. */
export interface LivenessTimes {
  /** The server is asked whether it is there when it has said nothing for so long, at the latest. */
  silence: number
  /** So long it has for the answer. */
  answer: number
}

/** client-go's, which asks by PING frames of HTTP/2: ReadIdleTimeout and PingTimeout (apimachinery, pkg/util/net). */
const usualTimes: LivenessTimes = { silence: 30, answer: 15 }

/**
 * Notices a server that keeps its connections and says nothing, as a process that is stopped or hangs: its kernel acknowledges what is sent, so TCP finds nothing wrong, and watches are
 * silent by nature. Whatever comes on any watch, or in answer to a call, says that it is there; only where nothing does it is asked, once for all watches.
 */
export class Liveness {
  readonly #ask: (timeoutSeconds: number) => Promise<unknown>
  readonly #times: LivenessTimes
  readonly #watches = new Set<Exchange>()
  #heardAtMs = 0
  #patienceMs = 0
  #timer: NodeJS.Timeout | undefined

  /** @param ask asks the server something small: that it answers counts, not what */
  constructor(ask: (timeoutSeconds: number) => Promise<unknown>, times: Partial<LivenessTimes> = {}) {
    this.#ask = ask
    this.#times = { ...usualTimes, ...times }
  }

  /** The server has said something. */
  heard(): void {
    this.#heardAtMs = performance.now()
  }

  /** An accepted watch: when the server is found not to answer, it fails with what became of the question (API_TIMEOUT, API_UNREACHABLE). */
  watch(exchange: Exchange): void {
    this.heard()
    this.#watches.add(exchange)
    if (this.#timer === undefined) this.#wait()
  }

  unwatch(exchange: Exchange): void {
    if (!this.#watches.delete(exchange) || this.#watches.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  get #silentMs(): number {
    return performance.now() - this.#heardAtMs
  }

  /** An event reaches all nodes at once: up to a third less, so that they do not all ask at once afterwards. */
  #wait(): void {
    this.#patienceMs = this.#times.silence * 1000 * (1 - Math.random() / 3)
    this.#timer = setTimeout(() => void this.#look(), this.#patienceMs - this.#silentMs).unref()
  }

  async #look(): Promise<void> {
    const timer = this.#timer
    if (this.#silentMs >= this.#patienceMs) {
      const failure = await this.#askNow()
      if (failure !== undefined) for (const exchange of this.#watches) exchange.fail(failure)
    }
    // Else the last watch ended meanwhile, and perhaps another has begun.
    if (this.#timer === timer && this.#watches.size > 0) this.#wait()
  }

  /** Says what went wrong if the server has not said anything since. */
  async #askNow(): Promise<WeftError | undefined> {
    const heardAtMs = this.#heardAtMs
    try {
      await this.#ask(this.#times.answer)
    } catch (error) {
      if (isNetworkError(error)) return this.#heardAtMs === heardAtMs ? (error as WeftError) : undefined
    }
    this.heard()
    return undefined
  }
}
