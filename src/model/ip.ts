/** Address family as the kernel and Kubernetes name it. */
export type Family = 'IPv4' | 'IPv6'

export const families: readonly Family[] = ['IPv4', 'IPv6']

/** The family of an address or prefix that is known to be one. */
export const familyOf = (address: string): Family => (address.includes(':') ? 'IPv6' : 'IPv4')

/** How many bits an address of the family has. */
export const bitsOf = (family: Family): number => (family === 'IPv4' ? 32 : 128)

/** An address as a number, most significant byte first. */
export interface Address {
  family: Family
  number: bigint
}

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

/** undefined if it is no address. A zone (`fe80::1%eth0`) is none of ours. */
export function parseAddress(text: string): Address | undefined {
  const v4 = parseIPv4(text)
  if (v4 !== undefined) return { family: 'IPv4', number: BigInt(v4) }
  const groups = parseGroups(text)
  return groups && { family: 'IPv6', number: groups.reduce((number, group) => (number << 16n) | BigInt(group), 0n) }
}

/** The eight groups of an IPv6 address (RFC 4291 §2.2): one `::` may stand for one group of zeros or more. */
function parseGroups(text: string): number[] | undefined {
  const halves = text.split('::')
  const head = groupsOf(halves[0] ?? '', halves.length === 1)
  if (halves.length === 1) return head?.length === 8 ? head : undefined
  const tail = groupsOf(halves[1] ?? '', true)
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined
  const zeros = 8 - head.length - tail.length
  return zeros < 1 ? undefined : [...head, ...new Array<number>(zeros).fill(0), ...tail]
}

/** Groups between colons; the last two of an address may be written as IPv4. */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const v4 = isEnd && i === parts.length - 1 ? parseIPv4(part) : undefined
    if (v4 !== undefined) groups.push(v4 >>> 16, v4 & 0xffff)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

/** In the canonical form: RFC 5952 for IPv6, with a dotted tail for ::/96 and ::ffff:0:0/96, as the kernel's tables are read (inet_ntop(3)): one spelling everywhere. */
export function formatAddress({ family, number }: Address): string {
  if (family === 'IPv4') return formatIPv4(Number(number))
  const groups = Array.from({ length: 8 }, (_, i) => Number((number >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  const zeros = [
    ...groups
      .map((group) => (group === '0' ? '0' : 'x'))
      .join('')
      .matchAll(/0{2,}/g),
  ]
  const longest = zeros.toSorted((a, b) => b[0].length - a[0].length || a.index - b.index)[0]
  if (longest === undefined) return groups.join(':')
  const isMapped = longest[0].length === 5 && groups[5] === 'ffff'
  if (longest.index === 0 && (longest[0].length === 6 || isMapped)) {
    return `::${isMapped ? 'ffff:' : ''}${formatIPv4(Number(number & 0xffff_ffffn))}`
  }
  return `${groups.slice(0, longest.index).join(':')}::${groups.slice(longest.index + longest[0].length).join(':')}`
}

/** The usual spelling of an address (no leading zeros, RFC 5952), or undefined if it is none. */
export function canonicalIP(text: string): string | undefined {
  const v4 = parseIPv4(text)
  if (v4 !== undefined) return formatIPv4(v4)
  const address = parseAddress(text)
  return address && formatAddress(address)
}

/** The usual spelling of an IPv4 address, or undefined if it is none. */
export function canonicalIPv4(text: string): string | undefined {
  const value = parseIPv4(text)
  return value === undefined ? undefined : formatIPv4(value)
}

/** A prefix with its host bits cleared. */
export interface CIDR {
  family: Family
  network: bigint
  length: number
}

/** `10.42.0.0/16` or `fd42::/56` to a prefix, a bare address to one of full length; undefined if it is none. Host bits are cleared. */
export function parseCIDR(text: string): CIDR | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const bits = bitsOf(address.family)
  const tail = slash < 0 ? String(bits) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(tail) || Number(tail) > bits) return undefined
  const length = Number(tail)
  return { family: address.family, network: clearHostBits(address.number, bits - length), length }
}

const clearHostBits = (number: bigint, hostBits: number): bigint => (number >> BigInt(hostBits)) << BigInt(hostBits)

export const formatCIDR = ({ family, network, length }: CIDR): string =>
  `${formatAddress({ family, number: network })}/${length}`

/** Is the address in the prefix? Never across families. */
export const cidrContains = (cidr: CIDR, address: Address): boolean =>
  cidr.family === address.family && clearHostBits(address.number, bitsOf(cidr.family) - cidr.length) === cidr.network

/** Do the prefixes share an address? */
export const cidrsOverlap = (a: CIDR, b: CIDR): boolean =>
  a.length <= b.length
    ? cidrContains(a, { family: b.family, number: b.network })
    : cidrContains(b, { family: a.family, number: a.network })
