import type { Page } from '../daemon/http.ts'
import { counter, type MetricFamily } from '../daemon/metrics/family.ts'
import type { Parts } from '../daemon/parts.ts'
import type { PartHealth } from '../daemon/progress.ts'

/** What kube-proxy writes for a time that was never: Go's zero time. */
const never = '0001-01-01T00:00:00Z'

const timeText = (ms: number | undefined): string => (ms === undefined ? never : new Date(ms).toISOString())

/** One part's line in the answer. */
interface HealthLine {
  lastUpdated: string
  healthy: boolean
}

/** How an agent says whether it is well: /healthz for load balancers, /livez for whoever would start it again (KEP-3836). */
export class AgentHealth {
  readonly #parts: Parts
  readonly #nodeEligible: () => boolean
  readonly #answers = { healthz: new Map<number, number>(), livez: new Map<number, number>() }

  /** @param nodeEligible whether load balancers may still send new connections to this node */
  constructor(parts: Parts, nodeEligible: () => boolean) {
    this.#parts = parts
    this.#nodeEligible = nodeEligible
  }

  /** Whether every part keeps up. */
  get isLive(): boolean {
    return this.#parts.health().every(({ healthy }) => healthy)
  }

  /** 503 when a part does not keep up, or the node is about to go. */
  healthz(): Page {
    const nodeEligible = this.#nodeEligible()
    return this.#answer('healthz', nodeEligible, { nodeEligible })
  }

  /** The same without regard to the node: it is no reason to start the agent again. */
  livez(): Page {
    return this.#answer('livez', true, {})
  }

  /** How often each was answered, by code. */
  metrics(): MetricFamily[] {
    const samples = (kind: 'healthz' | 'livez') =>
      [...this.#answers[kind]].map(([code, value]) => ({ labels: { code: String(code) }, value }))
    return [
      counter('kubeproxy_proxy_healthz_total', 'Answers of /healthz, by HTTP status.', samples('healthz')),
      counter('kubeproxy_proxy_livez_total', 'Answers of /livez, by HTTP status.', samples('livez')),
    ]
  }

  #answer(kind: 'healthz' | 'livez', alsoIf: boolean, more: object): Page {
    const health = this.#parts.health()
    const healthy = alsoIf && health.every((part) => part.healthy)
    const status = healthy ? 200 : 503
    this.#answers[kind].set(status, (this.#answers[kind].get(status) ?? 0) + 1)
    const currentTime = timeText(Date.now())
    // As kube-proxy: who watches this time wants a recent one while all is well, also when there was nothing to do for long.
    const lastUpdated = healthy ? currentTime : timeText(latest(health))
    const body = { lastUpdated, currentTime, ...more, healthy, ...this.#byFamily(health) }
    return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` }
  }

  /** `status` has a line for each family that a proxy serves, as kube-proxy has it; `parts` one for each part. */
  #byFamily(health: readonly PartHealth[]): { status: Record<string, HealthLine>; parts: Record<string, HealthLine> } {
    const status: Record<string, HealthLine> = {}
    const parts: Record<string, HealthLine> = {}
    for (const [index, { part, healthy, updatedMs }] of health.entries()) {
      const line = { lastUpdated: timeText(updatedMs), healthy }
      parts[part] = line
      const family = this.#parts.running[index]?.part.proxyFamily
      if (family !== undefined) status[family] = line
    }
    return { status, parts }
  }
}

function latest(health: readonly PartHealth[]): number | undefined {
  const times = health.flatMap(({ updatedMs }) => updatedMs ?? [])
  return times.length === 0 ? undefined : Math.max(...times)
}
