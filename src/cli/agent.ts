import { hostname } from 'node:os'
import { dryRunAgent, runAgent } from '../agent/agent.ts'
import type { AgentConfig, FlannelBackend } from '../agent/config.ts'
import { parseCIDRs } from '../agent/config.ts'
import type { Log } from '../agent/log.ts'
import type { Change } from '../reconcile/types.ts'
import { exitCodes } from './errors.ts'
import { type OutputFormat, print, say } from './output.ts'

interface Options {
  kubeconfig: string
  nodeName?: string
  runDir: string
  clusterCidr: string
  serviceCidr: string
  flannelBackend: FlannelBackend
  dryRun?: boolean
  output: OutputFormat
}

/** `weft agent`: runs until SIGTERM or SIGINT, which are its proper end (exit code 0), or prints what would change. */
export async function run(options: Options): Promise<number> {
  const config: AgentConfig = {
    kubeconfig: options.kubeconfig,
    nodeName: (options.nodeName ?? hostname()).toLowerCase(),
    runDir: options.runDir,
    clusterCIDRs: parseCIDRs('--cluster-cidr', options.clusterCidr),
    serviceCIDRs: parseCIDRs('--service-cidr', options.serviceCidr),
    flannelBackend: options.flannelBackend,
  }
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => stop.abort(new DOMException(name, 'AbortError')))
  const log = await makeLog()
  if (options.dryRun) return dryRun(config, log, stop.signal, options.output)
  try {
    await runAgent(config, log, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return exitCodes.ok
}

/** A dry run that is stopped has not done what was asked of it. */
async function dryRun(config: AgentConfig, log: Log, signal: AbortSignal, output: OutputFormat): Promise<number> {
  try {
    await printChanges(await dryRunAgent(config, log, signal), output)
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

async function printChanges(changes: readonly Change[], format: OutputFormat): Promise<void> {
  const rows = changes.map(({ op, item, subject }) => ({
    op,
    kind: item.kind,
    key: item.key,
    value: item.value,
    subject,
  }))
  await print(rows, {
    format,
    kind: 'Change',
    columns: [
      { title: 'CHANGE', cell: (row) => row.op },
      { title: 'KIND', cell: (row) => row.kind },
      { title: 'KEY', cell: (row) => row.key },
      { title: 'VALUE', cell: (row) => row.value },
      { title: 'FOR', cell: (row) => row.subject },
    ],
  })
  say(changes.length === 0 ? 'the kernel is what the API says' : `${changes.length} changes; nothing was written`)
}
