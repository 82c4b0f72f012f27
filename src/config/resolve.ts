import { WeftError } from '../model/error.ts'
import { type Flag, type FlagTable, type Origin, origins, type Values } from './flag.ts'
import { types } from './types.ts'

/** One value as somebody gave it. */
export interface Setting {
  name: string
  value: unknown
  origin: Origin
  /** For errors: the flag, or file and field, e.g. `config.yaml: conntrack.min`. */
  where: string
}

export interface Resolved<T extends FlagTable> {
  values: Values<T>
  /** Where each value came from. */
  origins: Record<keyof T & string, Origin>
  /** What was set and changes nothing, each as a sentence. */
  notes: string[]
}

/**
 * One value for each flag: of several settings the one whose origin comes last counts, and the last of one origin.
 *
 * @throws WeftError CONFIG_UNKNOWN, CONFIG_INVALID with the place, what is wrong and what may stand there
 */
export function resolve<T extends FlagTable>(table: T, settings: readonly Setting[]): Resolved<T> {
  const given = new Map<string, Setting>()
  for (const setting of settings) {
    if (table[setting.name] === undefined) throw unknown(setting, Object.keys(table))
    const before = given.get(setting.name)
    if (before === undefined || rank(setting) >= rank(before)) given.set(setting.name, setting)
  }
  const values: Record<string, unknown> = {}
  const from: Record<string, Origin> = {}
  const notes: string[] = []
  for (const [name, row] of Object.entries(table) as [string, Flag][]) {
    const setting = given.get(name)
    from[name] = setting?.origin ?? 'default'
    values[name] = setting === undefined ? defaultOf(name, row) : parse(row, setting)
    if (setting !== undefined && row.noEffect !== undefined)
      notes.push(`${setting.where} has no effect: ${row.noEffect}`)
  }
  return { values: values as Values<T>, origins: from, notes }
}

const rank = ({ origin }: Setting): number => origins.indexOf(origin)

const defaultOf = (name: string, row: Flag): unknown =>
  row.default === undefined
    ? undefined
    : parse(row, { name, value: row.default, origin: 'default', where: `the default of --${name}` })

function parse(row: Flag, { value, where }: Setting): unknown {
  const parsed = types[row.type].safeParse(value)
  if (!parsed.success) throw invalid(where, parsed.error.issues[0]?.message ?? 'it cannot be read', row)
  const result = parsed.data
  if (typeof result === 'string' && row.choices?.includes(result) === false) {
    throw invalid(where, `"${result}" is none of ${row.choices.join(', ')}`, row)
  }
  const wrong = row.check?.(result)
  if (wrong !== undefined) throw invalid(where, wrong, row)
  return result
}

const invalid = (where: string, what: string, row: Flag): WeftError =>
  new WeftError(what, {
    code: 'CONFIG_INVALID',
    fault: 'user',
    where,
    remedy: `${where.replace(/^.*[ :]/, '')} is: ${row.help}`,
  })

function unknown({ name, where }: Setting, names: readonly string[]): WeftError {
  const near = names.filter((one) => one.includes(name) || name.includes(one) || distance(one, name) <= 2)
  return new WeftError(`there is no flag "${name}"`, {
    code: 'CONFIG_UNKNOWN',
    fault: 'user',
    where,
    remedy:
      near.length > 0
        ? `did you mean ${near.slice(0, 3).join(', ')}?`
        : "see 'weft agent --help' for those that there are",
  })
}

/** How many letters differ (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
