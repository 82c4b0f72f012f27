import { unlessAborted } from '../kube/abort.ts'
import type { ApiClient, Query } from '../kube/client.ts'
import { resourcePath } from '../kube/paths.ts'
import { Reflector, type StoreReader } from '../kube/reflector.ts'
import type { ObjectStore } from '../kube/store.ts'

/** One list of the API that a store follows, or several do. */
export interface ListOptions<T> extends StoreReader<T> {
  /** How it is called in messages; the resource if absent. */
  name?: string
  group?: string
  version?: string
  resource: string
  query?: Query
  also?: readonly StoreReader<any>[]
}

interface Entry {
  reflector: Reflector<any>
  lastError: string
}

/** The lists of the API that a process follows, and which of them fail. */
export class ApiLists {
  readonly #client: ApiClient
  readonly #onError: (list: string, message: string) => void
  readonly #entries = new Map<string, Entry>()
  readonly #first: Promise<void>[] = []

  /** @param onError told once about each failure of a list or watch that says something new; they go on by themselves. */
  constructor(client: ApiClient, onError: (list: string, message: string) => void) {
    this.#client = client
    this.#onError = onError
  }

  add<T>({ name, group = '', version = 'v1', resource, query, store, decode, also = [] }: ListOptions<T>): this {
    const entry: Entry = { lastError: '', reflector: undefined as unknown as Reflector<T> }
    entry.reflector = new Reflector<T>({
      client: this.#client,
      path: resourcePath({ ...(group && { group }), version, resource }),
      store,
      decode,
      also,
      ...(query !== undefined && { query }),
      onError: ({ message }) => {
        if (message !== entry.lastError || entry.reflector.state.failures <= 1) this.#onError(name ?? resource, message)
        entry.lastError = message
      },
    })
    this.#entries.set(name ?? resource, entry)
    for (const one of [store, ...also.map((reader) => reader.store)]) this.#first.push(delivered(one))
    return this
  }

  /** Follows all until the signal; resolves when each has completed its first list. */
  async start(signal: AbortSignal): Promise<void> {
    for (const { reflector } of this.#entries.values()) void reflector.run(signal)
    await unlessAborted(Promise.all(this.#first), signal)
  }

  /** Lists that fail at the moment, with the last error. */
  failing(): Record<string, string> {
    const failing = [...this.#entries].filter(([, { reflector }]) => reflector.state.failures > 0)
    return Object.fromEntries(failing.map(([name, { lastError }]) => [name, lastError]))
  }
}

/** When the store has told for the first time what there is. */
function delivered<T>(store: ObjectStore<T>): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.onChange(() => {
      stop()
      resolve()
    })
  })
}
