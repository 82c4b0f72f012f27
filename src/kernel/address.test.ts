import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from './address.ts'

const bytes = Buffer.alloc(20)
const v4 = (text: string): string | undefined =>
  parseIPv4(text, 0, text.length, bytes, 2) ? formatIPv4(bytes, 2) : undefined
const v6 = (text: string): string | undefined =>
  parseIPv6(text, 0, text.length, bytes, 2) ? formatIPv6(bytes, 2) : undefined

describe('addresses', () => {
  it.each([
    '::',
    '::1',
    '1::',
    'fd00::1',
    '1:0:0:2::3',
    '::ffff:1.2.3.4',
    '::1.2.3.4',
    '2001:db8:1:2:3:4:5:6',
    'fe80::1:0:0:1',
  ])('keep %s', (text) => expect(v6(text)).toBe(text))

  it.each([
    ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ['1:0:2:0:0:3:0:0', '1:0:2::3:0:0'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
    ['0001:2::', '1:2::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('shorten %s', (text, short) => expect(v6(text)).toBe(short))

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '::1.2.3',
    '1.2.3.4::',
    ':1::',
    '1:2:3:4:5:6:7:8::',
    '::g',
    '1:',
  ])('refuse "%s"', (text) => expect(v6(text)).toBeUndefined())

  it('agree with Node on what is an address', () => {
    const near = fc.oneof(fc.stringMatching(/^[0-9a-f.:]{0,24}$/), fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), fc.string())
    fc.assert(
      fc.property(near, (text) => {
        expect([text, v4(text) !== undefined]).toEqual([text, isIPv4(text)])
        expect([text, v6(text) !== undefined]).toEqual([text, isIPv6(text)])
      }),
      { numRuns: 3000 },
    )
  })

  it('agree with inet_ntop on their text', () => {
    const raw = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(raw, (groups) => {
        const text = groups.map((group) => group.toString(16)).join(':')
        expect(v6(text)).toBe(new SocketAddress({ family: 'ipv6', address: text }).address)
      }),
      { numRuns: 1000 },
    )
  })
})
