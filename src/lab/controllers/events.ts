import { apiMicroTime, apiTime } from '../../kube/times.ts'
import type { ApiStore, KubeObject } from '../api/types.ts'
import { same } from './canonical.ts'
import type { Clock } from './clock.ts'

/** Something worth telling about an object, as `kubectl describe` shows it. */
export interface Occurrence {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
  /** Set where the reporter speaks events.k8s.io/v1 (the scheduler does). */
  action?: string
}

/** How long an Event is kept: kube-apiserver's --event-ttl. */
const keepMs = 3_600_000

/** Writes Events into the store; the same occurrence again counts up, and old ones are removed. Failures never reach the controller. */
export class EventRecorder {
  readonly #store: ApiStore
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  /** By occurrence, the oldest first. */
  readonly #written = new Map<string, { namespace: string; name: string; atMs: number }>()

  constructor(store: ApiStore, clock: Clock, onError: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#onError = onError
  }

  record(source: string, object: KubeObject, occurrence: Occurrence): void {
    try {
      this.#expire()
      const id = [source, object.metadata.uid, occurrence.reason, occurrence.message].join('\n')
      if (!this.#countUp(id)) this.#create(id, source, object, occurrence)
    } catch (error) {
      this.#onError(error)
    }
  }

  #countUp(id: string): boolean {
    const written = this.#written.get(id)
    const event = written && this.#store.get('events', written.namespace, written.name)
    if (written === undefined || event === undefined) return false
    const next = structuredClone(event)
    next['count'] = ((event['count'] as number | undefined) ?? 1) + 1
    next['lastTimestamp'] = apiTime(this.#clock.now())
    if (!same(next, event)) this.#store.update('events', next)
    this.#written.delete(id)
    this.#written.set(id, { ...written, atMs: this.#clock.now() })
    return true
  }

  #create(id: string, source: string, object: KubeObject, occurrence: Occurrence): void {
    const nowMs = this.#clock.now()
    const namespace = object.metadata.namespace ?? 'default'
    const name = `${object.metadata.name}.${uniqueSuffix(nowMs)}`
    this.#store.create('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      ...body(source, object, occurrence, nowMs),
    })
    this.#written.set(id, { namespace, name, atMs: nowMs })
  }

  #expire(): void {
    for (const [id, { namespace, name, atMs }] of this.#written) {
      if (this.#clock.now() - atMs < keepMs) return
      this.#written.delete(id)
      if (this.#store.get('events', namespace, name) !== undefined) this.#store.remove('events', namespace, name)
    }
  }
}

let lastSuffix = 0n

/** Events are named after their object and the time in nanoseconds, in hex; ours count on where the clock stands still. */
function uniqueSuffix(nowMs: number): string {
  const suffix = BigInt(Math.trunc(nowMs)) * 1_000_000n
  lastSuffix = suffix > lastSuffix ? suffix : lastSuffix + 1n
  return lastSuffix.toString(16)
}

function body(
  source: string,
  object: KubeObject,
  { type, reason, message, action }: Occurrence,
  nowMs: number,
): object {
  const { namespace, name, uid, resourceVersion } = object.metadata
  const involvedObject = { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid, resourceVersion }
  const what = { involvedObject, type, reason, message, reportingComponent: source }
  if (action !== undefined) {
    return {
      ...what,
      action,
      source: {},
      eventTime: apiMicroTime(nowMs),
      firstTimestamp: null,
      lastTimestamp: null,
      reportingInstance: source,
    }
  }
  const time = apiTime(nowMs)
  return {
    ...what,
    source: { component: source },
    count: 1,
    eventTime: null,
    firstTimestamp: time,
    lastTimestamp: time,
    reportingInstance: '',
  }
}
