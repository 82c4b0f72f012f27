import { servePages } from '../daemon/http.ts'
import { apiMetrics, partMetrics } from '../daemon/metrics/parts.ts'
import { processMetrics } from '../daemon/metrics/process.ts'
import { type AgentStatus, serveStatus } from '../daemon/status-server.ts'
import type { AgentContext } from './context.ts'
import { healthPages, metricsPages } from './pages.ts'
import { proxyMetrics } from './proxy-metrics.ts'

/**
 * Serves the status socket, and pages for probes and scrapes, until the signal.
 *
 * @throws WeftError LISTEN_FAILED with --bind-address-hard-fail
 */
export async function serveAgent(agent: AgentContext, failing: () => Record<string, string>): Promise<void> {
  const { config, parts, health, counts, log, signal } = agent
  const startedMs = Date.now()
  const status = (): AgentStatus => {
    const now = parts.status()
    return {
      role: 'agent',
      node: config.nodeName,
      pid: process.pid,
      ready: now.length > 0 && now.every(({ synced }) => synced),
      startedMs,
      api: { failing: failing() },
      parts: now,
    }
  }
  const metrics = [
    () => partMetrics(parts.status()),
    () => apiMetrics(failing()),
    () => proxyMetrics(parts, counts),
    () => health.metrics(),
    processMetrics,
  ]
  await serveStatus(config.runDir, 'agent', status, signal)
  const { bindAddressHardFail: hardFail, healthzBindAddress, metricsBindAddress } = config
  const servers = [
    { flag: '--healthz-bind-address', at: healthzBindAddress, pages: healthPages(health) },
    { flag: '--metrics-bind-address', at: metricsBindAddress, pages: metricsPages(config, metrics) },
  ]
  await Promise.all(servers.map((server) => servePages({ ...server, hardFail, log }, signal)))
}
