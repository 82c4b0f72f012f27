import { WeftError } from '../model/error.ts'
import { readConfigFile } from './files.ts'
import type { FlagTable } from './flag.ts'
import { type Resolved, resolve, type Setting } from './resolve.ts'

/** Flags as the command line has them, by name without dashes; only those that were given. */
export type GivenFlags = Readonly<Record<string, unknown>>

/**
 * All settings in one: defaults, then the file of --config, then --kube-proxy-arg (of the file and of the command line), then the flags.
 *
 * @throws WeftError CONFIG_… with flag, or file and field
 */
export async function loadSettings<T extends FlagTable>(table: T, given: GivenFlags): Promise<Resolved<T>> {
  const file = typeof given['config'] === 'string' ? await readConfigFile(given['config'], table) : undefined
  const flags = Object.entries(given).flatMap(([name, value]): Setting[] =>
    value === undefined || name === argName ? [] : [{ name, value, origin: 'flag', where: `--${name}` }],
  )
  const inFile = file?.settings.filter(({ name }) => name === argName) ?? []
  const args = [
    ...inFile.flatMap(({ value, where }) => proxyArguments(value, where, table)),
    ...proxyArguments(given[argName], `--${argName}`, table),
  ]
  const rest = file?.settings.filter(({ name }) => name !== argName) ?? []
  const resolved = resolve(table, [...rest, ...joined(args), ...flags])
  return { ...resolved, notes: [...(file?.notes ?? []), ...resolved.notes] }
}

const argName = 'kube-proxy-arg'

interface Argument extends Setting {
  value: string
  appends: boolean
}

/** K3s' `--kube-proxy-arg=NAME=VALUE`, with or without dashes before the name; a name alone is a switch. `NAME+=VALUE` appends. */
function proxyArguments(value: unknown, where: string, table: FlagTable): Argument[] {
  const texts = [value ?? []].flat().map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  return texts.map((text) => {
    const match = /^(?:--)?(?<name>[a-z][a-z0-9-]*?)(?<sign>[+-])?(?:=(?<value>.*))?$/.exec(text)
    const name = match?.groups?.['name'] ?? ''
    if (!table[name]?.of.includes('kube-proxy')) throw unknownArgument(text, where)
    const given = match?.groups?.['value'] ?? 'true'
    return {
      name,
      value: given,
      origin: '--kube-proxy-arg',
      where: `${where} ${name}`,
      appends: match?.groups?.['sign'] !== undefined,
    }
  })
}

/** What `NAME+=` appends to is what was said of NAME before. */
function joined(settings: readonly Argument[]): Setting[] {
  const byName = new Map<string, Argument>()
  for (const setting of settings) {
    const before = setting.appends ? byName.get(setting.name) : undefined
    const value = before === undefined ? setting.value : `${before.value},${setting.value}`
    byName.set(setting.name, { ...setting, value })
  }
  return [...byName.values()]
}

const unknownArgument = (text: string, where: string): WeftError =>
  new WeftError(`"${text}" is no argument of kube-proxy`, {
    code: 'CONFIG_UNKNOWN',
    fault: 'user',
    where,
    remedy: 'write NAME=VALUE with a flag of kube-proxy, e.g. nodeport-addresses=primary',
  })
