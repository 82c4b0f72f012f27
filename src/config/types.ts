import * as z from 'zod/mini'
import { bitsOf, type CIDR, canonicalIP, familyOf, parseCIDR } from '../model/ip.ts'

/** An address and port to listen on; port 0 switches the server off. */
export interface BindAddress {
  address: string
  port: number
}

const fail = (context: { issues: unknown[] }, input: unknown, message: string): typeof z.NEVER => {
  context.issues.push({ code: 'custom', input, message })
  return z.NEVER
}

const text = z.union([z.string(), z.number(), z.boolean()], 'it is a mapping or a list, where one value stands')
const list = z.union([z.array(text), text], 'it is a mapping, where a value or a list of values stands')

/** A value of a file or the command line, for messages. */
export const asText = (value: unknown): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? value.map(asText).join(',') : (JSON.stringify(value) ?? '')

const parts = (value: z.infer<typeof list>): string[] =>
  (Array.isArray(value) ? value : [value])
    .flatMap((one) => String(one).split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '')

/** Each of comma-separated (or listed) values through one parser that gives undefined for what is none. */
const listOf = <T>(parse: (part: string) => T | undefined, what: string) =>
  z.pipe(
    list,
    z.transform((value, context): T[] =>
      parts(value).flatMap((part) => {
        const parsed = parse(part)
        if (parsed === undefined) fail(context, value, `"${part}" is no ${what}`)
        return parsed === undefined ? [] : [parsed]
      }),
    ),
  )

const fromText = <T>(parse: (value: string) => T | undefined, what: string) =>
  z.pipe(
    text,
    z.transform((value, context): T => {
      const parsed = parse(String(value).trim())
      return parsed === undefined
        ? fail(context, value, value === '' ? `there is no ${what}` : `"${value}" is no ${what}`)
        : parsed
    }),
  )

/** Go's strconv.ParseBool, in any case. */
const booleans: Readonly<Record<string, boolean>> = { true: true, t: true, 1: true, false: false, f: false, 0: false }

/** Whole numbers, Go's way of writing them left aside. */
const integer = (value: string): number | undefined => (/^-?\d{1,15}$/.test(value) ? Number(value) : undefined)

const unitSeconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }

/** Go's durations (time.ParseDuration) in seconds: `30s`, `1h30m`, `0`. */
export function parseDurationSeconds(value: string): number | undefined {
  if (value === '0') return 0
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(value)) return undefined
  const found = [...value.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)]
  return found.reduce((sum, [, number, unit = '']) => sum + Number(number) * (unitSeconds[unit] ?? 0), 0)
}

/** `127.0.0.1:10249`, `[::1]:10249`, or a bare address (`::1`), whose port the caller's default gives. */
export function parseBindAddress(value: string): (Omit<BindAddress, 'port'> & { port?: number }) | undefined {
  if (value === '') return { address: '', port: 0 }
  const bare = canonicalIP(value.replace(/^\[(.*)\]$/, '$1'))
  if (bare !== undefined) return { address: bare }
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:]*)):(?<port>\d{1,5})$/.exec(value)
  const address = canonicalIP(match?.groups?.['v6'] ?? match?.groups?.['v4'] ?? '')
  const port = Number(match?.groups?.['port'])
  return address === undefined || !(port <= 65_535) ? undefined : { address, port }
}

/** A CIDR with no bits set beyond its length; those who set some mean another one. The same goes for a bare address. */
function strictCIDR(value: string): CIDR | undefined {
  const cidr = value.includes('/') ? parseCIDR(value) : undefined
  if (cidr === undefined) return undefined
  const [address = ''] = value.split('/')
  const own = parseCIDR(`${address}/${bitsOf(familyOf(address))}`)
  return own?.network === cidr.network ? cidr : undefined
}

/** The types that a flag can have, each from its text. */
export const types = {
  string: fromText((value) => value, 'text'),
  boolean: fromText((value) => booleans[value.toLowerCase()], 'truth value (true or false)'),
  integer: fromText(integer, 'whole number'),
  duration: fromText(parseDurationSeconds, 'duration: a number with its unit, like 30s or 1h30m'),
  bindAddress: fromText(parseBindAddress, 'address to listen on: an IP address, and a port after a colon'),
  address: fromText((value) => (value === '' ? '' : canonicalIP(value)), 'IP address'),
  cidrs: listOf(strictCIDR, 'CIDR: ADDRESS/LENGTH, with no bits set beyond the length'),
  texts: listOf((part) => part, 'text'),
} as const

/** A right value of each type. */
export const examples: Readonly<Record<TypeName, string>> = {
  string: 'text',
  boolean: 'true',
  integer: '10',
  duration: '30s',
  bindAddress: '127.0.0.1:10249',
  address: '192.0.2.1',
  cidrs: '10.42.0.0/16',
  texts: 'text',
}

export type TypeName = keyof typeof types

/** The value that a flag of a type has. Durations are in seconds. */
export type ValueOf<T extends TypeName> = z.infer<(typeof types)[T]>
