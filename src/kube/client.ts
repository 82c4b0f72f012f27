import { readAnswer, readFailure } from './answer.ts'
import type { Connection, Credentials } from './connection.ts'
import { cancelledError, isUnauthorized } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { Liveness, type LivenessTimes } from './liveness.ts'
import { type ListPage, type PageSink, readPages } from './pages.ts'
import { type Call, type Query, Transport } from './transport.ts'
import type { KubeObject, Status, WatchEvent } from './types.ts'
import { readEvents, type WatchOptions, watchQuery } from './watch.ts'

export type { Connection } from './connection.ts'
export { ApiError, isAlreadyExists, isConflict, isGone, isNetworkError, isNotFound, isRecreated } from './errors.ts'
export type { PageSink } from './pages.ts'
export type { Query } from './transport.ts'
export type { WatchOptions } from './watch.ts'

export interface CallOptions {
  signal?: AbortSignal | undefined
  /** For the whole call; 30 when absent, 60 for each page of a list. */
  timeoutSeconds?: number | undefined
}

export interface WriteOptions extends CallOptions {
  /** E.g. `fieldManager`, `dryRun`. */
  query?: Query
}

/** A complete list, and the version to watch from. */
export interface ObjectList<T> {
  items: T[]
  resourceVersion: string
}

export interface ListOptions extends CallOptions {
  /** Objects a page; 500 when absent. */
  limit?: number
}

export type PatchType = 'merge' | 'strategic' | 'json' | 'apply'

/** Kubernetes API concepts, "Patch and apply". JSON is YAML, so an apply patch may be JSON. */
const patchContentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
}

const CALL_TIMEOUT_SECONDS = 30
const PAGE_TIMEOUT_SECONDS = 60
const WATCH_OPEN_TIMEOUT_SECONDS = 30
const WATCH_MARGIN_SECONDS = 30
/** After a restart of the server every kept connection may be a dead one. */
const GET_ATTEMPTS = 3
/** What costs the API server next to nothing: it is exempt from flow control, and etcd is not asked (kube-apiserver, bootstrap FlowSchema `probes`; health checks). */
const LIVEZ_QUERY: Query = { exclude: 'etcd' }
const CLOSED = new Error('the client was closed')

/**
 * Client of one Kubernetes API server. Paths come from `resourcePath`. Nothing is retried but a GET that met a connection just being
 * closed, and once what was refused with 401 where other credentials can be had: whoever calls knows what may be repeated (`ApiError.retryAfterSeconds`
 * says when).
 *
 * All calls throw `ApiError` for an answer that is a failure, else WeftError API_UNREACHABLE, API_TIMEOUT, API_MALFORMED (fault peer)
 * or API_CANCELLED.
 */
export class ApiClient {
  readonly #transport: Transport
  readonly #exchanges = new Set<Exchange>()
  readonly #liveness: Liveness
  #closed = false

  /** @param times when a server counts as gone that keeps the connections of its watches and says nothing; as client-go has them if absent */
  constructor(connection: Connection, times: Partial<LivenessTimes> = {}) {
    this.#transport = new Transport(connection)
    const ask = (timeoutSeconds: number): Promise<unknown> => this.get('/livez', LIVEZ_QUERY, { timeoutSeconds })
    this.#liveness = new Liveness(ask, times)
  }

  /** The server's scheme, host and port. */
  get origin(): string {
    return this.#transport.origin
  }

  get<T>(path: string, query?: Query, options: CallOptions = {}): Promise<T> {
    return this.#call<T>({ method: 'GET', path, query }, options)
  }

  create<T>(path: string, body: unknown, options: WriteOptions = {}): Promise<T> {
    return this.#call<T>({ method: 'POST', path, body, query: options.query }, options)
  }

  replace<T>(path: string, body: unknown, options: WriteOptions = {}): Promise<T> {
    return this.#call<T>({ method: 'PUT', path, body, query: options.query }, options)
  }

  /** `apply` needs `fieldManager` in the query. */
  patch<T>(
    path: string,
    body: unknown,
    type: PatchType = 'merge',
    query?: Query,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#call<T>({ method: 'PATCH', path, body, query, contentType: patchContentTypes[type] }, options)
  }

