import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { askStatus } from '../../src/daemon/ask-status.ts'
import type { AgentStatus } from '../../src/daemon/status-server.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import type { KubeObject, Node } from '../../src/kube/types.ts'
import { bundleWeft } from '../bundle.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'
import { isEmbedded, startTestServer, type TestServer } from './server.ts'

// Below the checkout, so that the native library is found from there; ignored by git.
const dir = join(process.cwd(), '.cache', `controller-test-${process.pid}`)
let command: string
const nodesPath = (name?: string): string => resourcePath({ version: 'v1', resource: 'nodes', ...(name && { name }) })

let server: TestServer
let client: ApiClient
const running: Controller[] = []

/** One `weft controller` as a process. */
interface Controller {
  process: ChildProcess
  exited: Promise<number | null>
  runDir: string
  log(): string
  status(): Promise<AgentStatus>
}

// Only how often is another than in production: whoever leads still does so after the machine has stood still for some seconds.
const elections = ['--leader-elect-retry-period=200ms']
const leasePath = resourcePath({
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  namespace: 'kube-system',
  name: 'weft-controller',
})
const allocate = ['--allocate-node-cidrs', '--cluster-cidr', '10.42.0.0/24,fd42::/60']
const ranges = [...allocate, '--node-cidr-mask-size-ipv4', '26', '--service-cluster-ip-range', '10.42.0.64/27']
const nowhere = ['--healthz-bind-address', '', '--metrics-bind-address', '']

