import type { ClientRequest, IncomingMessage } from 'node:http'
import { WeftError } from '../model/error.ts'
import { listenForAbort } from './abort.ts'
import { cancelledError, networkError, timeoutError } from './errors.ts'

/** What errors say of the request. */
export interface CallDescription {
  method: string
  url: string
  origin: string
}

/**
 * One request and its answer. Whatever ends it early (signal, deadline, network) is told apart by `explain`, since node reports all of
 * them as a reset socket.
 */
export class Exchange {
  /** Resolves when the answer's headers are in. */
  readonly response: Promise<IncomingMessage>
  readonly description: CallDescription
  readonly #request: ClientRequest
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: () => void
  #killedBy: WeftError | undefined
  #deadline: NodeJS.Timeout | undefined

  constructor(request: ClientRequest, description: CallDescription, signal: AbortSignal | undefined) {
    this.#request = request
    this.#signal = signal
    this.description = description
    this.response = new Promise((resolve, reject) => request.on('response', resolve).on('error', reject))
    this.response.catch(() => undefined)
    this.#onAbort = () => this.cancel(signal?.reason)
    if (signal?.aborted) this.#onAbort()
    else if (signal) listenForAbort(signal, this.#onAbort)
  }

  /** Ends the exchange with API_CANCELLED. */
  cancel(reason: unknown): void {
    this.fail(cancelledError(reason))
  }

  /** Ends the exchange with that error, unless it has ended with another one. */
  fail(error: WeftError): void {
    this.#killedBy ??= error
    this.#request.destroy(error)
  }

  /** Ends the exchange unless `disarm` or another `arm` comes within the time; `what` says what was waited for. */
  arm(seconds: number, what: string): void {
    this.disarm()
    const { origin } = this.description
    this.#deadline = setTimeout(() => this.fail(timeoutError(origin, what, seconds)), seconds * 1000)
  }

  disarm(): void {
    clearTimeout(this.#deadline)
  }

  /** The typed error for whatever was thrown while the exchange ran. */
  explain(cause: unknown): WeftError {
    if (this.#killedBy) return this.#killedBy
    return cause instanceof WeftError ? cause : networkError(cause, this.description.origin)
  }

  /** True if the request was put on a kept connection that the server was closing just then: it never read it. */
  metClosingConnection(cause: unknown): boolean {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code
    return this.#request.reusedSocket && !this.#killedBy && (code === 'ECONNRESET' || code === 'EPIPE')
  }

  /** Lets go of timer and signal; drops the connection unless the answer was read to its end. */
  finish(): void {
    this.disarm()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#request.destroy()
  }
}
