import { readLabState } from '../lab/state.ts'
import { exitCodes } from './errors.ts'

/** `weft lab kubeconfig`: prints the path, for `export KUBECONFIG=$(weft lab kubeconfig)`. */
export async function run(options: { name: string }): Promise<number> {
  process.stdout.write(`${readLabState(options.name).kubeconfig}\n`)
  return exitCodes.ok
}
