/** What `-o` takes. */
export const outputFormats = ['table', 'wide', 'json', 'yaml'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** Group and version of every JSON or YAML document that the command prints; a field that goes or changes raises it. */
const outputApiVersion = 'weft.k3s.io/v1alpha1'

/** One column of a table. */
export interface Column<T> {
  /** Heading, in capitals as kubectl has it. */
  title: string
  cell(row: T): string | number | undefined
  /** Shown with `-o wide` only. */
  wide?: boolean
}

export interface PrintOptions<T> {
  format: OutputFormat
  /** `kind` of the document; a list gets `List` appended. */
  kind: string
  columns: readonly Column<T>[]
}

/** A stream to write to: stdout, or a test's. */
export interface Sink {
  write(text: string): unknown
  isTTY?: boolean
}

/**
 * Writes data to stdout: a table as kubectl prints it, or a versioned JSON or YAML document.
 *
 * @param value one object, or the rows of a list.
 */
export async function print<T extends object>(
  value: T | readonly T[],
  options: PrintOptions<T>,
  sink: Sink = process.stdout,
): Promise<void> {
  sink.write(await render(value, options))
}

async function render<T extends object>(value: T | readonly T[], options: PrintOptions<T>): Promise<string> {
  if (options.format === 'json') return `${JSON.stringify(toDocument(value, options.kind), null, 2)}\n`
  if (options.format === 'yaml') {
    const { stringify } = await import('yaml')
    return stringify(toDocument(value, options.kind), { lineWidth: 0, aliasDuplicateObjects: false })
  }
  return formatTable(rowsOf(value), options.columns, options.format === 'wide')
}

function rowsOf<T extends object>(value: T | readonly T[]): readonly T[] {
  return isList(value) ? value : [value]
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value)

function toDocument<T extends object>(value: T | readonly T[], kind: string): object {
  if (isList(value)) return { apiVersion: outputApiVersion, kind: `${kind}List`, items: value }
  return { apiVersion: outputApiVersion, kind, ...value }
}

/** Rows under headings, columns apart by three spaces, nothing cut; ends with a newline. No rows: the headings alone. */
export function formatTable<T>(rows: readonly T[], columns: readonly Column<T>[], wide = false): string {
  const shown = columns.filter((column) => wide || column.wide !== true)
  const lines = [
    shown.map((column) => column.title),
    ...rows.map((row) => shown.map((column) => cellText(column, row))),
  ]
  const widths = shown.map((_, index) => Math.max(...lines.map((line) => visibleLength(line[index] ?? ''))))
  return lines.map((line) => `${formatLine(line, widths)}\n`).join('')
}

function cellText<T>(column: Column<T>, row: T): string {
  const cell = column.cell(row)
  return cell === undefined || cell === '' ? '<none>' : String(cell)
}

function formatLine(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - visibleLength(cell)))
  return padded.join('   ').trimEnd()
}

// eslint-disable-next-line no-control-regex -- the escape character starts an ANSI sequence
const ansi = /\u001b\[[0-9;]*m/g
const visibleLength = (text: string): number => text.replace(ansi, '').length

const sgr = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const
export type Style = keyof typeof sgr

/** Whether text for this stream may be coloured: no-color.org, then FORCE_COLOR, then a terminal that is not dumb. */
export function wantsColour(sink: Sink, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0'
  return sink.isTTY === true && env['TERM'] !== 'dumb'
}

/** The text in a colour where the stream shows colours, unchanged elsewhere. */
export function paint(text: string, style: Style, sink: Sink = process.stdout): string {
  return wantsColour(sink) ? `\u001b[${sgr[style]}m${text}\u001b[0m` : text
}

/** Something for the reader, on stderr: stdout is for data. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
