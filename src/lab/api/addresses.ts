import { isIP, isIPv4 } from 'node:net'
import { WeftError } from '../../model/error.ts'
import type { Complaints } from './names.ts'

/** What is wrong with an address, in the words of apimachinery. */
export function ipErrors(value: string): Complaints {
  if (isIP(value) !== 0) return []
  if (/^\d+(\.\d+){3}$/.test(value) && isIPv4(value.replace(/\b0+(?=\d)/g, ''))) return ['must not have leading 0s']
  return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
}

/** Names of IPAddress objects. */
export const ipNameErrors = (name: string): Complaints =>
  isIP(name) !== 0 && canonicalIp(name) === name ? [] : ['must be a valid IP address in canonical form']

export function cidrErrors(value: string): Complaints {
  const [address = '', bits = '', ...more] = value.split('/')
  const family = isIP(address)
  const fits = /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  return family !== 0 && fits && more.length === 0
    ? []
    : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']
}

/** An address as a number, host byte order. */
export interface Address {
  family: 'IPv4' | 'IPv6'
  number: bigint
}

/** Undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 0) return undefined
  if (family === 4) return { family: 'IPv4', number: BigInt(ipv4Number(text)) }
  return { family: 'IPv6', number: groupsOf(text).reduce((number, group) => number * 65_536n + BigInt(group), 0n) }
}

/** The eight groups of an IPv6 address, with what `::` stands for; the last two may be written as IPv4 (RFC 4291 §2.2). */
function groupsOf(text: string): number[] {
  const numbers = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)]
          const number = ipv4Number(group)
          return [Math.floor(number / 65_536), number % 65_536]
        })
  const [before = '', after] = text.split('::')
  const head = numbers(before)
  if (after === undefined) return head
  const tail = numbers(after)
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

/** In the canonical form: RFC 5952 for IPv6, as Go's netip writes it. */
export function addressText({ family, number }: Address): string {
  if (family === 'IPv4') return ipv4Text(Number(number))
  const groups = Array.from({ length: 8 }, (_, i) => Number((number >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  const zeros = [
    ...groups
      .map((group) => (group === '0' ? '0' : 'x'))
      .join('')
      .matchAll(/0{2,}/g),
  ]
  const longest = zeros.toSorted((a, b) => b[0].length - a[0].length || a.index - b.index)[0]
  if (longest === undefined) return groups.join(':')
  return `${groups.slice(0, longest.index).join(':')}::${groups.slice(longest.index + longest[0].length).join(':')}`
}

/** The canonical form of an address; what is none stays as it is. */
export function canonicalIp(text: string): string {
  const address = parseAddress(text)
  return address === undefined ? text : addressText(address)
}

/** A range that is known to be one. @throws WeftError API_SERVICE_CIDR */
export function parseCidr(text: string): { address: Address; bits: number } {
  const [ip = '', bits = ''] = text.split('/')
  const address = parseAddress(ip)
  if (address !== undefined && cidrErrors(text).length === 0) return { address, bits: Number(bits) }
  throw new WeftError(`"${text}" is no range of addresses`, {
    code: 'API_SERVICE_CIDR',
    fault: 'user',
    where: 'serviceCIDR',
    remedy: 'give one like 10.43.0.0/16, or one of each family joined by a comma',
  })
}

/** An IPv4 address as a number, host byte order. */
const ipv4Number = (address: string): number =>
  address.split('.').reduce((number, byte) => number * 256 + Number(byte), 0)

const ipv4Text = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')

const prefixOf = (address: string, bits: number): number => Math.floor(ipv4Number(address) / 2 ** (32 - bits))

const within = (address: string, network: string, bits: number): boolean =>
  isIPv4(address) && prefixOf(address, bits) === prefixOf(network, bits)

/** Addresses that no Service may have as an external one (ValidateNonSpecialIP of kubernetes/pkg/apis/core/validation). */
export function specialIpErrors(value: string): Complaints {
  const wrong = ipErrors(value)
  if (wrong.length > 0) return wrong
  const lower = value.toLowerCase()
  if (lower === '0.0.0.0' || lower === '::') return [`may not be unspecified (${value})`]
  if (within(lower, '127.0.0.0', 8) || lower === '::1')
    return ['may not be in the loopback range (127.0.0.0/8, ::1/128)']
  if (within(lower, '169.254.0.0', 16) || /^fe[89ab]/.test(lower))
    return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)']
  if (within(lower, '224.0.0.0', 24) || /^ff[0-9a-f]2:/.test(lower))
    return ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)']
  return []
}

export const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4')
