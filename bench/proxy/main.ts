import { cpus, release } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { generation } from '../../src/kernel/nftables/ruleset.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { end, inFolder, next, startWorker } from '../child.ts'
import { percentiles } from '../percentiles.ts'
import { Contender } from './contender.ts'
import { nodeName, Objects, podCIDR } from './objects.ts'
import { nodeAddress, removeLeftovers, World } from './world.ts'

export interface ProxyBench {
  /** Numbers of Services, ascending; after them one Service of `largeList` endpoints is measured. */
  sizes: number[]
  endpoints: number
  changes: number
  /** A real API server; absent: an embedded one of the bench's own. */
  kubeconfig: string | undefined
  /** A shell command that serves the same API in a namespace of its own; `KUBECONFIG` and `NODE_NAME` are set, `{kubeconfig}` and `{node}` replaced. */
  peer: string | undefined
  json: boolean
}

interface Measured {
  /** From the start of the process until connections through a sample of all Services succeed. */
  startToSyncSeconds: number
  /** From complete lists to everything written, as the contender's own metrics have it. */
  fullSyncSeconds: number
  changeP50Ms: number
  changeP99Ms: number
  residentMB: number
  cpuSeconds: number
  /** Short TCP connections from the node, one endpoint away. */
  connectionsPerSecond: number
}

interface Row {
  services: number
  endpoints: number
}

type Result = Measured & Row & { peer?: Measured }

const largeList = 1000
/** Changes before those that count: an agent has run for days, and its code is compiled. */
const warmUp = 200
const clients = 16
const sample = 20

/** Whole processes against one API, one after the other: the agent, and a peer if there is one. */
export async function benchProxy(options: ProxyBench): Promise<void> {
  if (process.getuid?.() !== 0) {
    process.stderr.write('bench: network namespaces and nftables need root; run it as root\n')
    process.exitCode = 5
    return
  }
  await removeLeftovers()
  const results = await inFolder((dir) => benchIn(dir, options))
  process.stdout.write(options.json ? `${JSON.stringify(results, null, 2)}\n` : table(results))
}

async function benchIn(dir: string, options: ProxyBench): Promise<Result[]> {
  const results: Result[] = []
  const rows = [
    ...options.sizes.map((services) => ({ services, endpoints: options.endpoints })),
    { services: 1, endpoints: largeList },
  ]
  // Rows of one number of endpoints share an API, which only grows.
  for (const shared of [rows.slice(0, -1), rows.slice(-1)]) {
    const worlds: Worlds[] = []
    for (const row of shared) worlds.push(await makeWorlds(row, options))
    const netns = worlds.flatMap(({ weft, peer }) => [weft.netns, ...(peer === undefined ? [] : [peer.netns])])
    await withApi(dir, options.kubeconfig, netns, async (kubeconfig) => {
      const client = new ApiClient(await loadKubeconfig(kubeconfig))
      const objects = new Objects(client, `weft-bench-${process.pid}`)
      try {
        await objects.prepare(nodeAddress)
        for (const [index, row] of shared.entries()) {
          results.push(await benchRow(dir, kubeconfig, objects, row, worlds[index] as Worlds, options))
        }
      } finally {
        if (options.kubeconfig !== undefined) await objects.remove()
        client.close()
      }
    })
  }
  return results
}

/** Where each is measured: a namespace of its own for every row. */
interface Worlds {
  weft: World
  peer: World | undefined
}

async function makeWorlds({ services, endpoints }: Row, { peer }: ProxyBench): Promise<Worlds> {
  const name = (who: string): string => `${who}-${services}x${endpoints}`
  return { weft: await World.make(name('weft')), peer: peer === undefined ? undefined : await World.make(name('peer')) }
}

async function withApi(
  dir: string,
  given: string | undefined,
  namespaces: readonly string[],
  work: (kubeconfig: string) => Promise<void>,
): Promise<void> {
  if (given !== undefined) return work(given)
  const api = startWorker(['api-worker', join(dir, `api-${performance.now()}`), ...namespaces])
  try {
    await work(await next<string>(api))
  } finally {
    await end(api)
  }
}

async function benchRow(
  dir: string,
  kubeconfig: string,
  objects: Objects,
  row: Row,
  worlds: Worlds,
  { changes, peer, kubeconfig: given }: ProxyBench,
): Promise<Result> {
  say(`${row.services} Services × ${row.endpoints}: creating objects`)
  await objects.grow(row.services, row.endpoints, clients)
  const run = async (name: string, world: World, command: (world: World) => string): Promise<Measured> => {
    say(`${row.services} Services × ${row.endpoints}: measuring ${name}`)
    try {
      await world.open(dir, kubeconfig, given === undefined)
      return await measure(world, command(world), objects, row, changes)
    } finally {
      await world.close()
    }
  }
  const weft = await run('weft', worlds.weft, (world) => agentCommand(dir, world))
  if (peer === undefined || worlds.peer === undefined) return { ...row, ...weft }
  const filled = (world: World) => peer.replaceAll('{kubeconfig}', world.kubeconfig).replaceAll('{node}', nodeName)
  return { ...row, ...weft, peer: await run('peer', worlds.peer, filled) }
}

function agentCommand(dir: string, { kubeconfig }: World): string {
  const program = join(dirname(process.argv[1] ?? ''), 'weft.js')
  const flags = process.env['WEFT_BENCH_NODE_FLAGS'] ?? ''
  const networks = `--cluster-cidr ${podCIDR} --service-cidr 10.43.0.0/16`
  return `${process.execPath} ${flags} ${program} agent --kubeconfig ${kubeconfig} --node-name ${nodeName} --run-dir ${join(dir, 'run')} ${networks}`
}

