import { readFileSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { dryRunAgent, runAgent } from '../agent/agent.ts'
import { agentConfig } from '../agent/config.ts'
import { agentFlags } from '../config/agent-flags.ts'
import { loadSettings } from '../config/settings.ts'
import { WeftError } from '../model/error.ts'
import { checkClusterNamed } from './agent-cluster.ts'
import { givenFlags } from './config-options.ts'
import { type DaemonOptions, runDaemon } from './daemon.ts'

/** `weft agent` */
export async function run(options: DaemonOptions): Promise<number> {
  const settings = await loadSettings(agentFlags, givenFlags(agentFlags, options), process.env)
  const config = agentConfig(settings, { hostname: hostname(), cores: availableParallelism(), nodeId })
  checkClusterNamed(config.kubeconfig)
  return runDaemon(
    {
      run: (log, signal) => runAgent(config, log, signal),
      dryRun: (log, signal) => {
        for (const note of config.notes) log('info', note)
        return dryRunAgent(config, log, signal)
      },
      nothing: 'the kernel is what the API says',
    },
    options,
  )
}

const nodeIdFile = '/etc/rancher/node/id'

/** K3s makes it at its first start with --with-node-id (pkg/agent/config, ensureNodeID). */
function nodeId(): string {
  try {
    return readFileSync(nodeIdFile, 'utf8').trim()
  } catch (cause) {
    throw new WeftError("K3s' id of this node cannot be read", {
      code: 'CONFIG_NODE_ID',
      fault: 'user',
      where: nodeIdFile,
      remedy: "name the Node object: --with-node-id=false --node-name=NAME, as 'kubectl get nodes' has it",
      cause,
    })
  }
}
