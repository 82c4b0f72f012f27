/**
 * IP addresses between text and network-order bytes, by character codes: tens of thousands of elements are written in one call, and
 * splitting strings would cost more than the kernel does.
 */

const ZERO = 0x30
const NINE = 0x39
const DOT = 0x2e
const COLON = 0x3a

/** Writes 4 bytes. Leading zeros are refused, as inet_pton(3) does. False: no IPv4 address. */
export function parseIPv4(text: string, start: number, end: number, out: Uint8Array, at: number): boolean {
  let part = 0
  let digits = 0
  let value = 0
  for (let i = start; i <= end; i++) {
    const code = i < end ? text.charCodeAt(i) : DOT
    if (code >= ZERO && code <= NINE) {
      if (digits > 0 && value === 0) return false
      value = value * 10 + code - ZERO
      if (++digits > 3 || value > 255) return false
    } else {
      if (code !== DOT || digits === 0 || part === 4) return false
      out[at + part++] = value
      value = 0
      digits = 0
    }
  }
  return part === 4
}

const hexValue = (code: number): number => {
  if (code >= ZERO && code <= NINE) return code - ZERO
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** Writes 16 bytes; every form of RFC 4291 §2.2, the dotted tail included. False: no IPv6 address. */
export function parseIPv6(text: string, start: number, end: number, out: Uint8Array, at: number): boolean {
  let filled = 0
  let gap = -1
  let i = start
  if (end - start >= 2 && text.charCodeAt(i) === COLON) {
    if (text.charCodeAt(i + 1) !== COLON) return false
    gap = 0
    i += 2
  }
  while (i < end) {
    const next = groupEnd(text, i, end)
    if (next < end && text.charCodeAt(next) === DOT) {
      if (filled > 12 || !parseIPv4(text, i, end, out, at + filled)) return false
      filled += 4
      i = end
      break
    }
    const group = next - i >= 1 && next - i <= 4 ? Number.parseInt(text.slice(i, next), 16) : -1
    if (group < 0 || filled === 16) return false
    out[at + filled++] = group >> 8
    out[at + filled++] = group & 0xff
    if (next === end) {
      i = end
      break
    }
    if (text.charCodeAt(next) !== COLON || next + 1 === end) return false
    i = next + 1
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false
      gap = filled
      i++
    }
  }
  return spread(out, at, filled, gap)
}

function groupEnd(text: string, start: number, end: number): number {
  let i = start
  while (i < end && hexValue(text.charCodeAt(i)) >= 0) i++
  return i
}

/** Moves what follows `::` to the end and puts zeros in between. */
function spread(out: Uint8Array, at: number, filled: number, gap: number): boolean {
  if (gap < 0) return filled === 16
  if (filled > 14) return false
  out.copyWithin(at + 16 - (filled - gap), at + gap, at + filled)
  out.fill(0, at + gap, at + 16 - (filled - gap))
  return true
}

export const formatIPv4 = (bytes: Uint8Array, at: number): string =>
  `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`

/** As glibc's inet_ntop(3), which nft prints with: RFC 5952, and a dotted tail for ::/96 and ::ffff:0:0/96. */
export function formatIPv6(bytes: Uint8Array, at: number): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[at + i] as number) << 8) | (bytes[at + i + 1] as number))
  const { start, length } = longestZeros(groups)
  const dotted = start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff))
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  if (dotted) return `::${length === 5 ? 'ffff:' : ''}${formatIPv4(bytes, at + 12)}`
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let length = 0
  for (let i = 0; i < 8; i++) {
    length = groups[i] === 0 ? length + 1 : 0
    if (length > best.length) best = { start: i - length + 1, length }
  }
  return best
}
