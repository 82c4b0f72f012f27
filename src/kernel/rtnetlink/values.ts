import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from '../address.ts'
import { errnoValues, KernelError } from '../errors.ts'
import { type AttributeReader, type MessageWriter, WireError } from '../netlink/codec.ts'
import { AF_INET, AF_INET6 } from './constants.ts'
import type { Family } from './types.ts'

const EINVAL = errnoValues['EINVAL'] as number

/** For what cannot be sent at all; the adapter adds what it was for. */
export const invalid = (text: string): KernelError => new KernelError({ errno: EINVAL, operation: 'encode', text })

export const familyNumber = (family: Family): number => (family === 'IPv4' ? AF_INET : AF_INET6)

export const familyOfNumber = (number: number): Family | undefined =>
  number === AF_INET ? 'IPv4' : number === AF_INET6 ? 'IPv6' : undefined

/** 4 or 16 bytes. @throws KernelError EINVAL */
export function addressBytes(text: string): Uint8Array {
  const v4 = !text.includes(':')
  const bytes = new Uint8Array(v4 ? 4 : 16)
  if (v4 ? parseIPv4(text, 0, text.length, bytes, 0) : parseIPv6(text, 0, text.length, bytes, 0)) return bytes
  throw invalid(`"${text}" is not an IP address`)
}

export interface Prefix {
  family: Family
  bytes: Uint8Array
  length: number
}

/** `10.42.0.0/24`. Host bits stay. @throws KernelError EINVAL */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/')
  const bytes = addressBytes(slash < 0 ? text : text.slice(0, slash))
  const bits = bytes.length * 8
  const tail = slash < 0 ? String(bits) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(tail) || Number(tail) > bits) throw invalid(`"${text}" is not a CIDR`)
  return { family: bits === 32 ? 'IPv4' : 'IPv6', bytes, length: Number(tail) }
}

/** True if the first `length` bits are the same. */
export function sameNetwork(a: Uint8Array, b: Uint8Array, length: number): boolean {
  if (a.length !== b.length) return false
  for (let bit = 0; bit < length; bit += 8) {
    const mask = length - bit >= 8 ? 0xff : (0xff << (8 - (length - bit))) & 0xff
    if (((a[bit >> 3] as number) ^ (b[bit >> 3] as number)) & mask) return false
  }
  return true
}

/** The prefix with its host bits cleared. */
export function networkBytes({ bytes, length }: Prefix): Uint8Array {
  return bytes.map((byte, i) => {
    const kept = Math.min(8, Math.max(0, length - i * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })
}

export const formatAddress = (bytes: Uint8Array): string =>
  bytes.length === 4 ? formatIPv4(bytes, 0) : formatIPv6(bytes, 0)

/** Text of an IP address attribute. @throws WireError */
export function readAddress(attribute: AttributeReader): string {
  const length = attribute.end - attribute.start
  if (length !== 4 && length !== 16) throw new WireError('attribute', attribute.start, 'is not an IP address')
  return length === 4 ? formatIPv4(attribute.bytes, attribute.start) : formatIPv6(attribute.bytes, attribute.start)
}

/** `52:54:00:12:34:56`. @throws KernelError EINVAL */
export function macBytes(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw invalid(`"${text}" is not a link-layer address`)
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
}

/** Link-layer addresses have six bytes; tunnels have four or sixteen, or none at all. */
export function readMac(attribute: AttributeReader): string | undefined {
  if (attribute.end === attribute.start) return undefined
  return attribute.bytes.toString('hex', attribute.start, attribute.end).replace(/..(?=.)/g, '$&:')
}

export function writeBytes(writer: MessageWriter, type: number, bytes: Uint8Array): void {
  writer.reserve(bytes.length + 8)
  const start = writer.beginAttribute(type)
  writer.bytes.set(bytes, writer.position)
  writer.position += bytes.length
  writer.endAttribute(start)
}

/** A 32-bit number in host order. */
export function writeU32(writer: MessageWriter, type: number, value: number): void {
  writer.reserve(8)
  const start = writer.beginAttribute(type)
  writer.u32(value)
  writer.endAttribute(start)
}

export function writeU8(writer: MessageWriter, type: number, value: number): void {
  writer.reserve(8)
  const start = writer.beginAttribute(type)
  writer.u8(value)
  writer.endAttribute(start)
}

/** Names of links have 1 to 15 bytes, none of them a slash or white space (IFNAMSIZ, dev_valid_name). @throws KernelError EINVAL */
export function checkLinkName(name: string): string {
  if (name === '.' || name === '..' || !/^[^/:\s\0]{1,15}$/.test(name)) throw invalid(`"${name}" is not a link's name`)
  return name
}
