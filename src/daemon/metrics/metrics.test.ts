import { describe, expect, it } from 'vitest'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Histogram } from '../../reconcile/metrics.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { exposition } from './exposition.ts'
import { counter, gauge, histogram } from './family.ts'
import { apiMetrics, partMetrics } from './parts.ts'
import { processMetrics } from './process.ts'

describe('the text format', () => {
  it('writes counters, gauges and histograms as Prometheus reads them', async () => {
    const seconds = new Histogram([0.1, 1])
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value)
    const text = await exposition([
      () => [counter('a_total', 'A "help"\nof two lines.', [{ labels: { x: 'q"\\\n' }, value: 3 }])],
      () => [gauge('b', 'B.', [{ labels: {}, value: 0.5 }])],
      () => [histogram('c_seconds', 'C.', [{ labels: { part: 'p' }, value: seconds.value() }])],
    ])
    expect(text.split('\n').filter((line) => line !== '')).toEqual([
      '# HELP a_total A "help"\\nof two lines.',
      '# TYPE a_total counter',
      'a_total{x="q\\"\\\\\\n"} 3',
      '# HELP b B.',
      '# TYPE b gauge',
      'b 0.5',
      '# HELP c_seconds C.',
      '# TYPE c_seconds histogram',
      'c_seconds_bucket{part="p",le="0.1"} 2',
      'c_seconds_bucket{part="p",le="1"} 3',
      'c_seconds_bucket{part="p",le="+Inf"} 4',
      'c_seconds_sum{part="p"} 7.65',
      'c_seconds_count{part="p"} 4',
    ])
  })
})

describe('the figures of a part', () => {
  it('come from its reconciler', async () => {
    const part = {
      name: 'toy',
      kinds: { thing: { stage: 0 } },
      plan: (subject: string) => ({
        items: subject === 'a' ? [{ kind: 'thing', key: 'k', value: 'v' }] : [],
        refusals: subject === 'a' ? [] : [{ reason: 'Odd', message: 'm' }],
        rank: { gone: false, createdMs: 0, name: subject },
      }),
      learn: () => [],
      ownerOf: () => undefined,
    }
    const reconciler = new Reconciler({ part, target: new FakeTarget(['thing']) })
    await reconciler.start(['a', 'b', 'c'])
    const text = await exposition([() => partMetrics([reconciler.status()]), () => apiMetrics({ nodes: 'refused' })])
    for (const line of [
      'weft_reconciler_synced{part="toy"} 1',
      'weft_reconciler_items{part="toy"} 1',
      'weft_reconciler_changes_total{part="toy"} 1',
      'weft_reconciler_refusals{part="toy",reason="Odd"} 2',
      'weft_reconciler_run_seconds_count{part="toy"} 1',
      'weft_reconciler_plan_seconds_count{part="toy"} 3',
      'weft_api_lists_failing 1',
      'weft_api_list_failing{resource="nodes"} 1',
    ])
      expect(text).toContain(`${line}\n`)
    reconciler.close()
  })

  it('stand beside those of the process', async () => {
    expect(await exposition([processMetrics])).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m)
  })
})