  /** `body` holds DeleteOptions. Answers with the object as it is while finalizers hold it, else with a Status. */
  remove<T = KubeObject | Status>(path: string, body?: unknown, options: WriteOptions = {}): Promise<T> {
    return this.#call<T>({ method: 'DELETE', path, body, query: options.query }, options)
  }

  /** The whole list, fetched in pages and begun again when its continue token expires. */
  async list<T>(path: string, query?: Query, options: ListOptions = {}): Promise<ObjectList<T>> {
    let items: T[] = []
    const sink: PageSink<T> = {
      restart: () => void (items = []),
      page: (page) => {
        for (const item of page) items.push(item)
      },
    }
    const resourceVersion = await this.listPages(path, query, sink, options)
    return { items, resourceVersion }
  }

  /** As `list`, handing over page by page, so that only what the sink keeps stays in memory. Returns the list's resourceVersion. */
  listPages<T>(path: string, query: Query | undefined, sink: PageSink<T>, options: ListOptions = {}): Promise<string> {
    const timeoutSeconds = options.timeoutSeconds ?? PAGE_TIMEOUT_SECONDS
    const fetchPage = (paging: Query): Promise<ListPage<T>> =>
      this.get(path, { ...query, ...paging }, { signal: options.signal, timeoutSeconds })
    return readPages(fetchPage, sink, options.limit, this.origin + path)
  }

  /**
   * Events after `resourceVersion`, bookmarks included. The generator ends when the server ends the stream; an ERROR event is thrown as
   * ApiError. Leaving the loop closes the connection; while the consumer is busy nothing is read from it.
   */
  async *watch<T = KubeObject>(path: string, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const call: Call = { method: 'GET', path, query: watchQuery(options) }
    for (let renewed = false; ; renewed = true) {
      const credentials = await this.#transport.credentials(options.signal)
      const exchange = this.#open(call, credentials, options.signal)
      try {
        exchange.arm(WATCH_OPEN_TIMEOUT_SECONDS, 'opening a watch')
        const response = await exchange.response
        if (response.statusCode === 401 && this.#transport.refused(credentials) && !renewed) continue
        if (response.statusCode !== 200) throw await readFailure(response, exchange.description)
        this.#liveness.watch(exchange)
        options.onOpen?.()
        const margin = options.timeoutSeconds + WATCH_MARGIN_SECONDS
        yield* readEvents<T>(response, exchange, options.idleTimeoutSeconds ?? margin, () => this.#liveness.heard())
        return
      } catch (cause) {
        throw exchange.explain(cause)
      } finally {
        this.#finish(exchange)
      }
    }
  }

  /** Ends all calls and watches under way with API_CANCELLED, and closes all connections. */
  close(): void {
    this.#closed = true
    for (const exchange of this.#exchanges) {
      this.#liveness.unwatch(exchange)
      exchange.cancel(CLOSED)
    }
    this.#transport.close()
  }

  async #call<T>(call: Call, options: CallOptions): Promise<T> {
    let renewed = false
    for (let attempt = 1; ; attempt++) {
      const asked = this.#transport.credentials(options.signal)
      const credentials = asked && (await asked)
      const exchange = this.#open(call, credentials, options.signal)
      try {
        exchange.arm(options.timeoutSeconds ?? CALL_TIMEOUT_SECONDS, `${call.method} ${call.path}`)
        const answer = await readAnswer<T>(exchange)
        this.#liveness.heard()
        return answer
      } catch (cause) {
        const again = call.method === 'GET' && attempt < GET_ATTEMPTS && exchange.metClosingConnection(cause)
        const renews: boolean = !again && isUnauthorized(cause) && this.#transport.refused(credentials) && !renewed
        if (!again && !renews) throw exchange.explain(cause)
        renewed ||= renews
      } finally {
        this.#finish(exchange)
      }
    }
  }

  #open(call: Call, credentials: Credentials | undefined, signal: AbortSignal | undefined): Exchange {
    if (this.#closed) throw cancelledError(CLOSED)
    const exchange = this.#transport.open(call, credentials, signal)
    this.#exchanges.add(exchange)
    return exchange
  }

  #finish(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
    this.#liveness.unwatch(exchange)
    exchange.finish()
  }
}
