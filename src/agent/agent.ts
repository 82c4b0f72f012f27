import { writeFileSync } from 'node:fs'
import { clusterUidOf, isRefused } from '../daemon/cluster.ts'
import type { Log } from '../daemon/log.ts'
import { Parts } from '../daemon/parts.ts'
import { takeWriterLock } from '../kernel/writer-lock.ts'
import { untilAborted } from '../kube/abort.ts'
import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import type { Change } from '../reconcile/types.ts'
import { ServedFamilies } from '../proxy/families.ts'
import { companions } from './companions.ts'
import { boundInlining } from './compiler.ts'
import type { AgentConfig } from './config.ts'
import type { AgentContext } from './context.ts'
import { AgentHealth } from './health.ts'
import { startLaterFamilies } from './later-families.ts'
import { boundHeap, collectGarbageOfStart } from './memory.ts'
import { makeParts, makeProxy } from './parts.ts'
import { serveAgent } from './serve.ts'
import { ServiceCounts } from './service-counts.ts'
import { makeSources, type Sources } from './sources.ts'

const lockWaitMs = 15_000

/**
 * Keeps this node's kernel as the API says until the signal; then it leaves the data path as it is. Nothing is written before every list
 * is in; what an earlier agent wrote is adopted. Health and status are there from the start, also while the API is away.
 */
export async function runAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<void> {
  boundHeap()
  boundInlining()
  for (const note of config.notes) log('info', note)
  if (config.oomScoreAdj !== undefined) setOomScore(config.oomScoreAdj, log)
  const lock = await takeWriterLock(lockWaitMs, signal)
  const agent = await beginAgent(config, log, signal)
  const { client, sources, parts } = agent
  const [clusterUid] = await Promise.all([clusterUidOf(client, log, signal), sources.start(signal)])
  const families = new ServedFamilies(sources.view)
  const context = { config, sources, families, clusterUid, log }
  const started = parts.run(makeParts(context), log)
  if (!config.disableKubeProxy) startLaterFamilies(agent, families, (family) => makeProxy(context, family))
  for (const start of companions) start(agent, families)
  families.follow(signal)
  await started
  void collectGarbageOfStart(signal)
  await untilAborted(signal)
  parts.stop()
  client.close()
  lock.release()
  log('info', 'stopped; what was written stays in the kernel')
}

/** proc_pid_oom_score_adj(5): lowering it needs CAP_SYS_RESOURCE. Not worth ending for. */
function setOomScore(score: number, log: Log): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(score))
  } catch (error) {
    log('warn', '--oom-score-adj cannot be set', { error: String(error) })
  }
}

/** What an agent would change in the kernel now. Writes nothing and needs no lock. */
export async function dryRunAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<Change[]> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const { client, sources } = await connect(config, log)
  const clusterUid = await clusterUidOf(client, log, both, isRefused)
  await sources.start(both)
  const changes: Change[] = []
  const families = new ServedFamilies(sources.view)
  for (const part of makeParts({ config, sources, families, clusterUid })) {
    changes.push(...(await part.dryRun()))
    for (const { subject, reason, message } of part.reconciler.status().refusals)
      log('warn', message, { subject, reason })
    part.close?.()
  }
  stop.abort()
  client.close()
  return changes
}

/** All that needs no answer of the API: whoever asks whether the agent lives is answered from here on. */
async function beginAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<AgentContext> {
  const { client, sources } = await connect(config, log)
  const parts = new Parts()
  const health = new AgentHealth(parts, sources.isNodeEligible)
  const counts = new ServiceCounts(sources.view, config.nodeName)
  const agent = { config, client, sources, parts, health, counts, asides: [], log, signal }
  await serveAgent(agent, () => sources.failing())
  return agent
}

async function connect(config: AgentConfig, log: Log): Promise<{ client: ApiClient; sources: Sources }> {
  const connection = await loadKubeconfig(config.kubeconfig)
  const client = new ApiClient(connection)
  return { client, sources: makeSources(client, config, connection.server, cannotList(log)) }
}

const cannotList =
  (log: Log) =>
  (list: string, error: string): void =>
    log('warn', `cannot list or watch ${list}; what is in the kernel stays`, { error })
