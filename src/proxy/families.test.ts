import { describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import type { Family } from '../model/ip.ts'
import { ServedFamilies } from './families.ts'
import { cidrs, testView } from './testing.fixture.ts'

describe('the families that are served', () => {
  it('are joined by one whose range comes, and by one that the kernel gets; none leaves', async () => {
    const view = testView({ serviceCIDRs: cidrs('10.43.0.0/16') })
    view.serviceCIDRs.replaceAll([['kubernetes', cidrs('10.43.0.0/16')]])
    let hasIPv6 = false
    const families = new ServedFamilies(view, () => hasIPv6)
    const stopping = new AbortController()
    const added: Family[] = []
    families.onAdded((family) => added.push(family))
    families.follow(stopping.signal)
    expect(families.served).toEqual(['IPv4'])
    view.serviceCIDRs.set('six', cidrs('fd43::/112'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(families.served).toEqual(['IPv4'])
    hasIPv6 = true
    families.look()
    expect([added, families.served]).toEqual([['IPv6'], ['IPv4', 'IPv6']])
    view.serviceCIDRs.delete('six')
    hasIPv6 = false
    families.look()
    expect([added, families.served]).toEqual([['IPv6'], ['IPv4', 'IPv6']])
    stopping.abort()
  })

  it('are looked at when a range comes', async () => {
    const view = testView({ serviceCIDRs: [] })
    view.serviceCIDRs.replaceAll([])
    const families = new ServedFamilies(view, () => true)
    const stopping = new AbortController()
    families.follow(stopping.signal)
    expect(families.served).toEqual([])
    view.serviceCIDRs.set('six', cidrs('fd43::/112'))
    await eventually(() => expect(families.served).toEqual(['IPv6']))
    view.serviceCIDRs.set('four', cidrs('10.43.0.0/16'))
    await eventually(() => expect(families.served).toEqual(['IPv4', 'IPv6']))
    stopping.abort()
    view.serviceCIDRs.delete('four')
  })
})
