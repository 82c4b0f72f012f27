import { describe, expect, it } from 'vitest'
import { parseCIDR } from '../../model/ip.ts'
import { mergeRanges } from '../../model/ranges.ts'
import type { ServiceAddress, ServiceEntry } from '../../model/service-table.ts'
import { listMask } from './number.ts'
import { mostSourcePrefixes, sourceItems, sourcesOf } from './source-items.ts'

const ranges = (...texts: string[]) => mergeRanges(texts.flatMap((text) => parseCIDR(text) ?? []))
const address = (over: Partial<ServiceAddress> = {}): ServiceAddress => ({
  kind: 'LoadBalancerIP',
  address: '203.0.113.6',
  protocol: 'TCP',
  port: 80,
  policy: 'Cluster',
  external: true,
  claim: 'b',
  ...over,
})
const entry = (...addresses: ServiceAddress[]): ServiceEntry => ({ addresses, refusals: [], affinitySeconds: 0 })
const items = (one: ServiceEntry) => Array.from(sourceItems(5, sourcesOf(one, 1) ?? { ranges: [], most: 0 }))

describe('source ranges of a Service port', () => {
  it('are prefixes under its list and their length', () => {
    const keys = items(entry(address({ sources: ranges('192.0.2.0/24', '198.51.100.7', '10.0.0.0/23') })))
    expect(
      keys.map(({ key }) => [
        Number(key.split(' ')[0]) >>> 20,
        Number(key.split(' ')[0]) & listMask,
        key.split(' ')[2],
      ]),
    ).toEqual([
      [24, 5, '10.0.0.0'],
      [24, 5, '10.0.1.0'],
      [24, 5, '192.0.2.0'],
      [32, 5, '198.51.100.7'],
    ])
  })

  it('of IPv6 reach up to 128', () => {
    const keys = items(entry(address({ sources: ranges('2001:db8::/32', 'fd00::1') })))
    expect(keys.map(({ key }) => key)).toEqual([
      `${((32 << 20) | 5) >>> 0} . 2001:db8::`,
      `${((128 << 20) | 5) >>> 0} . fd00::1`,
    ])
  })

  it('are those of all its restricted addresses, and none where none is', () => {
    const own = address({ sources: ranges('192.0.2.0/24', '203.0.113.6'), address: '203.0.113.6' })
    const other = address({ sources: ranges('192.0.2.0/24', '203.0.113.7'), address: '203.0.113.7' })
    expect(items(entry(address({ kind: 'NodePort', address: '' }), own, other)).map(({ key }) => key)).toHaveLength(3)
    expect(sourcesOf(entry(address()), 1)).toBeUndefined()
    expect(items(entry(address({ sources: [] })))).toEqual([])
  })

  it('are all let in up to a limit that the ports share; beyond it nobody is, and that is told', () => {
    const many = entry(
      address({ sources: ranges(...Array.from({ length: 4000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`)) }),
    )
    // A /25 is eight /28.
    const ports = Math.ceil(mostSourcePrefixes / 31_999)
    expect(sourcesOf(many, ports - 1)?.refusal).toBeUndefined()
    const cut = sourcesOf(many, ports)
    const most = Math.floor(mostSourcePrefixes / ports)
    expect(cut?.refusal).toEqual({
      reason: 'TooManySourceRanges',
      message: `loadBalancerSourceRanges come to 32000 prefixes for each port: the first ${most} of them are let in`,
      clusterWide: true,
    })
    expect([...sourceItems(5, cut ?? { ranges: [], most: 0 })]).toHaveLength(most)
  })
})
