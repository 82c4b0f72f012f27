import type { ChildProcess } from 'node:child_process'
import { cpus, release } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '../src/kube/client.ts'
import { loadKubeconfig } from '../src/kube/kubeconfig.ts'
import { resourcePath } from '../src/kube/paths.ts'
import type { KubeObject } from '../src/kube/types.ts'
import type { ApiUsage } from './api-worker.ts'
import { end, inFolder, next, startWorker } from './child.ts'
import { percentiles } from './percentiles.ts'

export interface ApiBench {
  services: number
  clients: number
  /** Changes that are measured one by one. */
  changes: number
  json: boolean
}

interface Result extends ApiUsage {
  services: number
  clients: number
  createSeconds: number
  listSeconds: number
  changes: number
  changeP50Ms: number
  changeP99Ms: number
  /** From kill -9 until a new process with all objects answers. */
  restartSeconds: number
}

const namespaces = 20
const warmUp = 100
/** Collection of garbage and compaction of the log after the load are not what a change costs. */
const settleMs = 2_000

const collection = (resource: 'services' | 'endpointslices', i: number) => ({
  ...(resource === 'services' ? { version: 'v1' } : { group: 'discovery.k8s.io', version: 'v1' }),
  resource,
  namespace: `bench-${i % namespaces}`,
})

/** The embedded API in a process of its own: Services with their slices created by many clients, then one change at a time seen by a watcher. */
export const benchApi = (options: ApiBench): Promise<void> => inFolder((dir) => benchIn(dir, options))

async function benchIn(dir: string, { services, clients, changes, json }: ApiBench): Promise<void> {
  const worker = startWorker(['api-worker', dir])
  const kubeconfig = await next<string>(worker)
  const connection = await loadKubeconfig(kubeconfig)
  const client = new ApiClient(connection)
  for (let i = 0; i < namespaces; i++)
    await client.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: `bench-${i}` },
    })
  const begun = performance.now()
  await inParallel(clients, services, connection)
  const createSeconds = (performance.now() - begun) / 1000
  const listed = performance.now()
  await client.list('/api/v1/services', { resourceVersion: '0' })
  const listSeconds = (performance.now() - listed) / 1000
  await sleep(settleMs)
  const times = (await changeTimes(client, services, changes + warmUp)).slice(warmUp)
  worker.send('usage')
  const usage = await next<ApiUsage>(worker)
  client.close()
  const restartSeconds = await restart(worker, dir)
  const measured = { changes, ...percentiles(times) }
  const result: Result = { services, clients, createSeconds, listSeconds, ...measured, ...usage, restartSeconds }
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : table(result))
}

async function restart(worker: ChildProcess, dir: string): Promise<number> {
  worker.removeAllListeners('exit')
  worker.kill('SIGKILL')
  const killed = performance.now()
  const again = startWorker(['api-worker', dir])
  const client = new ApiClient(await loadKubeconfig(await next<string>(again)))
  await client.get('/readyz')
  const seconds = (performance.now() - killed) / 1000
  client.close()
  await end(again)
  return seconds
}

async function inParallel(clients: number, services: number, connection: ConstructorParameters<typeof ApiClient>[0]) {
  let at = 0
  const work = async (): Promise<void> => {
    const client = new ApiClient(connection)
    for (let i = at++; i < services; i = at++) {
      await client.create(resourcePath(collection('services', i)), serviceObject(i))
      await client.create(resourcePath(collection('endpointslices', i)), slice(i, 0))
    }
    client.close()
  }
  await Promise.all(Array.from({ length: clients }, work))
}

/** From a request sent to the event received by a watcher of all slices, in milliseconds. */
async function changeTimes(client: ApiClient, services: number, changes: number): Promise<number[]> {
  const path = '/apis/discovery.k8s.io/v1/endpointslices'
  const { resourceVersion } = await client.list<KubeObject>(path)
  const stop = new AbortController()
  const options = { resourceVersion, timeoutSeconds: 600, signal: stop.signal }
  const events = client.watch(path, options)
  const times: number[] = []
  const following = async (): Promise<void> => {
    for (;;) if ((await events.next()).value?.type !== 'BOOKMARK') return
  }
  let seen = following()
  for (let change = 1; change <= changes; change++) {
    const i = (change * 7919) % services
    const target = resourcePath({ ...collection('endpointslices', i), name: `service-${i}` })
    const body = { endpoints: slice(i, change).endpoints }
    const sent = performance.now()
    const answered = client.patch(target, body)
    await seen
    times.push(performance.now() - sent)
    seen = following()
    await answered
  }
  seen.catch(() => {})
  stop.abort()
  return times
}

const serviceObject = (i: number) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: `service-${i}`, labels: { app: `service-${i}` } },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
})

const slice = (i: number, change: number) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: `service-${i}`,
    labels: { 'kubernetes.io/service-name': `service-${i}`, 'endpointslice.kubernetes.io/managed-by': 'bench' },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [0, 1].map((n) => ({
    addresses: [addressOf(2 * change + n)],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node${n}`,
    zone: `zone-${n}`,
    targetRef: { kind: 'Pod', namespace: `bench-${i % namespaces}`, name: `service-${i}-${n}` },
  })),
})

const addressOf = (number: number): string => `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`

const table = (result: Result): string =>
  `Embedded API and controllers in a process of their own, clients in another; ${cpus().length} cores, Linux ${release()}, Node ${process.version}
${result.services} Services and as many slices created by ${result.clients} clients: ${result.createSeconds.toFixed(1)} s
all Services listed, in pages: ${result.listSeconds.toFixed(2)} s
a change of a slice until a watcher has it: p50 ${result.changeP50Ms.toFixed(2)} ms, p99 ${result.changeP99Ms.toFixed(2)} ms (${result.changes} changes)
API process: ${result.residentMB} MB resident, ${result.heapMB} MB of it objects; ${result.cpuSeconds.toFixed(1)} s of CPU time
killed, and all of it back in a new process: ${result.restartSeconds.toFixed(2)} s
`
