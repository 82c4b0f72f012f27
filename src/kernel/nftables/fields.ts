import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from '../address.ts'
import { hostLittleEndian, WireError } from '../netlink/codec.ts'
import type { FieldType } from './types.ts'

/** Bytes of a value on its own; in a concatenation each part is padded to four (nft: one 32-bit register at least). */
const widths: Readonly<Record<FieldType, number>> = {
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  u32: 4,
  ifname: 16,
}

/** Names that nft prints for numbers of IPPROTO_*; every other protocol is a decimal number. */
const protocolNumbers: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58, sctp: 132 }
const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]))

/** Byte layout of a key or of data. */
export interface Layout {
  readonly types: readonly FieldType[]
  /** Offset of each field. */
  readonly offsets: readonly number[]
  /** Bytes of the whole value. */
  readonly length: number
}

export function layoutOf(types: readonly FieldType[]): Layout {
  const offsets: number[] = []
  let length = 0
  for (const type of types) {
    offsets.push(length)
    length += types.length === 1 ? widths[type] : (widths[type] + 3) & ~3
  }
  return { types, offsets, length }
}

/** Bytes of field `index` without padding. */
export const widthOf = (layout: Layout, index: number): number => widths[layout.types[index] as FieldType]

/** A decimal number without leading zeros, at most `max`; -1: it is not one. */
function decimal(text: string, start: number, end: number, max: number): number {
  if (end <= start || end - start > 10) return -1
  if (text.charCodeAt(start) === 0x30 && end - start > 1) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value > max ? -1 : value
}

function protocolNumber(text: string, start: number, end: number): number {
  if (end - start === 3) {
    const first = text.charCodeAt(start)
    if (first === 0x74 && text.startsWith('tcp', start)) return 6
    if (first === 0x75 && text.startsWith('udp', start)) return 17
  }
  const word = text.slice(start, end)
  return Object.hasOwn(protocolNumbers, word) ? (protocolNumbers[word] as number) : decimal(word, 0, word.length, 255)
}

/** Writes one field's bytes, padding not included (the target is zeroed). False: the text is no such value. */
export function writeField(
  type: FieldType,
  text: string,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): boolean {
  switch (type) {
    case 'ipv4_addr':
      return parseIPv4(text, start, end, out, at)
    case 'ipv6_addr':
      return parseIPv6(text, start, end, out, at)
    case 'inet_service': {
      const port = decimal(text, start, end, 65_535)
      out[at] = port >> 8
      out[at + 1] = port & 0xff
      return port >= 0
    }
    case 'inet_proto': {
      const protocol = protocolNumber(text, start, end)
      out[at] = protocol
      return protocol >= 0
    }
    case 'u32':
      return writeU32(decimal(text, start, end, 0xffff_ffff), out, at)
    case 'ifname':
    default:
      return writeName(text.slice(start, end), out, at)
  }
}

function writeU32(value: number, out: Uint8Array, at: number): boolean {
  for (let i = 0; i < 4; i++) out[hostLittleEndian ? at + i : at + 3 - i] = (value >>> (8 * i)) & 0xff
  return value >= 0
}

/** Interface names have at most 15 bytes, no slash and no white space (dev_valid_name in net/core/dev.c). */
function writeName(name: string, out: Uint8Array, at: number): boolean {
  if (!/^[^\s/:\0]+$/.test(name) || Buffer.byteLength(name) > 15) return false
  out.set(Buffer.from(name), at)
  return true
}

/** Text of one field; the bounds have been checked against the layout. */
export function readField(type: FieldType, bytes: Buffer, at: number): string {
  switch (type) {
    case 'ipv4_addr':
      return formatIPv4(bytes, at)
    case 'ipv6_addr':
      return formatIPv6(bytes, at)
    case 'inet_service':
      return String(((bytes[at] as number) << 8) | (bytes[at + 1] as number))
    case 'inet_proto':
      return protocolNames.get(bytes[at] as number) ?? String(bytes[at])
    case 'u32':
      return String(hostLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
    case 'ifname':
    default: {
      const nul = bytes.indexOf(0, at)
      return bytes.toString('utf8', at, nul < 0 || nul > at + 16 ? at + 16 : nul)
    }
  }
}

const SPACE = 0x20
const DOT = 0x2e

/** Calls `visit` for each of the fields in `text`. False: wrong number of fields, or `visit` said no. */
export function eachField(
  text: string,
  count: number,
  visit: (index: number, start: number, end: number) => boolean,
): boolean {
  let start = 0
  for (let index = 0; index < count; index++) {
    const end = fieldEnd(text, start, index === count - 1)
    if (end < 0 || !visit(index, start, end)) return false
    start = end + 3
  }
  return true
}

/** Where the field that starts here ends; -1: what follows is not ` . `, or text follows the last field. */
function fieldEnd(text: string, start: number, last: boolean): number {
  const space = text.indexOf(' ', start)
  if (last) return space < 0 ? text.length : -1
  if (space < 0 || text.charCodeAt(space + 1) !== DOT || text.charCodeAt(space + 2) !== SPACE) return -1
  return space
}

/** Writes a whole key or data into `layout.length` zeroed bytes. False: the text does not have that shape. */
export function writeFields(layout: Layout, text: string, out: Uint8Array, at: number): boolean {
  const { types, offsets } = layout
  const last = types.length - 1
  let start = 0
  for (let index = 0; index <= last; index++) {
    const end = fieldEnd(text, start, index === last)
    if (end < 0) return false
    if (!writeField(types[index] as FieldType, text, start, end, out, at + (offsets[index] as number))) return false
    start = end + 3
  }
  return true
}

/** Text of a whole key or data. @throws WireError when the length is not the layout's */
export function readFields(layout: Layout, bytes: Buffer, start: number, end: number): string {
  if (end - start !== layout.length || end > bytes.length) {
    throw new WireError('element', start, `value has ${end - start} bytes instead of ${layout.length}`)
  }
  let text = ''
  for (let index = 0; index < layout.types.length; index++) {
    if (index > 0) text += ' . '
    text += readField(layout.types[index] as FieldType, bytes, start + (layout.offsets[index] as number))
  }
  return text
}
