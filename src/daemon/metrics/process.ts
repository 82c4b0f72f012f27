import { counter, gauge, type MetricFamily } from './family.ts'

const startSeconds = Math.round(Date.now() / 1000 - process.uptime())

/** The usual metrics of a process, under the names that all of Prometheus' client libraries give them. */
export function processMetrics(): MetricFamily[] {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const alone = (value: number) => [{ labels: {}, value }]
  return [
    counter('process_cpu_seconds_total', 'User and system CPU time spent, in seconds.', alone((user + system) / 1e6)),
    gauge('process_resident_memory_bytes', 'Resident memory, in bytes.', alone(rss)),
    gauge('process_start_time_seconds', 'When the process started, in seconds since the epoch.', alone(startSeconds)),
    gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use, in bytes.', alone(heapUsed)),
  ]
}
