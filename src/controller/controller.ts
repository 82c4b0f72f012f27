import { hostname } from 'node:os'
import { type Pages, servePages } from '../daemon/http.ts'
import type { Log } from '../daemon/log.ts'
import { exposition, expositionType } from '../daemon/metrics/exposition.ts'
import { counter, gauge, type MetricFamily } from '../daemon/metrics/family.ts'
import { apiMetrics, partMetrics } from '../daemon/metrics/parts.ts'
import { processMetrics } from '../daemon/metrics/process.ts'
import { type AgentStatus, serveStatus } from '../daemon/status-server.ts'
import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import type { Change } from '../reconcile/types.ts'
import type { ControllerConfig } from './config.ts'
import { Leadership } from './leadership.ts'
import { makeParts } from './parts.ts'

/** Does for the cluster what was asked for, while it leads, until the signal. What was assigned stays. */
export async function runController(config: ControllerConfig, log: Log, signal: AbortSignal): Promise<void> {
  for (const note of config.notes) log('info', note)
  const client = new ApiClient(await loadKubeconfig(config.kubeconfig))
  const leadership = new Leadership(config, client, log)
  const startedMs = Date.now()
  const status = (): AgentStatus => {
    const parts = leadership.parts.status()
    return {
      role: 'controller',
      node: hostname(),
      pid: process.pid,
      ready: isReady(leadership),
      startedMs,
      api: { failing: leadership.failing() },
      parts,
      leader: { leading: leadership.leading, identity: leadership.leader },
    }
  }
  await serveStatus(config.runDir, 'controller', status, signal)
  try {
    await serveHttp(config, leadership, log, signal)
    await leadership.run(signal)
  } finally {
    client.close()
  }
  log('info', 'stopped; what was assigned stays')
}

/** What the controller would change now. Writes nothing, and needs no Lease. */
export async function dryRunController(config: ControllerConfig, log: Log, signal: AbortSignal): Promise<Change[]> {
  for (const note of config.notes) log('info', note)
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const client = new ApiClient(await loadKubeconfig(config.kubeconfig))
  try {
    const { lists, parts } = makeParts({ config, client, signal: both, log, logged: false })
    await lists.start(both)
    const changes: Change[] = []
    for (const part of parts) {
      changes.push(...(await part.dryRun()))
      for (const { subject, reason, message } of part.reconciler.status().refusals)
        log('warn', message, { subject, reason })
    }
    return changes
  } finally {
    stop.abort()
    client.close()
  }
}

/** A leader is ready when its parts are in sync; who does not lead has nothing to do, once it knows who does. */
function isReady({ leading, leader, parts }: Leadership): boolean {
  if (!leading) return leader !== ''
  const now = parts.status()
  return now.length > 0 && now.every(({ synced }) => synced)
}

async function serveHttp(
  config: ControllerConfig,
  leadership: Leadership,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { healthzBindAddress, metricsBindAddress, bindAddressHardFail: hardFail } = config
  const health = healthPages(leadership)
  const metrics = metricsPages(config, leadership)
  const same =
    healthzBindAddress.address === metricsBindAddress.address && healthzBindAddress.port === metricsBindAddress.port
  const servers = same
    ? [{ flag: '--healthz-bind-address', at: healthzBindAddress, pages: { ...metrics, ...health } }]
    : [
        { flag: '--healthz-bind-address', at: healthzBindAddress, pages: health },
        { flag: '--metrics-bind-address', at: metricsBindAddress, pages: metrics },
      ]
  await Promise.all(servers.map((server) => servePages({ ...server, hardFail, log }, signal)))
}

/** /healthz and /livez: whether it keeps up; /readyz: whether it has caught up. */
function healthPages(leadership: Leadership): Pages {
  const live = () => {
    const behind = leadership.parts.health().filter(({ healthy }) => !healthy)
    if (behind.length === 0) return { body: 'ok' }
    return { status: 503, body: `behind for over a minute: ${behind.map(({ part }) => part).join(', ')}\n` }
  }
  const ready = () => (isReady(leadership) ? { body: 'ok' } : { status: 503, body: 'not ready\n' })
  return { '/healthz': live, '/livez': live, '/readyz': ready }
}

function metricsPages(config: ControllerConfig, leadership: Leadership): Pages {
  const sources = [
    () => leaderMetrics(config, leadership),
    () => partMetrics(leadership.parts.status()),
    () => apiMetrics(leadership.failing()),
    processMetrics,
  ]
  return { '/metrics': async () => ({ type: expositionType, body: await exposition(sources) }) }
}

/** The first under the name that every Kubernetes component has it (client-go, tools/leaderelection). */
function leaderMetrics({ leaderElection: { name } }: ControllerConfig, { leading, terms }: Leadership): MetricFamily[] {
  const leads = Number(leading)
  return [
    gauge('leader_election_master_status', '1 while this process leads, 0 while it is a candidate.', [
      { labels: { name }, value: leads },
    ]),
    gauge('weft_controller_leading', '1 while this process leads and works.', [{ labels: {}, value: leads }]),
    counter('weft_controller_terms_total', 'How often this process has begun to lead.', [{ labels: {}, value: terms }]),
  ]
}
