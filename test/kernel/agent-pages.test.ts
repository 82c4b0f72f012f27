import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { listenTcp } from '../../src/kernel/sockets.ts'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'
import { ApiClient } from '../../src/kube/client.ts'
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import { type ApiOptions, type EmbeddedApi, startApi } from '../../src/lab/api/server.ts'
import { bundleWeft } from '../bundle.ts'
import { eventually } from '../eventually.ts'
import { noRoot } from './world.ts'

interface Event {
  type: string
  reason: string
  message: string
  involvedObject: { kind: string; name: string }
}

const netns = `weft-t${process.pid}-agent`
// Below the checkout, so that the native library is found from there; ignored by git.
const dir = join(process.cwd(), '.cache', `agent-pages-test-${process.pid}`)
const nodePath = resourcePath({ version: 'v1', resource: 'nodes', name: 'n1' })

let api: EmbeddedApi
let client: ApiClient
let agent: ChildProcess
let log = ''

/** Code and body, as somebody in the node's namespace gets them. */
async function page(port: number, path: string): Promise<string> {
  const args = [
    'netns',
    'exec',
    netns,
    'curl',
    '-s',
    '--noproxy',
    '*',
    '-w',
    '\n%{http_code}',
    `http://127.0.0.1:${port}${path}`,
  ]
  const { stdout } = await promisify(execFile)('ip', args)
  const lines = stdout.split('\n')
  return `${lines.pop()} ${lines.join('\n')}`
}

/** Has the API answer in the node's namespace. */
async function serve(options: Pick<ApiOptions, 'serviceCIDR'>): Promise<void> {
  const inside = NetworkNamespace.named(netns)
  const fd = listenTcp(inside, '127.0.0.1', 6443)
  inside.close()
  api = await startApi({ dir: join(dir, 'api'), listeners: [{ fd }], ...options })
}

async function start(): Promise<void> {
  mkdirSync(dir, { recursive: true })
  const weft = await bundleWeft(dir)
  await createNetns(netns)
  execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
  await serve({})
  writeFileSync(join(dir, 'kubeconfig'), api.kubeconfig())
  client = new ApiClient(await loadKubeconfig(join(dir, 'kubeconfig')))
  await client.create(resourcePath({ version: 'v1', resource: 'nodes' }), {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
  })
  await client.create(resourcePath({ version: 'v1', resource: 'services', namespace: 'default' }), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }], internalTrafficPolicy: 'Local' },
  })
  await client.create(
    resourcePath({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', namespace: 'default' }),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.42.9.9'], nodeName: 'n2' }],
      ports: [{ port: 8080 }],
    },
  )
  writeFileSync(join(dir, 'node-kubeconfig'), api.kubeconfig('https://127.0.0.1:6443'))
  const own = ['--kubeconfig', join(dir, 'node-kubeconfig'), '--node-name', 'n1', '--run-dir', join(dir, 'run')]
  agent = spawn('ip', ['netns', 'exec', netns, process.execPath, weft, 'agent', ...own], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  agent.stderr?.on('data', (chunk) => (log += String(chunk)))
}

describe.skipIf(noRoot)(`what an agent serves${noRoot ? ` (${noRoot})` : ''}`, () => {
  beforeAll(start)
  afterAll(async () => {
    agent?.kill('SIGTERM')
    if (agent?.exitCode === null) await new Promise((resolve) => agent.once('exit', resolve))
    client?.close()
    await api?.close()
    await deleteNetns(netns)
    rmSync(dir, { recursive: true, force: true })
  })

  it('is what kube-proxy serves, where it is looked for', async () => {
    await eventually(async () => expect(await page(10256, '/healthz')).toMatch(/"IPv4":\{"lastUpdated":"2/)).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${log}`)
      },
    )
    expect(await page(10256, '/healthz')).toMatch(/^200 .*"nodeEligible":true,"healthy":true/)
    expect(await page(10256, '/livez')).toMatch(/^200 .*"healthy":true/)
    expect(await page(10249, '/healthz')).toBe('200 ok')
    expect(await page(10249, '/proxyMode')).toBe('200 nftables')
    expect(await page(10249, '/configz')).toMatch(/^200 .*"nodeName":"n1"/)
    const metrics = await page(10249, '/metrics')
    for (const line of [
      'kubeproxy_sync_proxy_rules_service_changes_pending{ip_family="IPv4"} 0',
      'kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy="internal"} 1',
      'kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy="external"} 0',
      'kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"} 0',
      'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="+Inf"} ',
      'weft_api_lists_failing 0',
    ])
      expect(metrics).toContain(line)
    expect(metrics).toMatch(/kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} [1-9]/)
    expect(metrics).toMatch(/kubeproxy_proxy_healthz_total\{code="200"\} [1-9]/)
    expect(metrics).toMatch(/weft_reconciler_items\{part="proxy\/nftables[^"]*"\} [1-9]/)
  })

  it('turns load balancers away from a node that is about to go, and lives on', async () => {
    await client.patch(nodePath, {
      spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
    })
    await eventually(async () => expect(await page(10256, '/healthz')).toMatch(/^503 .*"nodeEligible":false/))
    expect(await page(10256, '/livez')).toMatch(/^200 /)
    await client.patch(nodePath, { spec: { taints: null } })
    await eventually(async () => expect(await page(10256, '/healthz')).toMatch(/^200 /))
  })

  it('is an Event on the Node when somebody keeps taking back what the agent writes', async () => {
    const inside = NetworkNamespace.named(netns)
    const events = resourcePath({ version: 'v1', resource: 'events', namespace: 'default' })
    const told = await eventually(async () => {
      if (readSysctl(inside, 'net/ipv4/ip_forward') === '1') writeSysctl(inside, 'net/ipv4/ip_forward', 0)
      const { items } = await client.list<Event>(events)
      return items.find(({ reason }) => reason === 'Contested') ?? Promise.reject(new Error(`no such Event\n${log}`))
    })
    inside.close()
    expect(told).toMatchObject({ type: 'Warning', involvedObject: { kind: 'Node', name: 'n1' } })
    expect(told.message).toContain('sysctl net/ipv4/ip_forward (wanted: "1", found: "0")')
    expect(await page(10249, '/metrics')).toContain('weft_reconciler_contested{part="proxy/host"} 1')
  })

  it('is about both families as soon as the API has a range of the other one', async () => {
    expect(await page(10256, '/healthz')).not.toContain('IPv6')
    await api.close()
    // As whoever makes a cluster dual-stack does: the API server starts anew, with one range more.
    await serve({ serviceCIDR: '10.43.0.0/16,fd43::/112' })
    await eventually(async () =>
      expect(await page(10256, '/healthz')).toMatch(/^200 .*"IPv6":\{"lastUpdated":"2/),
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${log}`)
    })
    const pending = 'kubeproxy_sync_proxy_rules_service_changes_pending{ip_family="IPv6"} 0'
    expect(await page(10249, '/metrics')).toContain(pending)
    const table = execFileSync('ip', ['netns', 'exec', netns, 'nft', 'list', 'ruleset', 'ip6'], { encoding: 'utf8' })
    expect(table).toMatch(/set service_cidrs \{[^}]*elements = \{ fd43::\/112/)
  })

  it('costs little memory, with all of it asked', async () => {
    for (let i = 0; i < 20; i++) await page(10249, '/metrics')
    const metrics = await page(10249, '/metrics')
    const bytes = Number(/^process_resident_memory_bytes (\d+)$/m.exec(metrics)?.[1])
    expect(bytes).toBeLessThan(120e6)
  })
})
