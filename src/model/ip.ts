/** Address family as the kernel and Kubernetes name it. */
export type Family = 'IPv4' | 'IPv6'

const dot = 46
const zero = 48

/**
 * IPv4 text to an unsigned 32-bit number; undefined if it is none. Leading zeros are read as decimal, which is how
 * kube-proxy reads such "bad IPs" in old objects (netutils.ParseIPSloppy).
 */
export function parseIPv4(text: string): number | undefined {
  let value = 0
  let part = 0
  let digits = 0
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === dot) {
      if (digits === 0 || dots === 3) return undefined
      value = value * 256 + part
      dots++
      part = 0
      digits = 0
    } else {
      if (c < zero || c > zero + 9) return undefined
      part = part * 10 + c - zero
      digits++
      if (part > 255) return undefined
    }
  }
  return dots === 3 && digits > 0 ? value * 256 + part : undefined
}

export const formatIPv4 = (value: number): string =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`

/** The usual spelling of an IPv4 address (no leading zeros), or undefined if it is none. */
export function canonicalIPv4(text: string): string | undefined {
  const value = parseIPv4(text)
  return value === undefined ? undefined : formatIPv4(value)
}

/** An IPv4 prefix with its host bits cleared. */
export interface CIDRv4 {
  address: number
  length: number
}

/** `10.42.0.0/16` to a prefix; undefined if it is none. Host bits are cleared. */
export function parseCIDRv4(text: string): CIDRv4 | undefined {
  const slash = text.indexOf('/')
  const address = parseIPv4(slash < 0 ? text : text.slice(0, slash))
  const tail = slash < 0 ? '32' : text.slice(slash + 1)
  if (address === undefined || !/^\d{1,2}$/.test(tail) || Number(tail) > 32) return undefined
  const length = Number(tail)
  return { address: (address & maskOf(length)) >>> 0, length }
}

export const formatCIDRv4 = (cidr: CIDRv4): string => `${formatIPv4(cidr.address)}/${cidr.length}`

export const cidrContains = (cidr: CIDRv4, address: number): boolean =>
  (address & maskOf(cidr.length)) >>> 0 === cidr.address

const maskOf = (length: number): number => (length === 0 ? 0 : (-1 << (32 - length)) >>> 0)

export const familyOf = (address: string): Family => (address.includes(':') ? 'IPv6' : 'IPv4')