async function measure(world: World, command: string, objects: Objects, row: Row, changes: number): Promise<Measured> {
  const addresses = await objects.clusterIPs()
  const contender = new Contender(command, world.netns, { KUBECONFIG: world.kubeconfig, NODE_NAME: nodeName })
  try {
    const startToSyncSeconds = await untilReachable(world, contender, addresses)
    const fullSyncSeconds = fullSync(await world.ask<string>({ ask: 'metrics' }))
    await sleep(2000)
    const times = await changeTimes(world, contender, objects, row, changes)
    const { residentMB, cpuSeconds } = contender
    const connectionsPerSecond = Math.round(await world.ask<number>({ ask: 'rate', addresses, seconds: 4 }))
    return {
      startToSyncSeconds,
      fullSyncSeconds,
      ...percentiles(times),
      residentMB,
      cpuSeconds,
      connectionsPerSecond,
    }
  } finally {
    await contender.stop()
  }
}

const timeoutMs = 600_000
/** How exact the time of a change is, with the kernel's timer slack of 0.05 ms. */
const pollMs = 0.02
const nothing = new Int32Array(new SharedArrayBuffer(4))

/** Connects to Services from all over the list until each of them answers. */
async function untilReachable(world: World, contender: Contender, addresses: readonly string[]): Promise<number> {
  const step = Math.max(1, Math.floor(addresses.length / sample))
  const probes = addresses.filter((_, i) => i % step === 0 || i === addresses.length - 1)
  while (performance.now() - contender.startedAt < timeoutMs) {
    contender.check()
    if (await world.ask<boolean>({ ask: 'reachable', addresses: probes }))
      return (performance.now() - contender.startedAt) / 1000
    await sleep(5)
  }
  throw new Error(`Services do not answer after ${timeoutMs / 1000} s`)
}

/** kube-proxy's own figure; the first sync is a full one. */
function fullSync(metrics: string): number {
  const value = (name: string): number | undefined => {
    const sums = [...metrics.matchAll(new RegExp(`^kubeproxy_${name}_sum(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
    return sums.length === 0 ? undefined : Math.max(...sums.map(([, number]) => Number(number)))
  }
  return value('sync_full_proxy_rules_duration_seconds') ?? value('sync_proxy_rules_duration_seconds') ?? Number.NaN
}

/** From the API's answer until the namespace's ruleset has a new generation, in milliseconds, sorted. A peer must write through nf_tables. */
async function changeTimes(
  world: World,
  contender: Contender,
  objects: Objects,
  { services, endpoints }: Row,
  changes: number,
): Promise<number[]> {
  const times: number[] = []
  for (let change = 1; change <= warmUp + changes; change++) {
    const before = await settled(world)
    await objects.change((change * 7919) % services, endpoints, ++version)
    const answered = performance.now()
    while (generation(world.namespace) === before) {
      if (performance.now() - answered > timeoutMs) throw new Error('a change was not written')
      // Asking all the time would take a core away from those who are measured.
      Atomics.wait(nothing, 0, 0, pollMs)
    }
    if (change > warmUp) times.push(performance.now() - answered)
    contender.check()
  }
  return times
}

/** Every change must differ from all before it, whoever is measured. */
let version = 0

/** The generation once nobody has written for a while. */
async function settled(world: World): Promise<number> {
  for (let before = -1; ; ) {
    const now = generation(world.namespace)
    if (now === before) return now
    before = now
    await sleep(20)
  }
}

const say = (text: string): void => void process.stderr.write(`${text}\n`)

function table(results: readonly Result[]): string {
  const lines = [
    `Services in nftables mode, whole processes against one API; ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    ['SERVICES', 'EACH', 'WHO', 'START s', 'SYNC s', 'CHANGE p50', 'p99 ms', 'RSS MB', 'CPU s', 'CONN/s']
      .map(pad)
      .join(''),
  ]
  for (const { peer, services, endpoints, ...weft } of results) {
    lines.push(line(services, endpoints, 'weft', weft))
    if (peer !== undefined) lines.push(line(services, endpoints, 'peer', peer))
  }
  const sizes = results.slice(0, -1)
  const [first, last, large] = [sizes[0], sizes.at(-1), results.at(-1)]
  const times = (a: number, b: number): string => (a / b).toFixed(2)
  if (first !== undefined && last !== undefined && first !== last) {
    lines.push(
      `one change at ${last.services} Services takes ${times(last.changeP50Ms, first.changeP50Ms)} times what it takes at ${first.services} (p50)`,
    )
    lines.push(
      `connections through ${last.services} Services: ${times(last.connectionsPerSecond, first.connectionsPerSecond)} times the rate through ${first.services}`,
    )
  }
  if (first !== undefined && large !== undefined) {
    lines.push(
      `one change in a Service of ${large.endpoints} endpoints takes ${times(large.changeP50Ms, first.changeP50Ms)} times what it takes in one of ${first.endpoints}`,
    )
  }
  return `${lines.join('\n')}\n`
}

const line = (services: number, endpoints: number, who: string, one: Measured): string =>
  [
    services,
    endpoints,
    who,
    one.startToSyncSeconds.toFixed(2),
    one.fullSyncSeconds.toFixed(3),
    one.changeP50Ms.toFixed(2),
    one.changeP99Ms.toFixed(2),
    one.residentMB,
    one.cpuSeconds.toFixed(1),
    one.connectionsPerSecond,
  ]
    .map(pad)
    .join('')

const pad = (cell: string | number): string => String(cell).padStart(11)
