import { downLab } from '../lab/down.ts'
import { exitCodes } from './errors.ts'
import { say } from './output.ts'

/** `weft lab down`: succeeds also when there is nothing to remove. */
export async function run(options: { name: string }): Promise<number> {
  const found = await downLab(options.name, say)
  say(found ? `lab "${options.name}" removed` : `there is no lab "${options.name}"`)
  return exitCodes.ok
}
