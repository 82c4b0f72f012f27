import type { Metric } from 'prom-client'
import type { Labels, MetricFamily, MetricSource } from './family.ts'

interface Line {
  metricName: string
  labels: Labels
  value: number
}

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * What the sources tell, in the text format of Prometheus. Nothing is counted here: the parts count by themselves, and this reads their figures when somebody asks.
 *
 * The registry is loaded by the first who asks, and alone: the whole of prom-client takes 11.5 MB of resident memory and 20 ms, its registry 1.3 MB and 2 ms
 * (Node 20).
 */
export async function exposition(sources: Iterable<MetricSource>): Promise<string> {
  const { default: Registry } = await import('prom-client/lib/registry.js')
  const registry = new Registry()
  for (const source of sources) for (const family of source()) registry.registerMetric(asMetric(family))
  return registry.metrics()
}

/** As prom-client's registry asks for it: by get(). */
function asMetric(family: MetricFamily): Metric {
  const { name, help, type } = family
  const metric = { name, help, type, get: async () => ({ name, help, type, values: linesOf(family) }) }
  return metric as unknown as Metric
}

function linesOf(family: MetricFamily): Line[] {
  const { name, type } = family
  if (type !== 'histogram') return family.samples.map(({ labels, value }) => ({ metricName: name, labels, value }))
  return family.samples.flatMap(({ labels, value: { bounds, counts, sum, count } }) => {
    let below = 0
    const buckets = bounds.map((bound, index) => {
      below += counts[index] ?? 0
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: below }
    })
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  })
}
