import type { KubeObject } from './types.ts'

/** How long an Event outlives the last write to it (kube-apiserver, --event-ttl). */
const eventTtlMs = 3_600_000

/** How often those that are too old are looked for. */
const lookEveryMs = 60_000

/** What of the store is needed to remove Events. */
export interface EventStore {
  list(resource: string): KubeObject[]
  remove(resource: string, namespace: string | undefined, name: string): unknown
}

/** Removes Events that nobody has written to for an hour; otherwise a lab that runs for days has all that ever happened in memory. */
export function dropOldEvents(store: EventStore, now: Date): void {
  for (const event of store.list('events'))
    if (now.getTime() - writtenAt(event) > eventTtlMs)
      store.remove('events', event.metadata.namespace, event.metadata.name)
}

/** Its fields' managers note when they wrote. */
function writtenAt({ metadata }: KubeObject): number {
  const times = [metadata.creationTimestamp, ...(metadata.managedFields ?? []).map(({ time }) => time ?? '')]
  return Math.max(...times.map((time) => Date.parse(time) || 0))
}

/** Does so from now on; returns what ends it. */
export function keepEventsYoung(store: EventStore, onError: (error: unknown) => void): () => void {
  const timer = setInterval(() => {
    try {
      dropOldEvents(store, new Date())
    } catch (error) {
      onError(error)
    }
  }, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}
