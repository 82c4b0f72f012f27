import { isIP, isIPv4 } from 'node:net'
import type { Complaints } from './names.ts'

/** What is wrong with an address, in the words of apimachinery. */
export function ipErrors(value: string): Complaints {
  if (isIP(value) !== 0) return []
  if (/^\d+(\.\d+){3}$/.test(value) && isIPv4(value.replace(/\b0+(?=\d)/g, ''))) return ['must not have leading 0s']
  return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
}

export function cidrErrors(value: string): Complaints {
  const [address = '', bits = '', ...more] = value.split('/')
  const family = isIP(address)
  const fits = /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  return family !== 0 && fits && more.length === 0
    ? []
    : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']
}

/** An IPv4 address as a number, host byte order. */
export const ipv4Number = (address: string): number =>
  address.split('.').reduce((number, byte) => number * 256 + Number(byte), 0)

export const ipv4Text = (number: number): string =>
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
