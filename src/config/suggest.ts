import { canonicalIP, familyOf, formatCIDR, parseCIDR } from '../model/ip.ts'
import { nearest } from './nearest.ts'
import { parseBindAddress, parseDurationSeconds, type TypeName } from './types.ts'

/** What was probably meant by a text that is no value of a type, as it is written right; undefined where that is not to be guessed. */
export function suggestion(type: TypeName, text: string): string | undefined {
  return guesses[type]?.(text.trim())
}

const guesses: Readonly<Partial<Record<TypeName, (text: string) => string | undefined>>> = {
  boolean: (text) => spoken[text.toLowerCase()] ?? nearest(text, ['true', 'false']),
  integer: (text) => /^(\d{1,3}(?:[,_ ]?\d{3})*)(?:\.0*)?$/.exec(text)?.[1]?.replace(/[,_ ]/g, ''),
  duration: meantDuration,
  bindAddress: meantBindAddress,
  cidrs: meantCIDRs,
}

const spoken: Readonly<Record<string, string>> = {
  yes: 'true',
  y: 'true',
  on: 'true',
  enabled: 'true',
  no: 'false',
  n: 'false',
  off: 'false',
  disabled: 'false',
}

/** A number alone is taken for seconds; units are often written out, and Go knows no days. */
function meantDuration(text: string): string | undefined {
  const words = text.toLowerCase().replace(/\s/g, '')
  const [, number, unit] = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(words) ?? []
  if (number === undefined || unit === undefined) return undefined
  if (/^d(ays?)?$/.test(unit)) return `${Number(number) * 24}h`
  const units = [
    [/^(s(ec(onds?)?s?)?)?$/, 's'],
    [/^m(in(ute)?s?)?$/, 'm'],
    [/^h(ours?|rs?)?$/, 'h'],
    [/^m(s|illi(second)?s?|sec)$/, 'ms'],
  ] as const
  const found = units.find(([pattern]) => pattern.test(unit))?.[1]
  const meant = found === undefined ? undefined : number + found
  return meant !== undefined && parseDurationSeconds(meant) !== undefined ? meant : undefined
}

/** Names, ports alone, every address as `*`, and URLs. */
function meantBindAddress(text: string): string | undefined {
  const bare = text.replace(/^[a-z]+:\/\//, '').replace(/\/$/, '')
  const [, host = '', port] = /^(.*?)(?::?(\d{1,5}))?$/.exec(bare) ?? []
  const end = port === undefined ? '' : `:${port}`
  const named = ({ localhost: '127.0.0.1', '*': '0.0.0.0' } as const)[host.toLowerCase()]
  const address = named ?? (host === '' ? (bare.startsWith(':') ? '0.0.0.0' : '127.0.0.1') : host)
  const meant = address + end
  return parseBindAddress(meant) === undefined ? undefined : meant
}

/** Each as the network that it lies in; an address alone is as long as its last part that is not zero. */
function meantCIDRs(text: string): string | undefined {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== '')
  const meant = parts.map(meantCIDR)
  return parts.length === 0 || meant.includes(undefined) ? undefined : meant.join(',')
}

function meantCIDR(text: string): string | undefined {
  if (text.includes('/')) {
    const cidr = parseCIDR(text)
    return cidr === undefined ? undefined : formatCIDR(cidr)
  }
  const address = canonicalIP(text)
  if (address === undefined || familyOf(address) === 'IPv6') return undefined
  const zeros = /(?:\.0)*$/.exec(address)?.[0].length ?? 0
  return `${address}/${32 - 4 * zeros}`
}
