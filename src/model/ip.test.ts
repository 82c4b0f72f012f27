import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Address,
  type CIDR,
  canonicalIP,
  canonicalIPv4,
  cidrContains,
  cidrsOverlap,
  formatAddress,
  formatCIDR,
  formatIPv4,
  parseAddress,
  parseCIDR,
  parseIPv4,
} from './ip.ts'

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
    expect(cidrContains(parseCIDR(cidr) as CIDR, parseAddress(address) as Address)).toBe(inside)
  })

  it('clears the host bits', () => {
    expect(formatCIDR(parseCIDR('10.42.7.9/16') as CIDR)).toBe('10.42.0.0/16')
  })

  it.each(['10.42.0.0/33', '10.42.0.0/', '10.42.0.0/x', '/8', 'fd00::/129', 'fd00::/', 'fe80::1%eth0/64'])(
    'refuses %j',
    (text) => {
      expect(parseCIDR(text)).toBeUndefined()
    },
  )
})

describe('IPv6', () => {
  it.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    // As the kernel's tables are read: what was written must be found again.
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::c000:201', '::192.0.2.1'],
    ['::1:2:3', '::1:2:3'],
  ])('%s is spelt %s', (text, canonical) => {
    expect(canonicalIP(text)).toBe(canonical)
  })

  it.each([
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    '12345::',
    'g::',
    '1:2',
    '1.2.3.4::',
    '::1.2.3',
    '1::2:',
    ':1::2',
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })

  it('takes what the runtime takes for an address, and nothing else', () => {
    const anyText = fc.oneof(fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,30}$/))
    fc.assert(
      fc.property(anyText, (text) => {
        expect(parseAddress(text)?.family === 'IPv6').toBe(isIPv6(text))
      }),
    )
  })

  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (number) => {
        expect(parseAddress(formatAddress({ family: 'IPv6', number }))).toEqual({ family: 'IPv6', number })
      }),
    )
  })

  it.each([
    ['fd42::/56', 'fd42:0:0:ff::1', true],
    ['fd42::/56', 'fd42:0:0:100::1', false],
    ['::/0', '10.0.0.1', false],
  ])('%s holds %s: %s', (cidr, address, inside) => {
    expect(cidrContains(parseCIDR(cidr) as CIDR, parseAddress(address) as Address)).toBe(inside)
  })

  it.each([
    ['10.0.0.0/8', '10.42.0.0/16', true],
    ['10.42.0.0/16', '10.0.0.0/8', true],
    ['10.42.0.0/16', '10.43.0.0/16', false],
    ['fd00::/8', '10.0.0.0/8', false],
  ])('%s and %s overlap: %s', (a, b, overlap) => {
    expect(cidrsOverlap(parseCIDR(a) as CIDR, parseCIDR(b) as CIDR)).toBe(overlap)
  })
})
