import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalIPv4, cidrContains, formatCIDRv4, formatIPv4, parseCIDRv4, parseIPv4 } from './ip.ts'

describe('IPv4 text', () => {
  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(formatIPv4(parseIPv4(text) as number)).toBe(text)
      }),
    )
  })

  it.each(['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1..2.3', '1.2.3.4 ', 'a.b.c.d', '::1', '1.2.3.'])(
    'refuses %j',
    (text) => {
      expect(parseIPv4(text)).toBeUndefined()
    },
  )

  it('reads leading zeros as decimal, as kube-proxy does with old objects', () => {
    expect(canonicalIPv4('172.030.0.041')).toBe('172.30.0.41')
  })
})

describe('CIDR', () => {
  it.each([
    ['10.42.0.0/16', '10.42.255.255', true],
    ['10.42.0.0/16', '10.43.0.0', false],
    ['0.0.0.0/0', '203.0.113.7', true],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['10.0.0.1/32', '10.0.0.2', false],
  ])('%s holds %s: %s', (cidr, address, inside) => {
    expect(cidrContains(parseCIDRv4(cidr) as never, parseIPv4(address) as number)).toBe(inside)
  })

  it('clears the host bits', () => {
    expect(formatCIDRv4(parseCIDRv4('10.42.7.9/16') as never)).toBe('10.42.0.0/16')
  })

  it.each(['10.42.0.0/33', '10.42.0.0/', '10.42.0.0/x', '/8', 'fd00::/8'])('refuses %j', (text) => {
    expect(parseCIDRv4(text)).toBeUndefined()
  })
})
