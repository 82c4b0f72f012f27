import type { Pages } from '../daemon/http.ts'
import { exposition, expositionType } from '../daemon/metrics/exposition.ts'
import type { MetricSource } from '../daemon/metrics/family.ts'
import { formatCIDR } from '../model/ip.ts'
import type { AgentConfig } from './config.ts'
import type { AgentHealth } from './health.ts'

/** What kube-proxy serves on its health port. */
export const healthPages = (health: AgentHealth): Pages => ({
  '/healthz': () => health.healthz(),
  '/livez': () => health.livez(),
})

/** What kube-proxy serves on its metrics port. */
export const metricsPages = (config: AgentConfig, sources: readonly MetricSource[]): Pages => ({
  '/metrics': async () => ({ type: expositionType, body: await exposition(sources) }),
  '/healthz': () => ({ body: 'ok' }),
  '/proxyMode': () => ({ body: 'nftables' }),
  '/configz': () => ({ type: 'application/json', body: `${JSON.stringify({ 'weft.k3s.io': plain(config) })}\n` }),
})

/** As the flags are written. */
const plain = (config: AgentConfig): object => ({
  ...config,
  clusterCIDRs: config.clusterCIDRs.map(formatCIDR),
  serviceCIDRs: config.serviceCIDRs.map(formatCIDR),
  nodePortAddresses: config.nodePortAddresses === 'primary' ? 'primary' : config.nodePortAddresses.map(formatCIDR),
  conntrackSysctls: Object.fromEntries(config.conntrackSysctls),
})
