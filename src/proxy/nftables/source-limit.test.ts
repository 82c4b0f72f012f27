import { describe, expect, it } from 'vitest'
import { parseCIDR } from '../../model/ip.ts'
import { mergeRanges } from '../../model/ranges.ts'
import type { ServiceEntry } from '../../model/service-table.ts'
import { limitSources, mostSourcesOfAddress } from './source-limit.ts'

const entry = (count: number): ServiceEntry => ({
  addresses: [
    {
      kind: 'ClusterIP',
      address: '10.43.0.10',
      protocol: 'TCP',
      port: 80,
      policy: 'Cluster',
      external: false,
      claim: 'a',
    },
    {
      kind: 'LoadBalancerIP',
      address: '203.0.113.6',
      protocol: 'TCP',
      port: 80,
      policy: 'Cluster',
      external: true,
      claim: 'b',
      sources: mergeRanges(
        Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`).flatMap(
          (text) => parseCIDR(text) ?? [],
        ),
      ),
    },
  ],
  refusals: [],
  affinitySeconds: 0,
})

describe('source ranges of one address', () => {
  it('are all let in up to the limit, which the ports of the Service share', () => {
    const one = entry(mostSourcesOfAddress)
    expect(limitSources(one, 1)).toBe(one)
    expect(limitSources(entry(100), 50).refusals).toEqual([])
    expect(limitSources(entry(101), 50).refusals).toMatchObject([{ reason: 'TooManySourceRanges' }])
  })

  it('beyond it let nobody in, and that is told', () => {
    const { addresses, refusals } = limitSources(entry(20_000), 2)
    expect(addresses.map(({ sources }) => sources?.length)).toEqual([undefined, 2500])
    expect(refusals).toEqual([
      {
        reason: 'TooManySourceRanges',
        message: '203.0.113.6 port 80: 20000 source ranges; the first 2500 of them are let in',
      },
    ])
  })
})
