import { spawnSync } from 'node:child_process'
import { cpus, release } from 'node:os'
import { ApiClient } from '../src/kube/client.ts'
import { loadKubeconfig } from '../src/kube/kubeconfig.ts'
import { end, inFolder, next, startWorker } from './child.ts'
import type { Listed } from './kube-worker.ts'

export interface KubeBench {
  slices: number
  /** Of each slice. */
  endpoints: number
  json: boolean
}

const rounds = 5
const creators = 16

/** How long the client takes to list and index slices, and what they cost it, each time in a new process. */
export const benchKube = (options: KubeBench): Promise<void> => inFolder((dir) => benchIn(dir, options))

async function benchIn(dir: string, { slices, endpoints, json }: KubeBench): Promise<void> {
  const api = startWorker(['api-worker', dir])
  const kubeconfig = await next<string>(api)
  await create(kubeconfig, slices, endpoints)
  const runs: Listed[] = []
  for (let round = 0; round < rounds; round++) runs.push(await next<Listed>(startWorker(['kube-worker', kubeconfig])))
  await end(api)
  const emptyMB = Number(spawnSync(process.execPath, ['-p', 'process.memoryUsage.rss()']).stdout) / 1e6
  const [first] = runs
  if (first === undefined) return
  const result = {
    slices: first.slices,
    endpoints: first.endpoints,
    seconds: median(runs.map((run) => run.seconds)),
    emptyMB: Math.round(emptyMB),
    aboveEmptyMB: Math.round(median(runs.map((run) => run.residentMB)) - emptyMB),
  }
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : table(result))
}

async function create(kubeconfig: string, slices: number, endpoints: number): Promise<void> {
  const client = new ApiClient(await loadKubeconfig(kubeconfig))
  let at = 0
  const work = async (): Promise<void> => {
    for (let i = at++; i < slices; i = at++)
      await client.create('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice(i, endpoints))
  }
  await Promise.all(Array.from({ length: creators }, work))
  client.close()
}

const slice = (i: number, endpoints: number) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: `service-${i}-x7k2p`,
    generateName: `service-${i}-`,
    labels: { 'kubernetes.io/service-name': `service-${i}`, 'endpointslice.kubernetes.io/managed-by': 'bench' },
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z' },
  },
  addressType: 'IPv4',
  ports: [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: 'metrics', port: 9090, protocol: 'TCP' },
  ],
  endpoints: Array.from({ length: endpoints }, (_, n) => ({
    addresses: [`10.${42 + (i >> 12)}.${(i >> 4) & 255}.${((i * endpoints + n) % 250) + 1}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${n}`,
    zone: `zone-${n % 3}`,
    targetRef: {
      kind: 'Pod',
      namespace: 'default',
      name: `service-${i}-6c9f7d8b5-${n}`,
      uid: `00000000-0000-4000-8000-${String(i * endpoints + n).padStart(12, '0')}`,
    },
  })),
})

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

const table = (result: {
  slices: number
  endpoints: number
  seconds: number
  emptyMB: number
  aboveEmptyMB: number
}): string =>
  `The client lists and indexes slices of the embedded API; median of ${rounds} processes; ${cpus().length} cores, Linux ${release()}, Node ${process.version}
${result.slices} slices with ${result.endpoints} endpoints: ${result.seconds.toFixed(2)} s, ${result.aboveEmptyMB} MB above an empty process (${result.emptyMB} MB)
`
