import { setTimeout as delay } from 'node:timers/promises'
import { hostGateway } from '../fabric/host-gw/index.ts'
import { takeWriterLock } from '../kernel/writer-lock.ts'
import { untilAborted } from '../kube/abort.ts'
import { ApiClient } from '../kube/client.ts'
import { type Connection, loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import type { KubeObject } from '../kube/types.ts'
import { WeftError } from '../model/error.ts'
import { nftablesProxy } from '../proxy/nftables/index.ts'
import type { Change, Refusal } from '../reconcile/types.ts'
import type { AgentConfig } from './config.ts'
import { startEvents } from './events.ts'
import type { Log } from './log.ts'
import { type RunnablePart, startPart } from './run-part.ts'
import { makeSources, type Sources } from './sources.ts'
import { type AgentStatus, serveStatus } from './status-server.ts'

const lockWaitMs = 15_000

/**
 * Keeps this node's kernel as the API says until the signal; then it leaves the data path as it is. Nothing is written before every list
 * is in; what an earlier agent wrote is adopted.
 */
export async function runAgent(config: AgentConfig, log: Log, signal: AbortSignal): Promise<void> {
  const lock = await takeWriterLock(lockWaitMs, signal)
  const startedMs = Date.now()
  const { client, sources, clusterUid } = await connect(config, log, signal)
  const parts = makeParts(sources, clusterUid, log)
  const status = (): AgentStatus => {
    const now = parts.map(({ reconciler }) => reconciler.status())
    return {
      node: config.nodeName,
      pid: process.pid,
      ready: now.every((part) => part.synced),
      startedMs,
      api: { failing: sources.failing() },
      parts: now,
    }
  }
  const server = await serveStatus(config.runDir, status)
  const stops = await Promise.all(parts.map((part) => startPart(part, log)))
  const refusals = (): Refusal[] => parts.flatMap(({ reconciler }) => reconciler.status().refusals)
  startEvents(client, config.nodeName, refusals, log, signal)
  await untilAborted(signal)
  for (const stop of stops) stop()
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
  const changes: Change[] = []
  for (const part of makeParts(sources, clusterUid)) {
    changes.push(...(await part.dryRun()))
    for (const { subject, reason, message } of part.reconciler.status().refusals)
      log('warn', message, { subject, reason })
    part.close?.()
  }
  stop.abort()
  client.close()
  return changes
}

function makeParts({ view, fabric }: Sources, clusterUid: string, log?: Log): RunnablePart[] {
  const logging = log === undefined ? {} : { log }
  const proxy = nftablesProxy({ view, clusterUid, ...logging })
  return fabric === undefined ? [proxy] : [hostGateway({ view: fabric, ...logging }), proxy]
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
