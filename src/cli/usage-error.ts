import type { Command, CommanderError, Option } from 'commander'
import { exampleOf } from '../config/mistake.ts'
import type { FlagTable } from '../config/flag.ts'
import { nearest } from '../config/nearest.ts'
import { WeftError } from '../model/error.ts'

/** Commander's own words in the form of every other error, with what to write instead; what only printed help or the version stays as it is. */
export function usageError(error: CommanderError, command: Command, table: FlagTable = {}): Error {
  if (error.exitCode === 0 || error.code === 'commander.help') return error
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const meant = suggestion?.match(/^\(Did you mean (.+)\?\)$/)?.[1]
  const help = `see '${pathOf(command)} --help'`
  const better = remedyFor(error.code, message, command, table)
  return new WeftError(message.replace(/\.$/, ''), {
    code: 'CLI_USAGE',
    fault: 'user',
    where: pathOf(command),
    remedy: better ?? (meant === undefined ? help : `did you mean ${meant}? Or ${help}`),
  })
}

function remedyFor(code: string, message: string, command: Command, table: FlagTable): string | undefined {
  if (code === 'commander.unknownOption') return unknownOption(message, command)
  if (code === 'commander.optionMissingArgument') return missingValue(message, command, table)
  if (code === 'commander.invalidArgument') return notAmongChoices(message, command)
  return code === 'commander.excessArguments' && command.registeredArguments.length === 0
    ? optionsAlone(command)
    : undefined
}

/** What stands there is likely the name of a lab. */
function optionsAlone(command: Command): string {
  const [word = ''] = command.args
  const path = pathOf(command)
  if (command.options.some(({ long }) => long === '--name')) return `to name a lab write '${path} --name ${word}'`
  return `'${path}' takes options alone, each beginning with --; see '${path} --help'`
}

function unknownOption(message: string, command: Command): string | undefined {
  const [, given = ''] = /'--?([^'=]*)/.exec(message) ?? []
  const names = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long?.replace(/^--/, '') ?? '')
  const meant = nearest(given, names)
  return meant === undefined ? undefined : `did you mean --${meant}? Or see '${pathOf(command)} --help'`
}

const optionIn = (message: string, command: Command): Option | undefined => {
  const flags = /option '([^']*)'/.exec(message)?.[1]
  return command.options.find((one) => one.flags === flags)
}

function missingValue(message: string, command: Command, table: FlagTable): string | undefined {
  const option = optionIn(message, command)
  const row = table[option?.long?.replace(/^--/, '') ?? '']
  return row === undefined || !option?.long
    ? undefined
    : `write for example ${option.long}=${exampleOf(row)} (${row.help})`
}

function notAmongChoices(message: string, command: Command): string | undefined {
  const option = optionIn(message, command)
  const [, given = ''] = /argument '([^']*)' is invalid/.exec(message) ?? []
  const meant = nearest(given, option?.argChoices ?? [])
  return meant === undefined || !option?.long ? undefined : `did you mean ${meant}? write ${option.long}=${meant}`
}

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
