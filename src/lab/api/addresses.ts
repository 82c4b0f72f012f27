import { isIP, isIPv4 } from 'node:net'
import { WeftError } from '../../model/error.ts'
import {
  type Address,
  type CIDR,
  cidrContains,
  formatAddress,
  parseCIDR,
  parseAddress as parseIP,
} from '../../model/ip.ts'
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

/** Undefined if it is none; strict about leading zeros, as the API is for new objects. */
export const parseAddress = (text: string): Address | undefined => (isIP(text) === 0 ? undefined : parseIP(text))

/** The canonical form of an address; what is none stays as it is. */
export function canonicalIp(text: string): string {
  const address = parseAddress(text)
  return address === undefined ? text : formatAddress(address)
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

const [loopback, linkLocal, localMulticast] = ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/24'].map(parseCIDR)

function isIn(text: string, cidr: CIDR | undefined): boolean {
  const address = parseAddress(text)
  return address !== undefined && cidr !== undefined && cidrContains(cidr, address)
}

/** Addresses that no Service may have as an external one (ValidateNonSpecialIP of kubernetes/pkg/apis/core/validation). */
export function specialIpErrors(value: string): Complaints {
  const wrong = ipErrors(value)
  if (wrong.length > 0) return wrong
  const lower = value.toLowerCase()
  if (lower === '0.0.0.0' || lower === '::') return [`may not be unspecified (${value})`]
  if (isIn(lower, loopback) || lower === '::1') return ['may not be in the loopback range (127.0.0.0/8, ::1/128)']
  if (isIn(lower, linkLocal) || /^fe[89ab]/.test(lower))
    return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)']
  if (isIn(lower, localMulticast) || /^ff[0-9a-f]2:/.test(lower))
    return ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)']
  return []
}
