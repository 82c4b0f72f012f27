import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { mustRun, run } from '../../src/kernel/process.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { agentStatus } from '../../src/lab/agent-status.ts'
import { type LabProcesses, labFiles, readJson } from '../../src/lab/files.ts'
import { readLabState } from '../../src/lab/state.ts'
import { eventually } from '../eventually.ts'
import { type Load, startLoad, steadyConnection } from './load.ts'

const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')
const isRoot = process.geteuid?.() === 0
const isBuilt = existsSync(join(weft, '../../dist/weft.js'))

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: steady}
spec:
  replicas: 4
  selector: {matchLabels: {app: steady}}
  template:
    metadata: {labels: {app: steady}}
    spec: {containers: [{name: echo, image: echo, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: steady}
spec:
  type: NodePort
  selector: {app: steady}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
---
apiVersion: v1
kind: Namespace
metadata: {name: churn}
`

/** What already flows must not break, whatever happens beside it: a Service that does not change, under load all the time. */
describe.skipIf(!isRoot || !isBuilt)('a Service under load (needs root and a build: npm run build)', () => {
  const name = `f${process.pid}`
  const lab = (command: string, ...args: string[]) =>
    run(process.execPath, [weft, 'lab', command, '--name', name, ...args], { timeoutMs: 110_000 })
  const nodes = () => readLabState(name).nodes
  const nodeNetns = (index: number) => nodes()[index]?.netns ?? ''
  let dir: string
  let client: ApiClient
  let clusterIP: string
  const loads: Load[] = []

  /** From a node to the ClusterIP, and from outside to a node port. */
  function underLoad(): Load[] {
    const from = (netns: string, address: string, port: number) => {
      const load = startLoad(NetworkNamespace.named(netns), { address, port })
      loads.push(load)
      return load
    }
    const outside = from(`weft-${name}-client`, nodes()[0]?.addresses[0] ?? '', 30080)
    return [from(nodeNetns(0), clusterIP, 80), outside]
  }

  /** When each load has had some more requests: how many a moment holds depends on what else the machine does. */
  async function someRequests(running: Load[]): Promise<void> {
    const before = running.map((load) => load.done())
    const since = () => running.map((load, i) => load.done() - (before[i] ?? 0))
    await eventually(() => expect(Math.min(...since())).toBeGreaterThan(10))
  }

  /** Stops the loads; none of their requests failed. */
  async function expectNoFailure(running: Load[]): Promise<void> {
    for (const load of running) expect(await load.stop()).toEqual({ failed: 0, failures: [] })
  }

  const settled = () =>
    eventually(async () => {
      for (const node of nodes()) {
        const status = await agentStatus(node)
        expect(status?.parts.map(({ synced, pending }) => ({ synced, pending }))).toEqual(
          status?.parts.map(() => ({ synced: true, pending: 0 })),
        )
      }
    })

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'weft-faults-'))
    writeFileSync(join(dir, 'steady.yaml'), manifest)
    const up = await lab('up', '--nodes', '2', '-f', join(dir, 'steady.yaml'), '--detach')
    expect(up.code, up.stderr).toBe(0)
    client = new ApiClient(await loadKubeconfig(readLabState(name).kubeconfig))
    const { spec } = await client.get<{ spec: { clusterIP: string } }>('/api/v1/namespaces/default/services/steady')
    clusterIP = spec.clusterIP
  })

  afterAll(async () => {
    for (const load of loads) await load.stop()
    client?.close()
    await lab('down')
    rmSync(dir, { recursive: true, force: true })
  })

  const service = (index: number) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${index}` },
    spec: { ports: [{ port: 80, targetPort: 8080 }] },
  })
  const slice = (index: number, round: number) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `s${index}`, labels: { 'kubernetes.io/service-name': `s${index}` } },
    addressType: 'IPv4',
    ports: [{ port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: 1 + ((index + round) % 3) }, (_, n) => ({
      addresses: [`10.42.${200 + ((index + round) % 50)}.${1 + ((index * 7 + round + n) % 250)}`],
    })),
  })
  const services = '/api/v1/namespaces/churn/services'
  const slices = '/apis/discovery.k8s.io/v1/namespaces/churn/endpointslices'

  async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
    let next = 0
    const one = async (): Promise<void> => {
      while (next < count) await work(next++)
    }
    await Promise.all(Array.from({ length: 8 }, one))
  }

  it('does not notice that 1,000 other Services come, change and go', async () => {
    const running = underLoad()
    await inParallel(1000, async (index) => {
      await client.create(services, service(index))
      await client.create(slices, slice(index, 0))
    })
    await someRequests(running)
    await inParallel(1000, (index) => client.patch(`${slices}/s${index}`, { endpoints: slice(index, 1).endpoints }))
    await someRequests(running)
    await inParallel(500, async (index) => {
      await client.remove(`${services}/s${index}`)
      await client.remove(`${slices}/s${index}`)
    })
    await settled()
    await expectNoFailure(running)
  })

  it('goes on while agents are killed in the middle of a churn, and what they missed is written', async () => {
    const running = underLoad()
    let round = 2
    const churning = new AbortController()
    const churn = (async () => {
      while (!churning.signal.aborted) {
        const version = round++
        await inParallel(40, (index) =>
          client.patch(`${slices}/s${500 + index}`, { endpoints: slice(500 + index, version).endpoints }),
        )
      }
    })()
    for (let kill = 1; kill <= 3; kill++) {
      const { nodes } = readJson(labFiles(name).processes) as LabProcesses
      const { pid = 0, restarts } = nodes['node1']?.agent ?? { restarts: 0 }
      process.kill(pid, 'SIGKILL')
      await someRequests(running)
      await eventually(() => {
        const { agent } = (readJson(labFiles(name).processes) as LabProcesses).nodes['node1'] ?? {}
        expect(agent?.restarts).toBe(restarts + 1)
        expect(agent?.pid).toBeDefined()
      })
      await settled()
    }
    churning.abort()
    await churn
    await settled()
    await expectNoFailure(running)
    const [one, two] = await Promise.all([elements(nodeNetns(0)), elements(nodeNetns(1))])
    expect(one.split('\n').length).toBeGreaterThan(500)
    expect(one).toEqual(two)
  })

  it('goes on while the API is away, and follows it again', async () => {
    const running = underLoad()
    const { api } = readJson(labFiles(name).processes) as LabProcesses
    // It would start the API again before an agent has seen that it is gone.
    const { supervisorPid } = readLabState(name)
    process.kill(supervisorPid, 'SIGSTOP')
    try {
      process.kill(api.pid ?? 0, 'SIGKILL')
      await eventually(async () => expect((await agentStatus(nodes()[0] as never))?.api.failing).not.toEqual({}))
      await someRequests(running)
    } finally {
      process.kill(supervisorPid, 'SIGCONT')
    }
    await eventually(() => client.get('/readyz'))
    await client.create(services, service(2000))
    const { spec } = await client.get<{ spec: { clusterIP: string } }>(`${services}/s2000`)
    await eventually(async () => expect(await elements(nodeNetns(0))).toContain(`${spec.clusterIP} `))
    await expectNoFailure(running)
  })

  it('is served again after a foreign flush, and connections that were there go on', async () => {
    const address = { address: nodes()[0]?.addresses[0] ?? '', port: 30080 }
    const connection = await steadyConnection(NetworkNamespace.named(`weft-${name}-client`), address)
    const answered = await connection.ask()
    await mustRun('nft', ['flush', 'ruleset'], { netns: nodeNetns(0) })
    const [load] = underLoad()
    await eventually(() => expect(load?.done()).toBeGreaterThan(0))
    expect(await connection.ask()).toBe(answered)
    connection.close()
    await settled()
  })

  /** The addresses of churned Services, as text. */
  async function elements(netns: string): Promise<string> {
    const { stdout: tables } = await mustRun('nft', ['list', 'tables'], { netns })
    const table = /^table ip (weft\S*)$/m.exec(tables)?.[1] ?? 'weft'
    const { stdout } = await mustRun('nft', ['list', 'map', 'ip', table, 'services'], { netns })
    const keys = [...stdout.matchAll(/(\d+\.\d+\.\d+\.\d+) \. (\w+) \. (\w+)/g)].map(([key]) => `${key} `)
    return keys.sort().join('\n')
  }
})
