import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress } from '../../model/ip.ts'
import { canonicalIp, parseAddress, parseCidr } from './addresses.ts'

const ipv6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })

describe('addresses', () => {
  it.each([
    ['FD43:0::0101', 'fd43::101'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::FFFF:C000:0201', '::ffff:192.0.2.1'],
    ['1::', '1::'],
    ['10.43.0.1', '10.43.0.1'],
    ['no address', 'no address'],
  ])('%s is written %s (RFC 5952)', (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical)
  })

  it('are read as they are written', () => {
    fc.assert(
      fc.property(ipv6, (number) => {
        expect(parseAddress(formatAddress({ family: 'IPv6', number }))).toEqual({ family: 'IPv6', number })
      }),
    )
  })

  it.each(['10.43.0.0', '10.43.0.0/33', 'fd43::/129', 'x/8'])('takes %s for no range', (text) => {
    expect(() => parseCidr(text)).toThrow(`"${text}" is no range`)
  })
})
