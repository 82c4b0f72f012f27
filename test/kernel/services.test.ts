import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeView } from '../../src/agent/sources.ts'
import { generation } from '../../src/kernel/nftables/ruleset.ts'
import { parseCIDR } from '../../src/model/ip.ts'
import type { Service, ServicePort } from '../../src/model/services.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import { addresses, droppedMs, type Host, noRoot, World } from './world.ts'

const cluster = 'c5a8c6e0-0000-4000-8000-000000000001'
const cidr = (text: string) => [parseCIDR(text) as NonNullable<ReturnType<typeof parseCIDR>>]

function newView(): ServiceView {
  const view = makeView({ nodeName: 'n1', clusterCIDRs: cidr('10.42.0.0/16'), serviceCIDRs: cidr('10.43.0.0/16') })
  view.nodes.replaceAll([['n1', { name: 'n1', addresses: [addresses.node] }]])
  view.services.replaceAll([])
  view.slices.replaceAll([])
  return view
}

function service(
  view: ServiceView,
  name: string,
  clusterIP: string,
  port: Partial<ServicePort> = {},
  over: Partial<Service> = {},
): void {
  const value: Service = {
    namespace: 'default',
    name,
    createdMs: 1,
    type: 'NodePort',
    clusterIPs: [clusterIP],
    externalIPs: [],
    loadBalancerIPs: [],
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0, ...port }],
    affinitySeconds: 0,
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    loadBalancerSourceRanges: [],
    healthCheckNodePort: 0,
    ...over,
  }
  view.services.set(`default/${name}`, value)
}

function endpoints(
  view: ServiceView,
  name: string,
  ips: string[],
  protocol: 'TCP' | 'UDP' = 'TCP',
  nodeName = 'n1',
): void {
  view.slices.set(`default/${name}-1`, {
    namespace: 'default',
    name: `${name}-1`,
    service: name,
    family: 'IPv4',
    ports: [{ name: '', protocol, port: 8080 }],
    endpoints: ips.map((address) => ({ address, nodeName, ready: true, serving: true, terminating: false })),
  })
}

/** Answers of enough tries that two endpoints are missed less often than once in 10^9 runs. */
async function answers(one: () => Promise<string>): Promise<string[]> {
  const seen = new Set<string>()
  for (let n = 0; n < 32; n++) seen.add(await one())
  return [...seen].sort()
}

