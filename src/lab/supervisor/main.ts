import { readSpec } from './spec.ts'
import { supervise } from './supervise.ts'

/**
 * Runs the supervisor of a lab as its starter wrote it down, until SIGTERM or SIGINT.
 *
 * @throws WeftError LAB_NOT_FOUND
 */
export function runSupervisor(name: string): Promise<number> {
  const spec = readSpec(name)
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  // The terminal that the lab was started from may go; the lab stays.
  process.on('SIGHUP', () => {})
  return supervise(spec, stop.signal)
}
