import { argumentName, componentArguments } from './arguments.ts'
import { readComponentFile, readConfigFile } from './files.ts'
import type { FlagTable } from './flag.ts'
import { flagPlace } from './mistake.ts'
import { type FileSettings, type Resolved, resolve, type Setting } from './resolve.ts'
import { asText } from './types.ts'

/** Flags as the command line has them, by name without dashes; only those that were given. A list: the flag was given several times. */
export type GivenFlags = Readonly<Record<string, unknown>>

/**
 * All settings in one: defaults, K3s' variables of the environment, the file of --config, the component's arguments (of the file and of the command line), the flags.
 *
 * @param env variables of the environment; none counts where it is left out
 * @throws WeftError CONFIG_… with flag, or file and field
 */
export async function loadSettings<T extends FlagTable>(
  table: T,
  given: GivenFlags,
  env: NodeJS.ProcessEnv = {},
): Promise<Resolved<T>> {
  const notes: string[] = []
  const flags = Object.entries(given).flatMap(([name, value]): Setting[] =>
    value === undefined ? [] : [{ name, value, origin: 'flag', ...flagPlace(name) }],
  )
  const fromEnv = Object.entries(table).flatMap(([name, { env: variable }]): Setting[] =>
    variable !== undefined && env[variable] ? [environmentSetting(name, variable, env[variable])] : [],
  )
  const file = await configFile(table, [...fromEnv, ...flags], notes)
  const argName = argumentName(table)
  const isArgument = ({ name }: Setting): boolean => name === argName
  const args = componentArguments(table, [...file.settings, ...flags].filter(isArgument))
  const named = await namedByArgument(table, args.settings)
  const rest = [...fromEnv, ...file.settings, ...named.settings, ...args.settings, ...flags]
  const resolved = resolve(
    table,
    rest.filter((setting) => !isArgument(setting)),
  )
  return { ...resolved, notes: [...notes, ...file.notes, ...named.notes, ...args.notes, ...resolved.notes] }
}

const nothing: FileSettings = { settings: [], notes: [] }

const environmentSetting = (name: string, variable: string, value: string): Setting => ({
  name,
  value,
  origin: 'environment',
  where: `$${variable}`,
  write: (text) => `${variable}=${text}`,
})

/** Of a variable and a flag the flag counts; K3s has it the other way round for its file, so that it is said. */
async function configFile(table: FlagTable, settings: readonly Setting[], notes: string[]): Promise<FileSettings> {
  const said = settings.filter(({ name, value }) => name === 'config' && [value].flat().at(-1) !== '')
  const one = said.at(-1)
  if (one === undefined) return nothing
  for (const other of said.slice(0, -1)) notes.push(`${other.where} has no effect beside ${one.where}`)
  return readConfigFile(asText([one.value].flat().at(-1)), table, one)
}

/** K3s hands `--kube-proxy-arg config=FILE` to kube-proxy, which reads it. */
async function namedByArgument(table: FlagTable, args: readonly Setting[]): Promise<FileSettings> {
  const file = args.find(({ name }) => name === 'config')
  return file === undefined ? nothing : readComponentFile(asText(file.value), table, file)
}
