import { setTimeout as delay } from 'node:timers/promises'
import { takeWriterLock } from '../kernel/writer-lock.ts'
import { ApiClient } from '../kube/client.ts'
import { type Connection, loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import type { KubeObject } from '../kube/types.ts'
import { WeftError } from '../model/error.ts'
import { nftablesProxy } from '../proxy/nftables/index.ts'
import { Scheduler } from '../reconcile/scheduler.ts'
import type { Change } from '../reconcile/types.ts'
import type { AgentConfig } from './config.ts'
import { startEvents } from './events.ts'
import { makeSources, type Sources } from './sources.ts'
import { type AgentStatus, serveStatus } from './status-server.ts'

/** One line of the log. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void

const lockWaitMs = 15_000

/**
 * Keeps this node's kernel as the API says until the signal; then it leaves the data path as it is. Nothing is written before every list
 * is in; what an earlier agent wrote is adopted.
 */
export async function runAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<void> {
  const lock = await takeWriterLock(lockWaitMs, signal)
  const startedMs = Date.now()
  const { client, sources, clusterUid } = await connect(config, log, signal)
  const proxy = nftablesProxy({ view: sources.view, clusterUid, log })
  const status = (): AgentStatus => {
    const parts = [proxy.reconciler.status()]
    return {
      node: config.nodeName,
      pid: process.pid,
      ready: parts.every((part) => part.synced),
      startedMs,
      api: { failing: sources.failing() },
      parts,
    }
  }
  const server = await serveStatus(config.runDir, status)
  const listed = performance.now()
  await proxy.start()
  const { items, changes } = proxy.reconciler.status()
  log('info', 'the kernel is what the API says', {
    items,
    changes,
    milliseconds: Math.round(performance.now() - listed),
  })
  const onError = (error: unknown): void =>
    log('error', 'the reconciler stumbled; it goes on', { error: String(error) })
  const scheduler = new Scheduler(proxy.reconciler, { onError })
  const unfollow = proxy.follow((subjects) => scheduler.touch(subjects))
  startEvents(client, config.nodeName, () => proxy.reconciler.status().refusals, log, signal)
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  unfollow()
  scheduler.close()
  server.close()
  client.close()
  lock.release()
  log('info', 'stopped; what was written stays in the kernel')
}

/** What an agent would change in the kernel now. Writes nothing and needs no lock. */
export async function dryRunAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<Change[]> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const { client, sources, clusterUid } = await connect(config, log, both)
  const changes = await nftablesProxy({ view: sources.view, clusterUid }).dryRun()
  stop.abort()
  client.close()
  return changes
}

async function connect(
  config: AgentConfig,
  log: Log,
  signal: AbortSignal,
): Promise<{ client: ApiClient; sources: Sources; clusterUid: string }> {
  const connection = await loadKubeconfig(config.kubeconfig)
  const client = new ApiClient(connection)
  const sources = makeSources(client, config, apiPortOf(connection), (resource, error) =>
    log('warn', `cannot list or watch ${resource}; what is in the kernel stays`, { error }),
  )
  const clusterUid = await clusterUidOf(client, log, signal)
  await sources.start(signal)
  return { client, sources, clusterUid }
}

/** The uid of kube-system, which stands for the cluster. The API may be away: asks until it answers. */
async function clusterUidOf(client: ApiClient, log: Log, signal: AbortSignal): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      const path = resourcePath({ version: 'v1', resource: 'namespaces', name: 'kube-system' })
      const namespace = await client.get<KubeObject>(path, {}, { signal })
      return namespace.metadata.uid ?? ''
    } catch (error) {
      if (signal.aborted) throw error
      const remedy = error instanceof WeftError ? error.remedy : undefined
      const message = error instanceof Error ? error.message : String(error)
      log('warn', 'the API does not answer yet', { error: message, remedy })
      await delay(Math.min(10_000, 250 * 2 ** attempt), undefined, { signal })
    }
  }
}

function apiPortOf(connection: Connection): number | undefined {
  const url = new URL(connection.server)
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80))
}
