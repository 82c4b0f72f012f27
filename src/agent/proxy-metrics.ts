import { counter, gauge, histogram, type MetricFamily, type Sample } from '../daemon/metrics/family.ts'
import type { Parts } from '../daemon/parts.ts'
import type { RunningPart } from '../daemon/run-part.ts'
import type { Family } from '../model/ip.ts'
import { Histogram } from '../reconcile/metrics.ts'
import type { ReconcilerStatus } from '../reconcile/reconciler.ts'
import type { ServiceCounts } from './service-counts.ts'

const prefix = 'kubeproxy_'

/** Upper bounds in seconds of kubeproxy_network_programming_duration_seconds (pkg/proxy/metrics): a quarter, a half, 1 to 59, 60 to 115 in fives, 120 to 300 in thirties. */
export const networkProgrammingBounds: readonly number[] = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, i) => 1 + i),
  ...Array.from({ length: 12 }, (_, i) => 60 + 5 * i),
  ...Array.from({ length: 7 }, (_, i) => 120 + 30 * i),
]

const nothingYet = new Histogram(networkProgrammingBounds).value()

/** One proxy, asked once for everything. */
interface Proxy {
  labels: { ip_family: Family }
  running: RunningPart
  status: ReconcilerStatus
}

/** What kube-proxy tells, under its names, where it means the same here (pkg/proxy/metrics). */
export function proxyMetrics(parts: Parts, counts: ServiceCounts): MetricFamily[] {
  const proxies = parts.running.flatMap((running): Proxy[] => {
    const { proxyFamily, reconciler } = running.part
    return proxyFamily === undefined
      ? []
      : [{ labels: { ip_family: proxyFamily }, running, status: reconciler.status() }]
  })
  const each = (value: (proxy: Proxy) => number): Sample[] =>
    proxies.map((proxy) => ({ labels: proxy.labels, value: value(proxy) }))
  return [
    histogram(
      `${prefix}sync_proxy_rules_duration_seconds`,
      'Time of a sync that wrote something.',
      proxies.map(({ labels, status }) => ({ labels, value: status.runSeconds })),
    ),
    gauge(
      `${prefix}sync_proxy_rules_last_timestamp_seconds`,
      'When the rules were last in sync.',
      each(({ running }) => (running.progress.health().updatedMs ?? 0) / 1000),
    ),
    gauge(
      `${prefix}sync_proxy_rules_last_queued_timestamp_seconds`,
      'When a sync was last asked for.',
      each(({ running }) => (running.progress.health().queuedMs ?? 0) / 1000),
    ),
    histogram(
      `${prefix}network_programming_duration_seconds`,
      'Time from the change of a Service or pod until it is in the kernel.',
      proxies.map(({ labels, running }) => ({ labels, value: running.part.networkProgramming?.() ?? nothingYet })),
    ),
    counter(
      `${prefix}sync_proxy_rules_nftables_sync_failures_total`,
      'Times that a change was refused and put off.',
      each(({ status }) => status.failures),
    ),
    ...changeMetrics(proxies, counts),
  ]
}

function changeMetrics(proxies: readonly Proxy[], counts: ServiceCounts): MetricFamily[] {
  const each = (value: (proxy: Proxy) => number): Sample[] =>
    proxies.map((proxy) => ({ labels: proxy.labels, value: value(proxy) }))
  return [
    gauge(
      `${prefix}sync_proxy_rules_endpoint_changes_pending`,
      'EndpointSlice changes that are not written yet.',
      each(({ running }) => counts.pending(running).endpoints),
    ),
    counter(
      `${prefix}sync_proxy_rules_endpoint_changes_total`,
      'EndpointSlice changes that were seen.',
      each(() => counts.seen.endpoints),
    ),
    gauge(
      `${prefix}sync_proxy_rules_service_changes_pending`,
      'Service changes that are not written yet.',
      each(({ running }) => counts.pending(running).services),
    ),
    counter(
      `${prefix}sync_proxy_rules_service_changes_total`,
      'Service changes that were seen.',
      each(() => counts.seen.services),
    ),
    gauge(
      `${prefix}sync_proxy_rules_no_local_endpoints_total`,
      'Services of policy Local that have endpoints, but none on this node.',
      proxies.flatMap(({ labels }) => {
        const { internal, external } = counts.withoutLocalEndpoints(labels.ip_family)
        return [
          { labels: { ...labels, traffic_policy: 'internal' }, value: internal },
          { labels: { ...labels, traffic_policy: 'external' }, value: external },
        ]
      }),
    ),
  ]
}
