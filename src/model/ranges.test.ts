import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bitsOf, type CIDR, cidrContains, type Family, families, formatCIDR, parseAddress, parseCIDR } from './ip.ts'
import { formatRange, isEverything, joinRanges, mergeRanges, prefixesOf, rangesContain } from './ranges.ts'

const cidrs = (...texts: string[]): CIDR[] => texts.map((text) => parseCIDR(text) as CIDR)
const merged = (...texts: string[]): string[] => mergeRanges(cidrs(...texts)).map(formatRange)
const prefixes = (step: number, ...texts: string[]): string[] =>
  mergeRanges(cidrs(...texts)).flatMap((range) => [...prefixesOf(range, step)].map(formatCIDR))

describe('ranges', () => {
  it('are joined where they overlap or meet, each family for itself', () => {
    expect(merged('10.0.1.0/24', '10.0.0.0/24', '10.0.0.128/25', '10.0.3.0/24')).toEqual(['10.0.0.0/23', '10.0.3.0/24'])
    expect(merged('10.0.0.0/31', '10.0.0.2')).toEqual(['10.0.0.0-10.0.0.2'])
    expect(merged('255.255.255.255', '::', '0.0.0.0')).toEqual(['0.0.0.0', '255.255.255.255', '::'])
    const one = mergeRanges(cidrs('10.0.0.0/24'))
    expect(joinRanges([...one, ...mergeRanges(cidrs('10.0.1.0/24'))]).map(formatRange)).toEqual(['10.0.0.0/23'])
    expect(one.map(formatRange)).toEqual(['10.0.0.0/24'])
  })

  it('are everything also in pieces', () => {
    expect(isEverything(mergeRanges(cidrs('0.0.0.0/1', '128.0.0.0/1')))).toBe(true)
    expect(isEverything(mergeRanges(cidrs('::/0')))).toBe(true)
    expect(isEverything(mergeRanges(cidrs('0.0.0.0/1', '128.0.0.0/2')))).toBe(false)
    expect(isEverything([])).toBe(false)
  })

  it('are as few prefixes of the lengths asked for as there can be', () => {
    expect(prefixes(4, '10.0.0.0/8', '192.0.2.7')).toEqual(['10.0.0.0/8', '192.0.2.7/32'])
    expect(prefixes(4, '10.0.0.0/23')).toEqual(['10.0.0.0/24', '10.0.1.0/24'])
    expect(prefixes(4, '10.0.0.0/25')).toHaveLength(8)
    expect(prefixes(4, '0.0.0.0/1')).toHaveLength(8)
    expect(prefixes(4, '2001:db8::/47')).toEqual(['2001:db8::/48', '2001:db8:1::/48'])
    expect(prefixes(4, '10.0.0.0/24', '10.0.1.0/30')).toEqual([
      '10.0.0.0/24',
      ...[0, 1, 2, 3].map((n) => `10.0.1.${n}/32`),
    ])
  })

  /** Crowded, so that they overlap and meet. */
  const anyCIDR = (family: Family) =>
    fc
      .tuple(fc.bigInt({ min: 0n, max: 1023n }), fc.integer({ min: 0, max: 10 }), fc.boolean())
      .map(([number, hostBits, atTheEnd]): CIDR => {
        const bits = bitsOf(family)
        const top = atTheEnd ? (1n << BigInt(bits)) - 1024n : 0n
        return { family, network: ((top + number) >> BigInt(hostBits)) << BigInt(hostBits), length: bits - hostBits }
      })

  it.each(families)('of %s have the same addresses in every form', (family) => {
    fc.assert(
      fc.property(fc.array(anyCIDR(family), { maxLength: 8 }), fc.constantFrom(1, 2, 4, 8), (list, step) => {
        const ranges = mergeRanges(list)
        const pieces = ranges.flatMap((range) => [...prefixesOf(range, step)])
        expect(pieces.every(({ length }) => length % step === 0)).toBe(true)
        expect(mergeRanges(pieces)).toEqual(ranges)
        // None in another, none twice.
        expect(pieces.reduce((sum, { length }) => sum + (1n << BigInt(bitsOf(family) - length)), 0n)).toBe(
          ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n),
        )
        const top = (1n << BigInt(bitsOf(family))) - 1024n
        for (let number = 0n; number < 1024n; number += 13n) {
          for (const address of [
            { family, number },
            { family, number: top + number },
          ]) {
            const expected = list.some((cidr) => cidrContains(cidr, address))
            expect(rangesContain(ranges, address)).toBe(expected)
          }
        }
      }),
    )
  })

  it('have no address of another family', () => {
    const address = parseAddress('::a00:1') as NonNullable<ReturnType<typeof parseAddress>>
    expect(rangesContain(mergeRanges(cidrs('10.0.0.0/8')), address)).toBe(false)
  })
})
