import { type Address, bitsOf, type CIDR, cidrContains, type Family, formatAddress, formatCIDR } from './ip.ts'

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  family: Family
  first: bigint
  last: bigint
}

/** The same addresses as a list in ascending order without overlaps or neighbours: kernel sets of intervals take no others. */
export function mergeRanges(cidrs: readonly CIDR[]): AddressRange[] {
  const sorted = cidrs.map(rangeOf).toSorted(byFirst)
  const merged: AddressRange[] = []
  for (const range of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && last.family === range.family && range.first <= last.last + 1n) {
      if (range.last > last.last) last.last = range.last
    } else merged.push(range)
  }
  return merged
}

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
