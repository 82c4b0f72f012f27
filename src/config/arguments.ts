import type { Component, Flag, FlagTable } from './flag.ts'
import { flagPlace, unknownName } from './mistake.ts'
import { typoOf } from './nearest.ts'
import type { Setting } from './resolve.ts'
import { asText } from './types.ts'

interface Argument extends Setting {
  value: string
  sign: '' | '+' | '-'
}

/** The flag of a table whose values are arguments of a component, e.g. `kube-proxy-arg`. */
export const argumentName = (table: FlagTable): string | undefined =>
  Object.entries(table).find(([, { argumentsOf }]) => argumentsOf !== undefined)?.[0]

/**
 * K3s' `--kube-proxy-arg=NAME=VALUE` (pkg/util/args.go): with or without dashes before the name; a name alone is a switch; `NAME+=VALUE` comes after what was said of it and
 * K3s' own default, `NAME-=VALUE` before. Of several values a list of pflag's (StringSlice) holds all; else the last counts, ranges among it.
 *
 * @throws WeftError CONFIG_UNKNOWN for what is no flag of the component
 */
export function componentArguments(
  table: FlagTable,
  given: readonly Setting[],
): { settings: Setting[]; notes: string[] } {
  const component = table[argumentName(table) ?? '']?.argumentsOf
  if (component === undefined) return { settings: [], notes: [] }
  const notes: string[] = []
  const args = given.flatMap((setting) =>
    [setting.value ?? []].flat().map((one) => argument(table, component, setting, asText(one), notes)),
  )
  return {
    settings: joined(
      table,
      args.filter((one) => one !== undefined),
    ),
    notes,
  }
}

function argument(
  table: FlagTable,
  component: Component,
  { where, write, note }: Setting,
  text: string,
  notes: string[],
): Argument | undefined {
  const { name = '', sign = '', value = 'true' } = argumentPattern.exec(text)?.groups ?? {}
  const row: Flag | undefined = table[name]
  if (!row?.of.includes(component)) {
    if (!concernsOthers(table, component, name)) throw notTaken(table, component, where, { text, name })
    notes.push(`${where} ${name} has no effect: it is for other controllers of ${component}`)
    return undefined
  }
  return {
    name,
    value,
    sign: sign as Argument['sign'],
    origin: 'argument',
    where: `${where} ${name}`,
    // Beside a file that is not only ours, where a second argument would not do away with the first.
    ...(note === undefined ? { write: (one) => write(`${name}=${one}`) } : { write: flagPlace(name).write, note }),
  }
}

const argumentPattern = /^(?:--)?(?<name>[a-z][a-z0-9-]*?)(?<sign>[+-])?(?:=(?<value>.*))?$/s

/** kube-controller-manager has some hundred flags, of which a few concern what is done here; what looks like one of these is a mistake. */
const concernsOthers = (table: FlagTable, component: Component, name: string): boolean =>
  component === 'kube-controller-manager' &&
  name !== '' &&
  table[name] === undefined &&
  typoOf(name, namesOf(table, component)) === undefined

const namesOf = (table: FlagTable, component: Component): string[] =>
  Object.entries(table).flatMap(([name, { of }]) => (of.includes(component) ? [name] : []))

function notTaken(
  table: FlagTable,
  component: Component,
  where: string,
  { text, name }: { text: string; name: string },
): Error {
  const names = namesOf(table, component)
  const example = table[argumentName(table) ?? '']?.example ?? ''
  const own = table[name] === undefined ? '' : `--${name} is a flag of weft's own: write it as such`
  return unknownName(`"${text}" is no argument of ${component}`, where, {
    name: own === '' ? name : '',
    names,
    prefix: '',
    else: own || `write NAME=VALUE with a flag of ${component}, for example ${example}`,
  })
}

function joined(table: FlagTable, args: readonly Argument[]): Setting[] {
  const byName = new Map<string, Argument[]>()
  for (const one of args) {
    const before = byName.get(one.name) ?? []
    byName.set(one.name, one.sign === '-' ? [one, ...before] : [...before, one])
  }
  return [...byName].flatMap(([name, all]): Setting[] => {
    const row = table[name] as Flag
    const last = all.at(-1) as Argument
    if (row.type === 'texts') return [{ ...last, value: all.map(({ value }) => value) }]
    return last.sign === '-' && row.default !== undefined ? [] : [last]
  })
}
