import { formatAddress, networkBytes, type Prefix, parsePrefix, sameNetwork } from '../kernel/rtnetlink/values.ts'

export type { Prefix } from '../kernel/rtnetlink/values.ts'

/** undefined if the text is neither an address nor a CIDR. Host bits stay. */
export function tryPrefix(text: string): Prefix | undefined {
  try {
    return parsePrefix(text)
  } catch {
    return undefined
  }
}

/** Without host bits, spelt as the kernel's routes are; undefined if it is none. */
export function canonicalCIDR(text: string): string | undefined {
  const prefix = tryPrefix(text)
  return prefix && `${formatAddress(networkBytes(prefix))}/${prefix.length}`
}

/** The usual spelling of an address; undefined if it is none. */
export function canonicalAddress(text: string): string | undefined {
  const prefix = text.includes('/') ? undefined : tryPrefix(text)
  return prefix && formatAddress(prefix.bytes)
}

export const overlaps = (a: Prefix, b: Prefix): boolean => sameNetwork(a.bytes, b.bytes, Math.min(a.length, b.length))

export const contains = (outer: Prefix, inner: Prefix): boolean =>
  outer.length <= inner.length && sameNetwork(outer.bytes, inner.bytes, outer.length)
