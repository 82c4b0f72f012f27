import type { Log } from '../daemon/log.ts'
import type { Change } from '../reconcile/types.ts'
import { exitCodes } from './errors.ts'
import { printChanges } from './dry-run.ts'
import type { OutputFormat } from './output.ts'

/** What the commands that run until they are told to stop have in common. */
export interface Daemon {
  run(log: Log, signal: AbortSignal): Promise<void>
  dryRun(log: Log, signal: AbortSignal): Promise<Change[]>
  /** Said when a dry run finds nothing. */
  nothing: string
}

/** Besides these, the flags of its table. */
export interface DaemonOptions extends Record<string, unknown> {
  dryRun?: boolean
  output: OutputFormat
}

/** Runs until SIGTERM or SIGINT, which are its proper end (exit code 0), or prints what would change. */
export async function runDaemon(daemon: Daemon, options: DaemonOptions): Promise<number> {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => stop.abort(new DOMException(name, 'AbortError')))
  const log = await makeLog()
  if (options.dryRun) return dryRun(daemon, log, stop.signal, options.output)
  try {
    await daemon.run(log, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return exitCodes.ok
}

/** A dry run that is stopped has not done what was asked of it. */
async function dryRun(daemon: Daemon, log: Log, signal: AbortSignal, output: OutputFormat): Promise<number> {
  try {
    await printChanges(await daemon.dryRun(log, signal), daemon.nothing, output)
    return exitCodes.ok
  } catch (error) {
    if (!signal.aborted) throw error
    return (signal.reason as Error).message === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  }
}

async function makeLog(): Promise<Log> {
  const { pino } = await import('pino')
  const level = { formatters: { level: (label: string) => ({ level: label }) } }
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, ...level },
    pino.destination({ fd: 2, sync: true }),
  )
  return (level, message, fields) => logger[level](fields ?? {}, message)
}
