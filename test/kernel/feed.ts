import { Reflector } from '../../src/kube/reflector.ts'
import type { ObjectStore } from '../../src/kube/store.ts'
import type { KubeObject, WatchEvent } from '../../src/kube/types.ts'
import type { WeftError } from '../../src/model/error.ts'

interface FeedOptions<T> {
  store: ObjectStore<T>
  decode: (raw: any) => { key: string; value: T } | undefined
  /** What the first list has. */
  list?: readonly KubeObject[]
  onError?: (error: WeftError) => void
}

/** A list and a watch of the API, without one: a real reflector, fed by hand. */
export class Feed<T> {
  readonly #waiting: WatchEvent[] = []
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #version = 1
  #wake: (() => void) | undefined
  #idle: (() => void)[] = []

  constructor({ store, decode, list = [], onError }: FeedOptions<T>) {
    const events = this.#events()
    const client = {
      listPages: async (_path: string, _query: unknown, sink: { page(items: readonly unknown[]): void }) => {
        sink.page(list)
        return '1'
      },
      watch: () => events,
    }
    const reflector = new Reflector<T>({
      client: client as never,
      path: '/fed',
      store,
      decode,
      ...(onError && { onError }),
    })
    this.#done = reflector.run(this.#stop.signal)
  }

  put(object: KubeObject): void {
    this.#send('MODIFIED', object)
  }

  remove(metadata: { name: string; namespace?: string }): void {
    this.#send('DELETED', { metadata: { ...metadata } })
  }

  /** When the store has all that was sent. */
  async applied(): Promise<void> {
    while (this.#waiting.length > 0 || this.#wake === undefined) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    await this.#done
  }

  #send(type: WatchEvent['type'], object: KubeObject): void {
    object.metadata.resourceVersion = String(++this.#version)
    this.#waiting.push({ type, object })
    this.#wake?.()
  }

  async *#events(): AsyncGenerator<WatchEvent> {
    while (!this.#stop.signal.aborted) {
      const event = this.#waiting[0]
      if (event !== undefined) {
        yield event
        this.#waiting.shift()
        continue
      }
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      for (const resolve of this.#idle.splice(0)) resolve()
      await woken
      this.#wake = undefined
    }
  }
}
