import { startEvents } from '../daemon/events.ts'
import type { ApiLists } from '../daemon/lists.ts'
import type { Log } from '../daemon/log.ts'
import { Parts } from '../daemon/parts.ts'
import { objectsOfNodes } from '../daemon/refusals.ts'
import { untilAborted } from '../kube/abort.ts'
import type { ApiClient } from '../kube/client.ts'
import { runLeaderElection } from '../kube/lease.ts'
import type { ControllerConfig } from './config.ts'
import { makeParts } from './parts.ts'

/** Stands for election again and again, and runs the parts while it leads; at once where there is no election. */
export class Leadership {
  readonly parts = new Parts()
  readonly #config: ControllerConfig
  readonly #client: ApiClient
  readonly #log: Log
  #leading = false
  #leader = ''
  /** What the last try to read or write the Lease that failed ended with, and when. */
  #leaseError: { message: string; atMs: number } | undefined
  #terms = 0
  #lists: ApiLists | undefined

  constructor(config: ControllerConfig, client: ApiClient, log: Log) {
    this.#config = config
    this.#client = client
    this.#log = log
  }

  get leading(): boolean {
    return this.#leading
  }

  /** Who leads; empty if that is not known. A Lease in our own name that could not be renewed says nothing of it. */
  get leader(): string {
    return !this.#leading && this.#leader === this.#config.identity ? '' : this.#leader
  }

  /** How often this process has begun to lead. */
  get terms(): number {
    return this.#terms
  }

  /** Resolves when the signal aborts. @throws what a part throws at its start */
  async run(signal: AbortSignal): Promise<void> {
    const { leaderElection, identity } = this.#config
    if (!leaderElection.enabled) {
      this.#leader = identity
      return this.#lead(signal)
    }
    let reported = ''
    let work: Promise<void> | undefined
    while (!signal.aborted) {
      const end = await runLeaderElection(
        {
          ...leaderElection,
          client: this.#client,
          identity,
          onStartedLeading: (term) => (work = this.#lead(term)),
          onNewLeader: (leader) => {
            this.#leader = leader
            this.#leaseError = undefined
          },
          onError: (error) => {
            const message = error instanceof Error ? error.message : String(error)
            this.#leaseError = { message, atMs: Date.now() }
            if (message !== reported) this.#log('warn', 'the Lease cannot be read or written', { error: message })
            reported = message
          },
        },
        signal,
      )
      if (end === 'lost') this.#log('warn', 'the Lease is lost; standing for election again', { leader: this.#leader })
      // Else what the lost term still has to stop would be the next one's.
      await work
    }
  }

  /** Lists of the API that fail, and the Lease, by resource. */
  failing(): Record<string, string> {
    const { renewDeadlineSeconds, retryPeriodSeconds } = this.#config.leaderElection
    const error = this.#leading ? undefined : this.#leaseError
    // Nobody tells of a try that went well: by then there would have been another one that did not.
    const isFresh = Date.now() - (error?.atMs ?? 0) < 1000 * (renewDeadlineSeconds + 3 * retryPeriodSeconds)
    return { ...(error !== undefined && isFresh && { leases: error.message }), ...this.#lists?.failing() }
  }

  async #lead(term: AbortSignal): Promise<void> {
    this.#leading = true
    this.#terms++
    this.#log('info', 'leading', { identity: this.#config.identity })
    try {
      await this.#runParts(term)
    } catch (error) {
      if (!term.aborted) throw error
    } finally {
      this.#leading = false
      this.parts.stop()
      this.#lists = undefined
      this.#log('info', 'no longer leading', { identity: this.#config.identity })
    }
  }

  async #runParts(term: AbortSignal): Promise<void> {
    const [client, log] = [this.#client, this.#log]
    const { lists, parts } = makeParts({ config: this.#config, client, signal: term, log, logged: true })
    this.#lists = lists
    await lists.start(term)
    const refusals = () => this.parts.refusals()
    startEvents(
      {
        client,
        component: 'weft-controller',
        instance: this.#config.identity,
        refusals,
        objectOf: objectsOfNodes,
        suffix: '',
        log,
      },
      term,
    )
    await this.parts.run(parts, log)
    await untilAborted(term)
  }
}
