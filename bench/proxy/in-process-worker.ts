import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { boundInlining } from '../../src/agent/compiler.ts'
import { boundHeap, collectGarbageOfStart } from '../../src/agent/memory.ts'
import { makeView } from '../../src/agent/sources.ts'
import type { EndpointSlice } from '../../src/model/endpoints.ts'
import { type CIDR, formatIPv4, parseCIDR } from '../../src/model/ip.ts'
import type { Service } from '../../src/model/services.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'

/** What a worker tells first: how the full sync went. */
export interface Loaded {
  fullSyncSeconds: number
  /** Time that the main thread was on a core in it: what the figure above would be on a machine without other work. */
  fullSyncOnCoreSeconds: number
  /** Time that it was ready to run and had no core in it: other work on the machine, and this process's own other threads. */
  fullSyncCorelessSeconds: number
  /** The longest time in it in which nothing else could run on the event loop. */
  longestTurnMs: number
  items: number
  residentMB: number
}

/**
 * One proxy in a network namespace of its own, fed through its stores as reflectors would: a full sync, then, for each number that comes in,
 * that many changes of one endpoint, each timed from the store's set() to the kernel's acknowledgement.
 */
export async function inProcessWorker(services: number, endpoints: number): Promise<void> {
  boundHeap()
  boundInlining()
  const cidr = (text: string) => [parseCIDR(text) as CIDR]
  const view = makeView({ nodeName: 'n1', clusterCIDRs: cidr('10.42.0.0/16'), serviceCIDRs: cidr('10.43.0.0/16') })
  view.nodes.replaceAll([['n1', { name: 'n1', addresses: ['172.30.0.11'] }]])
  view.services.replaceAll(Array.from({ length: services }, (_, i) => [`default/s${i}`, service(i)] as const))
  view.slices.replaceAll(
    Array.from({ length: services }, (_, i) => [`default/s${i}-1`, slice(i, endpoints, 0)] as const),
  )
  const proxy = nftablesProxy({ view, family: 'IPv4', clusterUid: 'bench' })
  const turns = monitorEventLoopDelay({ resolution: 1 })
  turns.enable()
  const [from, before] = [performance.now(), schedulerSeconds()]
  await proxy.start()
  const fullSyncSeconds = (performance.now() - from) / 1000
  const after = schedulerSeconds()
  turns.disable()
  let acknowledged: () => void = () => {}
  let first = 3
  proxy.follow((subjects) => {
    // The first delivery of each store says again what start() has planned already.
    if (first-- > 0) return
    proxy.reconciler.touch(subjects)
    void proxy.reconciler.flush().then(() => acknowledged())
  })
  await collectGarbageOfStart(new AbortController().signal)
  // Free pages are given back by threads beside this one.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  let round = 0
  process.on('message', (count: number) => {
    void (async () => {
      const milliseconds: number[] = []
      for (let n = 0; n < count; n++) {
        const index = (++round * 7919) % services
        const changed = slice(index, endpoints, round)
        const done = new Promise<void>((resolve) => (acknowledged = resolve))
        const at = performance.now()
        view.slices.set(`default/s${index}-1`, changed)
        await done
        milliseconds.push(performance.now() - at)
      }
      process.send?.(milliseconds)
    })()
  })
  const loaded: Loaded = {
    fullSyncSeconds,
    fullSyncOnCoreSeconds: after.onCore - before.onCore,
    fullSyncCorelessSeconds: after.coreless - before.coreless,
    longestTurnMs: turns.max / 1e6,
    items: proxy.reconciler.status().items,
    residentMB: Math.round(process.memoryUsage.rss() / 1e6),
  }
  process.send?.(loaded)
  process.on('disconnect', () => process.exit())
}

/** Of this thread: the first two fields of /proc/thread-self/schedstat (kernel: Documentation/scheduler/sched-stats.rst), in nanoseconds there. */
function schedulerSeconds(): { onCore: number; coreless: number } {
  const [onCore = 0, coreless = 0] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number)
  return { onCore: onCore / 1e9, coreless: coreless / 1e9 }
}

const service = (index: number): Service => ({
  namespace: 'default',
  name: `s${index}`,
  createdMs: 1,
  type: 'NodePort',
  clusterIPs: [formatIPv4(0x0a2b0001 + index)],
  externalIPs: [],
  loadBalancerIPs: [],
  ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: index < 2768 ? 30000 + index : 0 }],
  affinitySeconds: 0,
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  loadBalancerSourceRanges: [],
  healthCheckNodePort: 0,
})

/** The slice of one Service; another `version` has another last endpoint. */
const slice = (index: number, endpoints: number, version: number): EndpointSlice => ({
  namespace: 'default',
  name: `s${index}-1`,
  service: `s${index}`,
  family: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: Array.from({ length: endpoints }, (_, n) => ({
    address: formatIPv4(0x0a2a0000 + ((index * endpoints + n + (n === endpoints - 1 ? version * 40961 : 0)) & 0xffff)),
    nodeName: 'n2',
    ready: true,
    serving: true,
    terminating: false,
  })),
})
