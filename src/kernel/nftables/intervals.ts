import type { Layout } from './fields.ts'
import { eachField, readField, widthOf, writeField } from './fields.ts'
import type { FieldType } from './types.ts'

/**
 * Ranges in keys of interval sets: text such as `10.42.0.0/16` and `80-90` to the first and last value, as bytes in network order, and back.
 */

/** Fields that can be ranges. Others (a protocol, a number in host order, a name) are equal to themselves only. */
const ranged = (type: FieldType): boolean => type === 'ipv4_addr' || type === 'ipv6_addr' || type === 'inet_service'

const SLASH = '/'
const DASH = '-'
const ANY = '*'

/** Writes first and last value, both zeroed and of `layout.length`. False: the text does not have that shape, or has bits beyond the prefix. */
export function writeRanges(layout: Layout, text: string, first: Buffer, last: Buffer): boolean {
  return eachField(text, layout.types.length, (index, start, end) => {
    const type = layout.types[index] as FieldType
    const at = layout.offsets[index] as number
    const width = widthOf(layout, index)
    const slash = type === 'inet_service' ? -1 : within(text.indexOf(SLASH, start), end)
    const dash = within(text.indexOf(DASH, start), end)
    if (ranged(type) && slash >= 0) {
      return writeField(type, text, start, slash, first, at) && writePrefix(text.slice(slash + 1, end))
    }
    if (ranged(type) && dash >= 0) {
      const both = writeField(type, text, start, dash, first, at) && writeField(type, text, dash + 1, end, last, at)
      return both && first.compare(last, at, at + width, at, at + width) <= 0
    }
    if (type === 'ifname' && text[end - 1] === ANY) {
      // Names that begin so: from the bare beginning to the one with the highest bytes behind it.
      last.fill(0xff, at + Buffer.byteLength(text.slice(start, end - 1)), at + width)
      return writeField(type, text, start, end - 1, first, at) && writeField(type, text, start, end - 1, last, at)
    }
    return writeField(type, text, start, end, first, at) && writeField(type, text, start, end, last, at)

    function writePrefix(digits: string): boolean {
      const bits = /^(0|[1-9]\d{0,2})$/.test(digits) ? Number(digits) : -1
      if (bits < 0 || bits > width * 8) return false
      for (let i = 0; i < width; i++) {
        const hostMask = 0xff >> Math.min(8, Math.max(0, bits - i * 8))
        const byte = first[at + i] as number
        if ((byte & hostMask) !== 0) return false
        last[at + i] = byte | hostMask
      }
      return true
    }
  })
}

const within = (index: number, end: number): number => (index < end ? index : -1)

/** Adds one to a number of network order. False: it was the highest, and is 0 now. */
export function increment(bytes: Buffer): boolean {
  for (let i = bytes.length - 1; i >= 0; i--) {
    const sum = (bytes[i] as number) + 1
    bytes[i] = sum & 0xff
    if (sum <= 0xff) return true
  }
  return false
}

/** Takes one from a number of network order; 0 becomes the highest. */
export function decrement(bytes: Buffer): void {
  for (let i = bytes.length - 1; i >= 0; i--) {
    const byte = bytes[i] as number
    bytes[i] = (byte - 1) & 0xff
    if (byte > 0) return
  }
}

/** Shortest text of the ranges: one value, a prefix, or `first-last`. Both have `layout.length` bytes. */
export function readRanges(layout: Layout, first: Buffer, last: Buffer): string {
  return layout.types
    .map((type, index) => readRange(type, widthOf(layout, index), layout.offsets[index] as number, first, last))
    .join(' . ')
}

function readRange(type: FieldType, width: number, at: number, first: Buffer, last: Buffer): string {
  const from = readField(type, first, at)
  if (first.compare(last, at, at + width, at, at + width) === 0) return from
  if (type === 'ifname') return from + ANY
  const bits =
    type === 'inet_service' ? -1 : prefixLength(first.subarray(at, at + width), last.subarray(at, at + width))
  return bits < 0 ? `${from}-${readField(type, last, at)}` : `${from}/${bits}`
}

/** Bits that first and last share, when the rest is all zeros in the one and all ones in the other; -1: no prefix. */
function prefixLength(first: Buffer, last: Buffer): number {
  let bits = 0
  while (bits < first.length * 8 && bit(first, bits) === bit(last, bits)) bits++
  for (let i = bits; i < first.length * 8; i++) if (bit(first, i) !== 0 || bit(last, i) !== 1) return -1
  return bits
}

const bit = (bytes: Buffer, index: number): number => ((bytes[index >> 3] as number) >> (7 - (index & 7))) & 1
