import { parseArgs } from 'node:util'
import { runForwarder } from '../lab/supervisor/forward-process.ts'

/** `weft lab forward`: carries an API server that was given into a lab, started by its supervisor. */
export function run(_options: unknown, args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { name: { type: 'string', default: '' } } })
  return runForwarder(values.name)
}