describe.skipIf(noRoot)(`Services in nftables, with real packets${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('svc')
  const view = newView()
  const make = (clusterUid = cluster) =>
    nftablesProxy({ view, family: 'IPv4', clusterUid, namespace: world.namespace('node') })
  let proxy: ReturnType<typeof nftablesProxy>

  const settle = async (...names: string[]): Promise<void> => {
    proxy.reconciler.touch(names.map((name) => `default/${name}:`))
    await proxy.reconciler.flush()
    expect(proxy.reconciler.status()).toMatchObject({ synced: true, failures: 0 })
  }

  beforeAll(async () => {
    await world.up()
    service(view, 'kubernetes', '10.43.0.1', { port: 443 })
    service(view, 'web', '10.43.0.10', { nodePort: 30080 })
    endpoints(view, 'web', [addresses.pod1, addresses.pod2])
    service(view, 'empty', '10.43.0.11', { nodePort: 30081 })
    service(view, 'dns', '10.43.0.12', { protocol: 'UDP', port: 53, nodePort: 30053 })
    endpoints(view, 'dns', [addresses.pod1, addresses.pod2], 'UDP')
    service(view, 'self', '10.43.0.13')
    endpoints(view, 'self', [addresses.pod1])
    service(view, 'quiet', '10.43.0.14', { protocol: 'UDP', port: 53 })
    proxy = make()
    await proxy.start()
  })

  afterAll(async () => {
    await world.down()
  })

  it.each<[string, Host, string, number, string[]]>([
    ['a pod, source kept', 'pod1', '10.43.0.10', 80, ['pod1 10.42.0.1', `pod2 ${addresses.pod1}`]],
    ['the node, masqueraded', 'node', '10.43.0.10', 80, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
    ['outside, masqueraded', 'outside', '10.43.0.10', 80, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
    ['outside to the node port', 'outside', addresses.node, 30080, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
    ['the node to its node port', 'node', addresses.node, 30080, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
    ['a pod to the node port', 'pod1', addresses.node, 30080, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
    ['a pod to itself (hairpin)', 'pod1', '10.43.0.13', 80, ['pod1 10.42.0.1']],
    ['anybody without endpoints: refused', 'pod1', '10.43.0.11', 80, ['ECONNREFUSED']],
    ['the node without endpoints: refused', 'node', '10.43.0.11', 80, ['ECONNREFUSED']],
    ['outside without endpoints: refused', 'outside', addresses.node, 30081, ['ECONNREFUSED']],
    ['a port that the ClusterIP does not serve: refused', 'pod1', '10.43.0.10', 81, ['ECONNREFUSED']],
  ])('TCP from %s', async (_name, from, address, port, expected) => {
    expect(await answers(() => world.tcp(from, address, port))).toEqual(expected)
  })

  it.each<[string, Host, string, number, string[]]>([
    ['a pod', 'pod2', '10.43.0.12', 53, [`pod1 ${addresses.pod2}`, 'pod2 10.42.0.1']],
    ['the node', 'node', '10.43.0.12', 53, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
    ['outside to the node port', 'outside', addresses.node, 30053, ['pod1 10.42.0.1', 'pod2 10.42.0.1']],
  ])('UDP from %s', async (_name, from, address, port, expected) => {
    expect(await answers(() => world.udp(from, address, port))).toEqual(expected)
  })

  it('keeps policy Local from outside to this node, with the source', async () => {
    service(
      view,
      'local',
      '10.43.0.15',
      { nodePort: 30082 },
      { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
    )
    endpoints(view, 'local', [addresses.pod1])
    await settle('local')
    expect(await world.tcp('outside', addresses.node, 30082)).toBe(`pod1 ${addresses.outside}`)
    expect(await world.tcp('pod2', '10.43.0.15', 80)).toBe(`pod1 ${addresses.pod2}`)
    endpoints(view, 'local', [addresses.pod1], 'TCP', 'n2')
    await settle('local')
    expect(await world.tcp('outside', addresses.node, 30082, droppedMs)).toBe('TIMEOUT')
    expect(await world.tcp('pod2', '10.43.0.15', 80, droppedMs)).toBe('TIMEOUT')
    // From a pod and from the node itself a node port leads to all endpoints.
    expect(await world.tcp('pod2', addresses.node, 30082)).toBe(`pod1 ${addresses.pod2}`)
    expect(await world.tcp('node', addresses.node, 30082)).toBe('pod1 10.42.0.1')
  })

  it('gives no UDP answer without endpoints, and serves as soon as there is one', async () => {
    expect(['TIMEOUT', 'ECONNREFUSED', 'EPERM']).toContain(await world.udp('pod1', '10.43.0.14', 53, droppedMs))
    endpoints(view, 'quiet', [addresses.pod2], 'UDP')
    await settle('quiet')
    expect(await world.udp('pod1', '10.43.0.14', 53)).toBe(`pod2 ${addresses.pod1}`)
  })

  it('makes one endpoint change a handful of element operations in one transaction', async () => {
    const monitor = spawn('ip', ['netns', 'exec', world.name('node'), 'nft', 'monitor'])
    let text = ''
    monitor.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    // It listens once it repeats a change that is made for this; each try is one more.
    for (let n = 0; !text.includes('probe'); n++) {
      world.nft('add', 'table', 'ip', `probe${n}`)
      world.nft('delete', 'table', 'ip', `probe${n}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => text.match(/# new generation/g)?.length ?? 0).toBeGreaterThan(0)
    const before = generation(world.namespace('node'))
    endpoints(view, 'web', [addresses.pod1])
    await settle('web')
    expect(generation(world.namespace('node'))).toBe(before + 1)
    const ours = () => text.split('\n').filter((line) => / element ip weft /.test(line))
    await expect.poll(() => text.includes(`# new generation ${before + 1} `)).toBe(true)
    monitor.kill()
    expect(ours().length).toBeGreaterThanOrEqual(1)
    expect(ours().length).toBeLessThanOrEqual(5)
    expect(await answers(() => world.tcp('pod2', '10.43.0.10', 80))).toEqual([`pod1 ${addresses.pod2}`])
    endpoints(view, 'web', [addresses.pod1, addresses.pod2])
    await settle('web')
  })

  it('adopts what is there and writes nothing: the generation stays', async () => {
    // The longest names there can be: the owner in the comment must come back whole.
    const [namespace, name, portName] = ['n'.repeat(63), 's'.repeat(63), 'p'.repeat(15)]
    service(view, 'long', '10.43.0.16', { name: portName }, { namespace, name, internalTrafficPolicy: 'Local' })
    view.services.set(`${namespace}/${name}`, view.services.get('default/long') as Service)
    view.services.delete('default/long')
    proxy.reconciler.touch([`${namespace}/${name}:${portName}`])
    await proxy.reconciler.flush()
    expect(world.nft('list', 'map', 'ip', 'weft', 'services')).toContain(`${namespace}/${name}:${portName} local`)
    const before = generation(world.namespace('node'))
    proxy = make()
    await proxy.start()
    expect(proxy.reconciler.status()).toMatchObject({ synced: true, transactions: 0, epochs: 0 })
    expect(generation(world.namespace('node'))).toBe(before)
    expect(await proxy.dryRun()).toEqual([])
  })

  it('adopts and writes only what changed while nobody was there', async () => {
    service(view, 'late', '10.43.0.20')
    endpoints(view, 'late', [addresses.pod1])
    view.services.delete('default/self')
    view.slices.delete('default/self-1')
    proxy = make()
    await proxy.start()
    expect(proxy.reconciler.status()).toMatchObject({ synced: true, transactions: 1 })
    expect(await world.tcp('pod2', '10.43.0.20', 80)).toBe(`pod1 ${addresses.pod2}`)
    expect(await world.tcp('pod2', '10.43.0.13', 80, droppedMs)).not.toContain('pod1')
  })

  it.each<[string, string[]]>([
    ['one element deleted', ['delete', 'element', 'ip', 'weft', 'services', '{ 10.43.0.10 . tcp . 80 }']],
    ['a foreign element added', ['add', 'element', 'ip', 'weft', 'nodeports', '{ tcp . 31999 : 2000:1 }']],
    ['a map flushed', ['flush', 'map', 'ip', 'weft', 'endpoints']],
    ['a chain flushed', ['flush', 'chain', 'ip', 'weft', 'dispatch']],
    ['the ruleset flushed', ['flush', 'ruleset']],
  ])('repairs %s', async (_name, command) => {
    world.nft(...command)
    expect(proxy.reconciler.suspect).toBe(true)
    await proxy.reconciler.audit()
    expect(proxy.reconciler.status().drift).toBeGreaterThan(0)
    expect(await answers(() => world.tcp('outside', addresses.node, 30080))).toEqual([
      'pod1 10.42.0.1',
      'pod2 10.42.0.1',
    ])
    expect(await world.tcp('outside', addresses.node, 31999)).toBe('ECONNREFUSED')
    expect(world.nft('list', 'tables').trim().split('\n')).toHaveLength(1)
    expect(proxy.reconciler.suspect).toBe(false)
    expect(await proxy.reconciler.audit()).toBe(0)
    // Back to the first name, by which the next case goes.
    world.nft('flush', 'ruleset')
    proxy = make()
    await proxy.start()
  })

  it('serves both families side by side, and takes neither for a stranger to the other', async () => {
    const six = nftablesProxy({ view, family: 'IPv6', clusterUid: cluster, namespace: world.namespace('node') })
    await six.start()
    expect(six.reconciler.status()).toMatchObject({ part: 'proxy/nftables-ipv6', synced: true })
    await proxy.reconciler.audit()
    expect([proxy.reconciler.suspect, six.reconciler.suspect]).toEqual([false, false])
    endpoints(view, 'web', [addresses.pod1])
    await settle('web')
    expect([proxy.reconciler.suspect, six.reconciler.suspect]).toEqual([false, false])
    world.nft('add', 'element', 'ip6', 'weft', 'nodeports', '{ tcp . 31999 : 2000:1 }')
    expect([proxy.reconciler.suspect, six.reconciler.suspect]).toEqual([true, true])
    expect(await six.reconciler.audit()).toBe(1)
    expect(await proxy.reconciler.audit()).toBe(0)
    world.nft('delete', 'table', 'ip6', 'weft')
  })

  it('leaves the table of another cluster alone', async () => {
    await expect(make('another').start()).rejects.toMatchObject({ code: 'PROXY_OTHER_CLUSTER' })
    expect(world.nft('list', 'tables')).toContain('table ip weft')
  })
})
