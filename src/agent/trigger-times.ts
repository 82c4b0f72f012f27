import type { Decoded } from '../kube/reflector.ts'
import { followStore, type ObjectStore } from '../kube/store.ts'
import type { EndpointSlice as ApiSlice } from '../kube/types.ts'
import type { EndpointSlice } from '../model/endpoints.ts'
import type { Family } from '../model/ip.ts'
import { subjectsOf } from '../proxy/subjects.ts'
import type { ServiceView } from '../proxy/view.ts'
import { CommitLatency } from '../reconcile/commit-latency.ts'
import type { HistogramValue } from '../reconcile/metrics.ts'
import type { Reconciler } from '../reconcile/reconciler.ts'
import { networkProgrammingBounds } from './proxy-metrics.ts'

const annotation = 'endpoints.kubernetes.io/last-change-trigger-time'

type Decode = (raw: ApiSlice) => Decoded<EndpointSlice> | undefined

/**
 * When the causes of EndpointSlices' changes happened (a pod became Ready), as the EndpointSlice controller says it. Beside the view, where nothing is planned from it.
 * Causes from before this process do not count (kube-proxy, EndpointsChangeTracker): nobody was there to write them sooner.
 */
export class TriggerTimes {
  readonly #startedMs: number
  /** By slice; what was taken is gone. */
  readonly #fresh = new Map<string, number>()
  readonly #last = new Map<string, number>()

  constructor(startedMs: number = Date.now()) {
    this.#startedMs = startedMs
  }

  /** The same decoding, noting what the annotation says. */
  noting(decode: Decode): Decode {
    return (raw) => {
      const decoded = decode(raw)
      const atMs = Date.parse(raw.metadata.annotations?.[annotation] ?? '')
      if (decoded !== undefined && atMs >= this.#startedMs) this.#note(decoded.key, atMs)
      return decoded
    }
  }

  /** The trigger of the slice's last change, once. */
  take(slice: string): number | undefined {
    const atMs = this.#fresh.get(slice)
    this.#fresh.delete(slice)
    return atMs
  }

  /** Forgets slices that go, of whatever family: nobody may serve theirs. */
  forgetGone(slices: ObjectStore<EndpointSlice>): void {
    followStore(slices, (changes) => {
      for (const [key, { now }] of changes) if (now === undefined) this.#forget(key)
    })
  }

  /** How many slices something is known of. */
  get size(): number {
    return this.#last.size
  }

  #forget(slice: string): void {
    this.#fresh.delete(slice)
    this.#last.delete(slice)
  }

  #note(slice: string, atMs: number): void {
    if (this.#last.get(slice) === atMs) return
    this.#last.set(slice, atMs)
    // The newest: one before it may belong to a change of nothing that the view keeps, which nobody took.
    this.#fresh.set(slice, atMs)
  }
}

/** Measures from those triggers until a proxy has written what they touch. `value` is what was measured so far. */
export function networkProgramming(
  reconciler: Reconciler,
  view: ServiceView,
  family: Family,
  triggers: TriggerTimes,
): { value: () => HistogramValue; stop: () => void } {
  const latency = new CommitLatency(reconciler, networkProgrammingBounds)
  const stop = view.slices.onChange((changes) => {
    for (const [key, { now }] of changes) {
      if (now?.family !== family) continue
      const triggerMs = triggers.take(key)
      if (triggerMs === undefined) continue
      const service = `${now.namespace}/${now.service}`
      latency.triggered(subjectsOf(service, view.services.get(service)), triggerMs)
    }
  })
  return { value: () => latency.value(), stop }
}
