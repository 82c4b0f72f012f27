import type { RunningPart } from '../daemon/run-part.ts'
import type { Family } from '../model/ip.ts'
import { serviceKey } from '../model/services.ts'
import { bySlicesService, type ServiceView } from '../proxy/view.ts'

/** Services of policy Local that have endpoints, but none on this node. */
export interface WithoutLocalEndpoints {
  internal: number
  external: number
}

/** Changes of objects. */
export interface Changes {
  services: number
  endpoints: number
}

/** Counts what happens to Services and EndpointSlices, for the metrics alone. */
export class ServiceCounts {
  readonly #view: ServiceView
  readonly #nodeName: string
  readonly seen: Changes = { services: 0, endpoints: 0 }
  readonly #written = new Map<RunningPart, Changes>()

  constructor(view: ServiceView, nodeName: string) {
    this.#view = view
    this.#nodeName = nodeName
    view.services.onChange(({ size }) => void (this.seen.services += size))
    view.slices.onChange(({ size }) => void (this.seen.endpoints += size))
  }

  /** Notes what a part has written, from now on. */
  watch(part: RunningPart): void {
    part.progress.onUpdated(() => this.#written.set(part, { ...this.seen }))
  }

  /** What a part has not written yet. */
  pending(part: RunningPart): Changes {
    const written = this.#written.get(part)
    return {
      services: this.seen.services - (written?.services ?? 0),
      endpoints: this.seen.endpoints - (written?.endpoints ?? 0),
    }
  }

  /** Walks the Services of policy Local: for a scrape. */
  withoutLocalEndpoints(family: Family): WithoutLocalEndpoints {
    const counts = { internal: 0, external: 0 }
    for (const service of this.#view.services.values()) {
      const internal = service.internalTrafficPolicy === 'Local'
      const external = service.externalTrafficPolicy === 'Local'
      if (!(internal || external) || !this.#lacksLocal(serviceKey(service), family)) continue
      if (internal) counts.internal++
      if (external) counts.external++
    }
    return counts
  }

  #lacksLocal(service: string, family: Family): boolean {
    let any = false
    for (const slice of this.#view.slices.byIndex(bySlicesService, service)) {
      if (slice.family !== family) continue
      for (const { ready, serving, terminating, nodeName } of slice.endpoints) {
        if (!ready && !(serving && terminating)) continue
        if (nodeName === this.#nodeName) return false
        any = true
      }
    }
    return any
  }
}
