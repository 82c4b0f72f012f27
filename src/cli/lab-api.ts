import { parseArgs } from 'node:util'
import { runApi } from '../lab/supervisor/api-process.ts'

/** `weft lab api`: the API and the controllers of a lab, started by its supervisor. */
export function run(_options: unknown, args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { name: { type: 'string', default: '' } } })
  return runApi(values.name)
}
