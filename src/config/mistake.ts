import { WeftError } from '../model/error.ts'
import { type Flag, supportedChoices } from './flag.ts'
import { nearest } from './nearest.ts'
import { suggestion } from './suggest.ts'
import { asText, examples } from './types.ts'

/** Where a value stands, for messages. */
export interface Place {
  /** The flag, or file and field, e.g. `--cluster-cidr`, `/etc/x.yaml: conntrack.min`. */
  where: string
  /** How a value is written there, or in a place that counts more. */
  write: (value: string) => string
  /** Said after what to write. */
  note?: string
}

/** The place of a flag on the command line. */
export const flagPlace = (name: string): Place => ({
  where: `--${name}`,
  write: (value) => `--${name}=${/^[\w.,:/+@%=-]*$/.test(value) ? value : `'${value}'`}`,
})

/** A value that cannot be; the remedy is what was probably meant, or a value that could stand there. */
export function invalidValue(what: string, { where, write, note = '' }: Place, row: Flag, given?: unknown): WeftError {
  const meant = meantBy(row, asText(given))
  const remedy =
    meant === undefined
      ? `write for example ${write(exampleOf(row))}${note} (${row.help})`
      : `did you mean ${meant}? write ${write(meant)}${note}`
  return new WeftError(what, { code: 'CONFIG_INVALID', fault: 'user', where, remedy })
}

/** What is right as it is has been refused for another reason: to say it again helps nobody. */
function meantBy(row: Flag, text: string): string | undefined {
  const choices = supportedChoices(row)
  const meant = choices === undefined ? suggestion(row.type, text) : nearest(text, choices)
  return meant === text ? undefined : meant
}

/** Something that could stand there. */
export function exampleOf(row: Flag): string {
  if (row.example !== undefined) return row.example
  return row.default || supportedChoices(row)?.[0] || examples[row.type]
}

/** A name that is none; `prefix` stands before names where this one stood, `else` is said where none is near. */
export function unknownName(
  what: string,
  where: string,
  near: { name: string; names: readonly string[]; prefix: string; else: string },
): WeftError {
  const meant = nearest(near.name, near.names)
  return new WeftError(what, {
    code: 'CONFIG_UNKNOWN',
    fault: 'user',
    where,
    remedy: meant === undefined ? near.else : `did you mean ${near.prefix}${meant}?`,
  })
}
