import { WeftError } from '../model/error.ts'
import { type Flag, type FlagTable, isList, type Origin, origins, supportedChoices, type Values } from './flag.ts'
import { exampleOf, flagPlace, invalidValue, type Place, unknownName } from './mistake.ts'
import { asText, types } from './types.ts'

/** One value as somebody gave it, or several for a flag that was given several times. */
export interface Setting extends Place {
  name: string
  value: unknown
  origin: Origin
}

/** What a configuration file says, and what of it is not for us. */
export interface FileSettings {
  settings: Setting[]
  notes: string[]
}

export interface Resolved<T extends FlagTable> {
  values: Values<T>
  /** Where each value came from. */
  origins: Record<keyof T & string, Origin>
  /** What was set and changes nothing, each as a sentence. */
  notes: string[]
  /** Where a value was said, or would be: the flag, where it is the default. */
  placeOf: (name: keyof T & string) => Place
}

/**
 * One value for each flag: of several settings the one whose origin comes last counts, and the last of one origin.
 *
 * @throws WeftError CONFIG_UNKNOWN, CONFIG_INVALID, CONFIG_CONTRADICTION with the place, what is wrong and what to write
 */
export function resolve<T extends FlagTable>(table: T, settings: readonly Setting[]): Resolved<T> {
  const given = new Map<string, Setting>()
  for (const setting of settings) {
    const row = rowOf(table, setting)
    const name = row.aliasOf ?? setting.name
    const before = given.get(name)
    if (before !== undefined) checkAgreement(before, setting)
    if (before === undefined || rank(setting) >= rank(before)) given.set(name, setting)
  }
  const values: Record<string, unknown> = {}
  const from: Record<string, Origin> = {}
  const notes: string[] = []
  for (const [name, row] of Object.entries(table) as [string, Flag][]) {
    const setting = given.get(name)
    from[name] = setting?.origin ?? 'default'
    values[name] = setting === undefined ? defaultOf(name, row) : valueOf(row, setting, notes)
    if (setting !== undefined && row.noEffect !== undefined)
      notes.push(`${setting.where} has no effect: ${row.noEffect}`)
  }
  return {
    values: values as Values<T>,
    origins: from,
    notes,
    placeOf: (name) => given.get(table[name]?.aliasOf ?? name) ?? flagPlace(name),
  }
}

const rank = ({ origin }: Setting): number => origins.indexOf(origin)

function rowOf(table: FlagTable, { name, where }: Setting): Flag {
  const row = table[name]
  if (row !== undefined) return row
  const names = Object.keys(table)
  throw unknownName(`there is no flag "${name}"`, where, { name, names, prefix: '--', else: 'leave it out' })
}

/** Two names of one flag, side by side: nobody could say which of them counts. */
function checkAgreement(one: Setting, other: Setting): void {
  if (one.name === other.name || one.origin !== other.origin || asText(one.value) === asText(other.value)) return
  throw new WeftError(`${one.where} and ${other.where} are two names for the same, and say different things`, {
    code: 'CONFIG_CONTRADICTION',
    fault: 'user',
    where: `${one.where}, ${other.where}`,
    remedy: `leave one of them out: ${one.write(asText(one.value))}, or ${other.write(asText(other.value))}`,
  })
}

const defaultOf = (name: string, row: Flag): unknown =>
  row.default === undefined ? undefined : parse(row, row.default, flagPlace(name))

/** Several values of a flag that holds one: the last counts, as with kube-proxy and K3s, and it is said where they differ. */
function valueOf(row: Flag, setting: Setting, notes: string[]): unknown {
  const { value, origin, where } = setting
  if (isList(row) || !Array.isArray(value)) return parse(row, refuseEmpty(row, value, origin, setting), setting)
  const last: unknown = value.at(-1)
  if (value.some((one) => asText(one) !== asText(last)))
    notes.push(`${where} is given ${value.length} times; the last counts: ${asText(last)}`)
  return parse(row, refuseEmpty(row, last, origin, setting), setting)
}

/** Mostly a variable of the shell that is not set. Files have their own ways to say the default, and a server that listens nowhere has none. */
function refuseEmpty(row: Flag, value: unknown, origin: Origin, { where, write }: Place): unknown {
  const isEmpty = [value].flat().every((one) => asText(one).trim() === '')
  const mayBe = row.type === 'bindAddress' || row.type === 'address' || row.noEffect !== undefined
  if (!isEmpty || mayBe || (origin !== 'flag' && origin !== 'argument')) return value
  throw new WeftError('the value is empty', {
    code: 'CONFIG_INVALID',
    fault: 'user',
    where,
    remedy: `write for example ${write(exampleOf(row))}, or leave it out`,
  })
}

function parse(row: Flag, value: unknown, place: Place): unknown {
  const parsed = types[row.type].safeParse(value)
  if (!parsed.success) throw invalidValue(parsed.error.issues[0]?.message ?? 'it cannot be read', place, row, value)
  const result = parsed.data
  if (typeof result === 'string' && row.choices?.includes(result) === false)
    throw invalidValue(`"${result}" is not one of: ${supportedChoices(row)?.join(', ')}`, place, row, value)
  const wrong = row.check?.(result)
  if (wrong !== undefined) throw invalidValue(wrong, place, row, value)
  return result
}
