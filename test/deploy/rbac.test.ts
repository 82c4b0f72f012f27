import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { listenTcp } from '../../src/kernel/sockets.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import type { KubeObject } from '../../src/kube/types.ts'
import { type EmbeddedApi, startApi } from '../../src/lab/api/server.ts'
import { bundleWeft } from '../bundle.ts'
import { eventually } from '../eventually.ts'
import { type GuardedApi, guard } from './guarded-api.ts'
import { accessOf, Grants } from './rbac.ts'

interface Event extends KubeObject {
  reason: string
  count: number
}

const root = join(import.meta.dirname, '../..')
const dir = join(root, '.cache', `rbac-test-${process.pid}`)
const netns = `weft-t${process.pid}-rbac`
const noRoot = process.getuid?.() === 0 ? undefined : 'needs root for a network namespace'
const eventsPath = resourcePath({ version: 'v1', resource: 'events', namespace: 'default' })

let weft: string
let api: EmbeddedApi
let client: ApiClient
let running: ChildProcess | undefined
let log = ''

/** Starts `weft` in the namespace, where the guarded API listens. */
function start(args: readonly string[]): void {
  const kubeconfig = join(dir, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeconfig('http://127.0.0.1:6443'))
  const own = [...args, '--kubeconfig', kubeconfig, '--run-dir', join(dir, 'run')]
  const command = ['netns', 'exec', netns, process.execPath, weft, ...own]
  running = spawn('ip', command, { stdio: ['ignore', 'ignore', 'pipe'] })
  running.stderr?.on('data', (chunk) => (log += String(chunk)))
}

async function stop(): Promise<void> {
  const child = running
  running = undefined
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}

/** The Event that says why, once it was told so often. */
function told(reason: string, count: number): Promise<Event> {
  return eventually(async () => {
    const { items } = await client.list<Event>(eventsPath)
    const found = items.find((one) => one.reason === reason && one.count >= count)
    return found ?? Promise.reject(new Error(`no Event ${reason} yet\n${log}`))
  })
}

/** A process works, tells what is refused, is started again, and tells it once more; until it has used all that it was granted. */
async function useUp(grants: Grants, args: readonly string[], reason: string): Promise<void> {
  start(args)
  const { metadata } = await told(reason, 1)
  await stop()
  // Who was started anew tells again only what was last told a while ago.
  await client.patch(`${eventsPath}/${metadata.name}`, { lastTimestamp: '2020-01-01T00:00:00Z' })
  start(args)
  await told(reason, 2)
  await eventually(() => expect(grants.unused, log).toEqual([]))
  await stop()
}

const node = (name: string, address: string, podCIDR?: string): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  ...(podCIDR !== undefined && { spec: { podCIDR, podCIDRs: [podCIDR] } }),
  status: { addresses: [{ type: 'InternalIP', address }] },
})

describe.skipIf(noRoot)(`the manifests in deploy/${noRoot ? ` (${noRoot})` : ''}`, () => {
  let guarded: GuardedApi | undefined

  beforeAll(async () => {
    mkdirSync(dir, { recursive: true })
    weft = await bundleWeft(dir)
    await createNetns(netns)
    const inside = spawn('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
    await new Promise((resolve) => inside.once('exit', resolve))
    api = await startApi({ dir: join(dir, 'api') })
    writeFileSync(join(dir, 'admin'), api.kubeconfig())
    client = new ApiClient(await loadKubeconfig(join(dir, 'admin')))
    const nodes = resourcePath({ version: 'v1', resource: 'nodes' })
    await client.create(nodes, node('n1', '192.0.2.1'))
    await client.create(nodes, node('n2', '192.0.2.2'))
    // An address in the service CIDR is told on a Node.
    await client.create(nodes, node('n3', '10.43.200.1', '10.99.0.0/24'))
    await client.create(resourcePath({ version: 'v1', resource: 'services', namespace: 'default' }), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'greedy' },
      spec: { ports: [{ port: 22 }], externalIPs: ['192.0.2.2'] },
    })
  })

  afterEach(async () => {
    await stop()
    await guarded?.close()
  })

  afterAll(async () => {
    client?.close()
    await api?.close()
    await deleteNetns(netns)
    rmSync(dir, { recursive: true, force: true })
  })

  async function guardWith(grants: Grants): Promise<GuardedApi> {
    const inside = NetworkNamespace.named(netns)
    const fd = listenTcp(inside, '127.0.0.1', 6443)
    inside.close()
    guarded = await guard(api, grants, fd)
    return guarded
  }

  it('give an agent what it asks for, and no more', async () => {
    const grants = new Grants(join(root, 'deploy/agent-rbac.yaml'))
    const guarded = await guardWith(grants)
    await useUp(grants, ['agent', '--node-name', 'n1', '--flannel-backend', 'host-gw'], 'AddressIsManagementPort')
    expect([...guarded.denied]).toEqual([])
  })

  it('give a controller what it asks for, and no more', async () => {
    const grants = new Grants(join(root, 'deploy/controller-rbac.yaml'))
    const guarded = await guardWith(grants)
    const ranges = ['--cluster-cidr', '10.42.0.0/24', '--service-cidr', '10.43.0.0/16']
    await useUp(grants, ['controller', '--allocate-node-cidrs', ...ranges], 'CIDRNotAvailable')
    expect([...guarded.denied]).toEqual([])
  })
})

describe('what a request asks for', () => {
  it.each([
    ['GET', '/api/v1/namespaces/kube-system', 'get', '', 'namespaces', '', 'kube-system'],
    ['GET', '/api/v1/nodes?limit=500', 'list', '', 'nodes', '', ''],
    [
      'GET',
      '/apis/discovery.k8s.io/v1/endpointslices?watch=true',
      'watch',
      'discovery.k8s.io',
      'endpointslices',
      '',
      '',
    ],
    ['POST', '/api/v1/namespaces/shop/events', 'create', '', 'events', 'shop', ''],
    ['PATCH', '/api/v1/nodes/n1/status', 'patch', '', 'nodes/status', '', 'n1'],
    ['GET', '/version', 'GET', '', '/version', '', ''],
  ])('%s %s', (method, url, verb, group, resource, namespace, name) => {
    expect(accessOf(method, url)).toEqual({ verb, group, resource, namespace, name })
  })
})
