import type { NextStep } from '../lab/next-steps.ts'
import { paint } from './output.ts'

/** Columns that most terminals have. */
const widest = 120
const [margin, gap] = ['  ', '   ']

/** Commands with what they show beside them, one below the other where all of them leave room for that. */
export function stepLines(steps: readonly NextStep[]): string[] {
  const commented = steps.flatMap(({ command, about }) => (about === undefined ? [] : { command, about }))
  const longest = Math.max(0, ...commented.map(({ command }) => command.length))
  const aboutWidth = Math.max(0, ...commented.map(({ about }) => `# ${about}`.length))
  const width = Math.min(longest, widest - margin.length - gap.length - aboutWidth)
  return steps.map(({ command, about }) => {
    if (about === undefined) return `${margin}${command}`
    return `${margin}${command.padEnd(width)}${gap}${paint(`# ${about}`, 'dim', process.stderr)}`
  })
}
