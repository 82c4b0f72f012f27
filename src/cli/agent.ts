import { availableParallelism, hostname } from 'node:os'
import { dryRunAgent, runAgent } from '../agent/agent.ts'
import { agentConfig } from '../agent/config.ts'
import { agentFlags } from '../config/agent-flags.ts'
import { loadSettings } from '../config/settings.ts'
import { checkClusterNamed } from './agent-cluster.ts'
import { attributeOf } from './config-options.ts'
import { runDaemon } from './daemon.ts'
import type { OutputFormat } from './output.ts'

interface Options extends Record<string, unknown> {
  dryRun?: boolean
  output: OutputFormat
}

/** `weft agent` */
export async function run(options: Options): Promise<number> {
  const given = Object.fromEntries(Object.keys(agentFlags).map((name) => [name, options[attributeOf(name)]]))
  const { values, notes } = await loadSettings(agentFlags, given)
  const config = agentConfig(values, notes, { hostname: hostname(), cores: availableParallelism() })
  checkClusterNamed(config.kubeconfig)
  return runDaemon(
    {
      run: (log, signal) => runAgent(config, log, signal),
      dryRun: (log, signal) => dryRunAgent(config, log, signal),
      nothing: 'the kernel is what the API says',
    },
    options,
  )
}
