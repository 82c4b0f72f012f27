import { byCause, type Cause, notTried, type Report, type Row, summarize } from '../lab/verify/index.ts'
import { paint } from './output.ts'

/** A column of the summary. Those that may be narrowed break their cells into lines. */
interface TextColumn {
  title: string
  cell(row: Row): string
  /** Narrower than this it does not get. */
  least?: number
}

const columns: readonly TextColumn[] = [
  { title: 'RESULT', cell: ({ result }) => result },
  { title: 'CHECK', cell: ({ check }) => check, least: 9 },
  { title: 'WHAT', cell: ({ what }) => what, least: 14 },
  { title: 'FROM', cell: ({ from }) => from, least: 8 },
  { title: 'TRIED', cell: ({ tried }) => String(tried) },
  { title: 'CAME BACK', cell: ({ cameBack }) => cameBack, least: 9 },
  { title: 'SHOULD', cell: ({ should }) => should, least: 12 },
]

/** Those that give their place to the others in a narrow terminal: they stand on a line below, in the width of all. */
const below = {
  titles: ['FROM', 'SHOULD'],
  text: ({ from, should }: Row): string => `${from} → ${should}`,
}

const gap = '  '
/** Mismatches of one cause beyond so many are counted, not shown. */
const mostRowsOfCause = 4

/**
 * A report for a reader: what was tried, in lines that sum up; what was not, and why; and what mismatched, by its cause.
 *
 * @param width of the terminal, in columns
 */
export function reportText(report: Report, width: number): string {
  return [
    tableText(summarize(report.rows), width),
    notTriedText(notTried(report.rows), width),
    ...byCause(report).map(({ cause, rows }) => causeText(cause, rows, width)),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** In whichever form fits and is shorter: all columns side by side, or the widest ones below. */
function tableText(rows: readonly Row[], width: number): string {
  const beside = tableLines(columns, rows, width)
  const kept = columns.filter(({ title }) => !below.titles.includes(title))
  const stacked = tableLines(kept, rows, width, below.text)
  const isWide = beside.some((line) => line.length > width)
  const lines = isWide || stacked.length < beside.length ? stacked : beside
  return lines.map((line) => `${paintResult(line)}\n`).join('')
}

function tableLines(
  columns: readonly TextColumn[],
  rows: readonly Row[],
  width: number,
  under?: (row: Row) => string,
): string[] {
  const titles = columns.map(({ title }) => title)
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const widths = fit(columns, [titles, ...cells], width)
  const margin = ' '.repeat((widths[0] ?? 0) + gap.length)
  const lines = (row: readonly string[], text: string | undefined): string[] => [
    ...rowLines(row, widths),
    ...(text === undefined ? [] : wrap(text, width - margin.length).map((line) => margin + line)),
  ]
  return [
    ...lines(titles, under && below.titles.join(' → ')),
    ...rows.flatMap((row, index) => lines(cells[index] ?? [], under?.(row))),
  ]
}

/** Widths of the columns: as wide as their cells; where that is too much, those that may be narrowed give way, at first only as far as no word breaks. */
function fit(columns: readonly TextColumn[], cells: readonly (readonly string[])[], width: number): number[] {
  const widest = (lengthOf: (cell: string) => number): number[] =>
    columns.map((_, index) => Math.max(...cells.map((row) => lengthOf(row[index] ?? ''))))
  const full = widest((cell) => cell.length)
  const words = widest((cell) => Math.max(...cell.split(' ').map((word) => word.length)))
  const least = columns.map((column, index) => column.least ?? full[index] ?? 0)
  const unbroken = least.map((one, index) => Math.max(one, words[index] ?? 0))
  return narrowed(narrowed(full, unbroken, width), least, width)
}

/** Takes from the column that has most to spare, until all fit or none has. */
function narrowed(full: readonly number[], least: readonly number[], width: number): number[] {
  const widths = [...full]
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + gap.length * (full.length - 1)
  for (;;) {
    const spare = widths.map((one, index) => one - (least[index] ?? 0))
    const most = Math.max(...spare)
    if (total() <= width || most <= 0) return widths
    const index = spare.indexOf(most)
    widths[index] = (widths[index] ?? 0) - 1
  }
}

function rowLines(cells: readonly string[], widths: readonly number[]): string[] {
  const wrapped = cells.map((cell, index) => wrap(cell, widths[index] ?? cell.length))
  const height = Math.max(...wrapped.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) =>
    wrapped
      .map((lines, index) => (lines[line] ?? '').padEnd(widths[index] ?? 0))
      .join(gap)
      .trimEnd(),
  )
}

/** Breaks a text at spaces, and a word that is longer than a line where it must. */
export function wrap(text: string, columns: number): string[] {
  const width = Math.max(1, columns)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
    while (line.length > width) {
      lines.push(line.slice(0, width))
      line = line.slice(width)
    }
  }
  return [...lines, line]
}

const paintResult = (line: string): string =>
  line.replace(/^MISMATCH\b/, (word) => paint(word, 'red')).replace(/^ok\b/, (word) => paint(word, 'green'))

function notTriedText(rows: readonly Row[], width: number): string {
  if (rows.length === 0) return ''
  const lines = rows.flatMap(({ check, what, should }) => {
    const kind = check === 'not tried' ? '' : check
    const head = [kind, what].filter((part) => part !== '').join(' ')
    return indented(`${head}: ${should}`, width, 2)
  })
  return `${paint('not tried', 'yellow')}\n${lines.map((line) => `${line}\n`).join('')}`
}

function causeText(cause: Cause, rows: readonly Row[], width: number): string {
  const checks = cause.of === 1 ? 'check' : 'checks'
  const head = `${paint('MISMATCH', 'red')}  ${paint(cause.what, 'bold')}: ${cause.failed} of ${cause.of} ${checks} failed`
  const shown = rows
    .slice(0, mostRowsOfCause)
    .flatMap((row) => [
      ...indented(`${row.check}: ${row.what}, from ${row.from}`, width, 2),
      ...indented(`came back: ${row.cameBack}`, width, 4),
      ...indented(`should:    ${row.should}`, width, 4),
    ])
  const more = rows.length - mostRowsOfCause
  const rest = more > 0 ? [`  and ${more} more like these: -o wide shows every check`] : []
  return [head, ...shown, ...rest].map((line) => `${line}\n`).join('')
}

function indented(text: string, width: number, spaces: number): string[] {
  const margin = ' '.repeat(spaces)
  return wrap(text, Math.max(20, width - spaces - 2)).map((line, index) => `${margin}${index > 0 ? '  ' : ''}${line}`)
}
