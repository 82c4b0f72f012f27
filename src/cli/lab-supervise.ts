import { parseArgs } from 'node:util'
import { runSupervisor } from '../lab/supervisor/main.ts'

/** `weft lab supervise`: the background process of a lab, started by `weft lab up`. */
export function run(_options: unknown, args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { name: { type: 'string', default: '' } } })
  return runSupervisor(values.name)
}
