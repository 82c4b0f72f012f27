import { WeftError } from '../../model/error.ts'
import { type LabSpec, labFiles, readJson } from '../files.ts'
import { checkLabName } from '../name.ts'
import { supervise } from './supervise.ts'

/**
 * Runs the supervisor of a lab as its starter wrote it down, until SIGTERM or SIGINT.
 *
 * @throws WeftError LAB_NOT_FOUND
 */
export function runSupervisor(name: string): Promise<number> {
  const spec = readJson(labFiles(checkLabName(name)).spec) as LabSpec | undefined
  if (spec === undefined) {
    throw new WeftError(`there is no lab named "${name}" to supervise`, {
      code: 'LAB_NOT_FOUND',
      fault: 'user',
      where: '--name',
      remedy: `start one with 'weft lab up --name ${name}'`,
      exitCode: 4,
    })
  }
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  // The terminal that the lab was started from may go; the lab stays.
  process.on('SIGHUP', () => {})
  return supervise(spec, stop.signal)
}
