import { type Address, bitsOf, type CIDR, cidrContains, type Family, formatAddress, formatCIDR } from './ip.ts'

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  family: Family
  first: bigint
  last: bigint
}

/** The same addresses as a list in ascending order without overlaps or neighbours: kernel sets of intervals take no others. */
export const mergeRanges = (cidrs: readonly CIDR[]): AddressRange[] => joinRanges(cidrs.map(rangeOf))

/** The addresses of all of these ranges, likewise. */
export function joinRanges(ranges: readonly AddressRange[]): AddressRange[] {
  const joined: AddressRange[] = []
  for (const range of ranges.toSorted(byFirst)) {
    const last = joined.at(-1)
    if (last !== undefined && last.family === range.family && range.first <= last.last + 1n) {
      if (range.last > last.last) joined[joined.length - 1] = { ...last, last: range.last }
    } else joined.push(range)
  }
  return joined
}

/** Whether one of the ranges, which are of one family and in ascending order, has the address. */
export function rangesContain(ranges: readonly AddressRange[], { family, number }: Address): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle] as AddressRange).last < number) low = middle + 1
    else high = middle
  }
  const found = ranges[low]
  return found !== undefined && found.family === family && found.first <= number
}

/** Every address of the family. */
export const isEverything = (ranges: readonly AddressRange[]): boolean =>
  ranges.length === 1 && ranges.every(({ family, first, last }) => last - first === (1n << BigInt(bitsOf(family))) - 1n)

/**
 * The range as prefixes, in ascending order, whose lengths are multiples of `step`: as few as there can be. A prefix of another length becomes 2, 4, … of the next length down; a step
 * that divides the bits of an address always ends.
 */
export function* prefixesOf({ family, first, last }: AddressRange, step: number): Generator<CIDR> {
  const bits = bitsOf(family)
  for (let at = first; at <= last; ) {
    let hostBits = 0
    while (hostBits + step < bits && fits(at, last, hosts[hostBits + step] as bigint)) hostBits += step
    yield { family, network: at, length: bits - hostBits }
    at += (hosts[hostBits] as bigint) + 1n
  }
}

/** By the number of host bits: all of them set. */
const hosts = Array.from({ length: 129 }, (_, bits) => (1n << BigInt(bits)) - 1n)

const fits = (first: bigint, last: bigint, hosts: bigint): boolean => (first & hosts) === 0n && first + hosts <= last

const byFirst = (a: AddressRange, b: AddressRange): number =>
  a.family === b.family ? (a.first < b.first ? -1 : Number(a.first > b.first)) : a.family < b.family ? -1 : 1

function rangeOf({ family, network, length }: CIDR): AddressRange {
  const hostBits = BigInt(bitsOf(family) - length)
  return { family, first: network, last: network | ((1n << hostBits) - 1n) }
}

/** In its shortest form: one address, a prefix where the range is one, or `first-last`. */
export function formatRange({ family, first, last }: AddressRange): string {
  const from = formatAddress({ family, number: first })
  if (first === last) return from
  const length = prefixLength(first, last, bitsOf(family))
  return length === undefined
    ? `${from}-${formatAddress({ family, number: last })}`
    : formatCIDR({ family, network: first, length })
}

function prefixLength(first: bigint, last: bigint, bits: number): number | undefined {
  const hosts = first ^ last
  // A prefix has zeros in all host bits at its start, and ones at its end.
  if ((hosts & (hosts + 1n)) !== 0n || (first & hosts) !== 0n) return undefined
  return bits - hosts.toString(2).length
}

export const anyContains = (cidrs: readonly CIDR[], address: Address): boolean =>
  cidrs.some((cidr) => cidrContains(cidr, address))