function weft(...args: string[]): Controller {
  const runDir = mkdtempSync(join(dir, 'run-'))
  const given = ['controller', '--kubeconfig', server.kubeconfig, '--run-dir', runDir, ...args]
  const child = spawn(process.execPath, [command, ...given], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const controller = {
    process: child,
    exited,
    runDir,
    log: () => text,
    status: () => askStatus(join(runDir, 'controller.sock'), 'test'),
  }
  running.push(controller)
  return controller
}

const addNode = (name: string, spec: object = {}): Promise<Node> =>
  client.create<Node>(nodesPath(), { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec })

const podCIDRsOf = async (name: string): Promise<string> =>
  (await client.get<Node>(nodesPath(name))).spec?.podCIDRs?.join() ?? ''

const until = <T>(check: () => Promise<T>): Promise<T> => eventually(check, 50)

const getsOne = (name: string, expected: string): Promise<void> =>
  until(async () => expect(await podCIDRsOf(name)).toBe(expected))

beforeAll(async () => {
  mkdirSync(dir, { recursive: true })
  command = await bundleWeft(dir)
  server = await startTestServer()
  client = new ApiClient(server.connection)
})

afterEach(async () => {
  for (const { process, exited } of running.splice(0)) {
    // The Lease goes with it: the next one need not wait.
    process.kill('SIGTERM')
    await exited
  }
  if (!isEmbedded) return
  const { items } = await client.list<Node>(nodesPath())
  for (const { metadata } of items) await client.remove(nodesPath(metadata.name))
})

afterAll(async () => {
  client?.close()
  await server?.close()
  rmSync(dir, { recursive: true, force: true })
})

// It deletes the Nodes of its cluster.
describe.skipIf(!isEmbedded)('weft controller (skipped against a real API)', () => {
  it('gives each Node a block of both families, and none that is another’s or a Service’s', async () => {
    await addNode('old', { podCIDR: '10.42.0.0/27', podCIDRs: ['10.42.0.0/27', 'fd42::/64'] })
    await addNode('n1')
    const controller = weft(...ranges, ...elections, ...nowhere)
    await getsOne('n1', '10.42.0.128/26,fd42:0:0:1::/64')
    await addNode('n2')
    await getsOne('n2', '10.42.0.192/26,fd42:0:0:2::/64')
    expect(await podCIDRsOf('old')).toBe('10.42.0.0/27,fd42::/64')
    await until(async () => {
      expect(await controller.status()).toMatchObject({ role: 'controller', ready: true, leader: { leading: true } })
    })
  })

  it('tells a Node that gets none, and gives it one when it can', async () => {
    for (const name of ['n1', 'n2', 'n3']) await addNode(name)
    const controller = weft(...ranges, ...elections, ...nowhere)
    await getsOne('n3', '10.42.0.192/26,fd42:0:0:2::/64')
    await addNode('late')
    await until(async () => {
      const events = await client.list<KubeObject & { reason?: string; message?: string; involvedObject?: KubeObject }>(
        resourcePath({ version: 'v1', resource: 'events' }),
      )
      const told = events.items.find(({ reason }) => reason === 'CIDRNotAvailable')
      expect(told).toMatchObject({ type: 'Warning', involvedObject: { kind: 'Node', name: 'late' } })
      expect(told?.message).toContain('all 4 blocks of /26 in the cluster CIDR 10.42.0.0/24 are taken')
    })
    expect((await controller.status()).parts[0]?.refusals).toHaveLength(1)
    await client.remove(nodesPath('n2'))
    await getsOne('late', '10.42.0.128/26,fd42:0:0:3::/64')
    await until(async () => expect((await controller.status()).parts[0]?.refusals).toEqual([]))
  })

  it('learns what somebody else gives', async () => {
    const controller = weft(...ranges, ...elections, ...nowhere)
    await until(async () => expect((await controller.status()).ready).toBe(true))
    await addNode('theirs', { podCIDR: '10.42.0.0/26', podCIDRs: ['10.42.0.0/26', 'fd42:0:0:5::/64'] })
    await addNode('ours')
    await getsOne('ours', '10.42.0.128/26,fd42::/64')
    await until(async () => expect(await controller.status()).toMatchObject({ ready: true, parts: [{ items: 2 }] }))
  })

  it('of two, one leads; when it is killed, the other goes on where it was', async () => {
    await addNode('n1')
    const first = weft(...ranges, ...elections, ...nowhere)
    await getsOne('n1', '10.42.0.0/26,fd42::/64')
    const second = weft(...ranges, ...elections, ...nowhere)
    await until(async () => {
      expect(await second.status()).toMatchObject({ ready: true, parts: [], leader: { leading: false } })
    })
    first.process.kill('SIGKILL')
    await first.exited
    // It runs out sooner than 15 s after the last renewal.
    await client.patch(leasePath, { spec: { leaseDurationSeconds: 1 } })
    await addNode('n2')
    await getsOne('n2', '10.42.0.128/26,fd42:0:0:1::/64')
    await until(async () => expect((await second.status()).leader).toMatchObject({ leading: true }))
    // Told to stop, it gives the Lease back: nobody has to wait for it to run out.
    const third = weft(...ranges, ...nowhere)
    await until(async () => expect((await third.status()).leader).toMatchObject({ leading: false }))
    second.process.kill('SIGTERM')
    expect(await second.exited).toBe(0)
    await until(async () => expect((await third.status()).leader).toMatchObject({ leading: true }))
  })

  it('that loses its Lease stops at once, and stands again', async () => {
    await addNode('n1')
    const controller = weft(...ranges, ...elections, ...nowhere)
    await getsOne('n1', '10.42.0.0/26,fd42::/64')
    const taken = {
      holderIdentity: 'somebody-else',
      leaseDurationSeconds: 3600,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    }
    await client.patch(leasePath, { spec: taken })
    await until(async () => {
      expect(await controller.status()).toMatchObject({
        parts: [],
        leader: { leading: false, identity: 'somebody-else' },
      })
    })
    await addNode('n2')
    expect(await podCIDRsOf('n2')).toBe('')
    await client.patch(leasePath, { spec: { holderIdentity: null } })
    await getsOne('n2', '10.42.0.128/26,fd42:0:0:1::/64')
    await until(async () => {
      expect(await controller.status()).toMatchObject({ ready: true, leader: { leading: true } })
    })
  })

  it('goes on when the API was away', async () => {
    const controller = weft(...ranges, ...elections, ...nowhere)
    await until(async () => expect((await controller.status()).ready).toBe(true))
    await server.restart()
    // This client's own connections are gone too.
    await until(() => client.get(nodesPath()))
    await addNode('n1')
    await getsOne('n1', '10.42.0.0/26,fd42::/64')
  })

  it('prints what it would assign, and assigns nothing', async () => {
    await addNode('n1')
    const controller = weft(...ranges, '--dry-run', '-o', 'json')
    expect(await controller.exited).toBe(0)
    expect(controller.log()).toContain('"value": "10.42.0.0/26,fd42::/64"')
    expect(controller.log()).toContain('1 change; nothing was written')
    expect(await podCIDRsOf('n1')).toBe('')
  })

  it('serves health, readiness and its figures', async () => {
    await addNode('n1')
    const port = await freePort()
    const at = `127.0.0.1:${port}`
    weft(...ranges, ...elections, '--healthz-bind-address', at, '--metrics-bind-address', at)
    const page = async (path: string) => {
      const answer = await fetch(`http://${at}${path}`)
      return `${answer.status} ${await answer.text()}`
    }
    await until(async () => expect(await page('/readyz')).toBe('200 ok'))
    expect(await page('/healthz')).toBe('200 ok')
    await until(async () => {
      const metrics = await page('/metrics')
      expect(metrics).toContain('leader_election_master_status{name="weft-controller"} 1')
      expect(metrics).toContain('weft_reconciler_items{part="node-ipam"} 1')
      expect(metrics).toContain('weft_reconciler_apply_seconds_count{part="node-ipam"} 1')
    })
  })

  it.each([
    [[], 'the controller was asked for nothing'],
    [['--allocate-node-cidrs', '--cluster-cidr', '10.42.0.0/28'], "a Node's /24 does not fit"],
    [[...allocate, '--healthz-bind-address', 'nowhere'], 'is no address to listen on'],
  ])('refuses %j', async (args, words) => {
    const controller = weft(...args)
    expect(await controller.exited).toBe(2)
    expect(controller.log()).toContain(words)
    expect(controller.log()).toContain('remedy: ')
  })
})
