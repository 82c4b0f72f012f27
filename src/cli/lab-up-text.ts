import type { NextStep } from '../lab/next-steps.ts'
import { wrap } from './lab-verify-text.ts'
import { paint } from './output.ts'

/** Columns that most terminals have. */
const usualWidth = 120
const [margin, gap] = ['  ', '   ']

/**
 * Commands with what they show beside them, one below the other as far as there is room; in a terminal too narrow for that, above them.
 *
 * @param width of the terminal, in columns; undefined where there is none
 */
export function stepLines(steps: readonly NextStep[], width?: number): string[] {
  const commented = steps.filter(({ about }) => about !== undefined)
  const longest = Math.max(0, ...commented.map(({ command }) => command.length))
  const aboutWidth = Math.max(0, ...commented.map(({ about }) => `# ${about}`.length))
  const column = Math.min(longest, (width ?? usualWidth) - margin.length - gap.length - aboutWidth)
  const beside = ({ command, about }: NextStep): number => `${margin}${command.padEnd(column)}${gap}# ${about}`.length
  const isNarrow = width !== undefined && commented.some((step) => beside(step) > width)
  return steps.flatMap(({ command, about }) => {
    if (about === undefined) return [`${margin}${command}`]
    const note = paint(`# ${about}`, 'dim', process.stderr)
    return isNarrow ? [`${margin}${note}`, `${margin}${command}`] : [`${margin}${command.padEnd(column)}${gap}${note}`]
  })
}

/** What is waited for; broken into lines where there is a terminal that has so many columns. */
export function waitingText(missing: readonly string[], width?: number): string {
  const text = `… waiting for ${missing.join('; ')}`
  return width === undefined ? text : wrap(text, width - margin.length).join(`\n${margin}`)
}
