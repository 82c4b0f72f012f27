import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EndpointSlice } from '../../model/endpoints.ts'
import { parseCIDR } from '../../model/ip.ts'
import type { Service, ServicePort } from '../../model/services.ts'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { defaultServiceConfig } from '../config.ts'
import { makeServiceView, type ServiceView } from '../view.ts'
import { setKinds } from './kinds.ts'
import { external, highestList, listOf } from './number.ts'
import { allSubjects, nftablesPart, nodeSubject } from './plan.ts'
import { sizeClasses } from './sizes.ts'

const cidr = (text: string) => [parseCIDR(text) as NonNullable<ReturnType<typeof parseCIDR>>]

function view(): ServiceView {
  const world = makeServiceView({
    ...defaultServiceConfig,
    nodeName: 'n1',
    clusterCIDRs: cidr('10.42.0.0/16'),
    serviceCIDRs: cidr('10.43.0.0/16'),
  })
  world.nodes.replaceAll([
    ['n1', { name: 'n1', addresses: ['172.30.0.11'] }],
    ['n2', { name: 'n2', addresses: ['172.30.0.12'] }],
  ])
  world.facts.set('api-port 7443', { kind: 'api-port', port: 7443 })
  return world
}

const port = (over: Partial<ServicePort> = {}): ServicePort => ({
  name: 'http',
  protocol: 'TCP',
  port: 80,
  nodePort: 0,
  ...over,
})

const service = (name: string, over: Partial<Service> = {}): Service => ({
  namespace: 'default',
  name,
  createdMs: 1,
  type: 'ClusterIP',
  clusterIPs: ['10.43.0.10'],
  externalIPs: [],
  loadBalancerIPs: [],
  ports: [port()],
  affinitySeconds: 0,
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  loadBalancerSourceRanges: [],
  healthCheckNodePort: 0,
  ...over,
})

const slice = (name: string, addresses: string[], portNumber = 8080, nodeName = 'n2'): EndpointSlice => ({
  namespace: 'default',
  name: `${name}-1`,
  service: name,
  family: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: portNumber }],
  endpoints: addresses.map((address) => ({ address, nodeName, ready: true, serving: true, terminating: false })),
})

const owned = Object.values(setKinds.IPv4).flatMap((kind) => (kind.owned ? [kind.name] : []))

async function synced(world: ServiceView) {
  const target = new FakeTarget(owned)
  const reconciler = new Reconciler({ part: nftablesPart(world, 'IPv4'), target })
  await reconciler.start(allSubjects(world))
  target.batches.length = 0
  return { target, reconciler, refusals: () => reconciler.status().refusals.map(({ reason }) => reason) }
}

/** Where the rules would send a packet for this element: the endpoints in the slots that its list's size covers. */
function backends(target: FakeTarget, element: string): string[] | undefined {
  const found = target.items.get(element)
  if (found === undefined) return undefined
  const list = listOf(found.value)
  const size = target.items.get(`lists ${list}`)
  if (size === undefined) return []
  expect(listOf(size.value)).toBe(list)
  const slots = sizeClasses[(Number(size.value) >>> 20) - 1] ?? 0
  const all = Array.from({ length: slots }, (_, slot) => target.items.get(`endpoints ${list} . ${slot}`)?.value)
  return all.filter((value) => value !== undefined).sort()
}

describe('the plan of a Service port', () => {
  it('leads its ClusterIP and node port to all endpoints', async () => {
    const world = view()
    world.services.set('default/web', service('web', { ports: [port({ nodePort: 30080 })] }))
    world.slices.set('default/web-1', slice('web', ['10.42.0.5', '10.42.1.5']))
    const { target } = await synced(world)
    const expected = ['10.42.0.5 . 8080', '10.42.1.5 . 8080']
    expect(backends(target, 'services 10.43.0.10 . tcp . 80')).toEqual(expected)
    expect(backends(target, 'nodeports tcp . 30080')).toEqual(expected)
    expect(Number(target.items.get('nodeports tcp . 30080')?.value) & external).toBe(external)
    expect(target.items.get('services 10.43.0.10 . tcp . 80')?.subject).toBe('default/web:http')
    expect(target.items.has('cluster_ips 10.43.0.10')).toBe(true)
  })

  it('has no list without endpoints, so that the rules refuse', async () => {
    const world = view()
    world.services.set('default/web', service('web'))
    const { target } = await synced(world)
    expect(backends(target, 'services 10.43.0.10 . tcp . 80')).toEqual([])
    expect([...target.items.keys()].filter((id) => /^(lists|endpoints)/.test(id))).toEqual([])
  })

  it('marks an endpoint of this node as a possible hairpin, shared by the Services that have it', async () => {
    const world = view()
    world.services.set('default/a', service('a'))
    world.services.set('default/b', service('b', { clusterIPs: ['10.43.0.11'] }))
    for (const name of ['a', 'b']) world.slices.set(`default/${name}-1`, slice(name, ['10.42.0.5'], 8080, 'n1'))
    const { target, reconciler } = await synced(world)
    expect(target.items.has('hairpin 10.42.0.5 . 10.42.0.5')).toBe(true)
    world.services.delete('default/a')
    reconciler.touch(['default/a:http'])
    await reconciler.flush()
    expect(target.items.has('hairpin 10.42.0.5 . 10.42.0.5')).toBe(true)
    world.services.delete('default/b')
    reconciler.touch(['default/b:http'])
    await reconciler.flush()
    expect(target.items.has('hairpin 10.42.0.5 . 10.42.0.5')).toBe(false)
  })

  it('writes a handful of elements for one endpoint, whatever the size of the list', async () => {
    const world = view()
    const many = Array.from({ length: 1000 }, (_, index) => `10.42.${index >> 8}.${index & 255}`)
    world.services.set('default/web', service('web', { ports: [port({ nodePort: 30080 })] }))
    world.slices.set('default/web-1', slice('web', many))
    const { target, reconciler } = await synced(world)
    const change = async (addresses: string[]): Promise<number> => {
      target.batches.length = 0
      world.slices.set('default/web-1', slice('web', addresses))
      reconciler.touch(['default/web:http'])
      await reconciler.flush()
      expect(target.batches).toHaveLength(1)
      return target.batches[0]?.length ?? 0
    }
    expect(await change([...many.slice(1), '10.42.9.9'])).toBe(2)
    expect(await change(many.slice(1))).toBeLessThanOrEqual(3)
    expect(await change(many.slice(2))).toBeLessThanOrEqual(3)
    expect(await change(many)).toBeLessThanOrEqual(4)
  })

  it.each<[string, Partial<Service>, string]>([
    ['a node port that is sshd', { ports: [port({ nodePort: 22 })] }, 'NodePortIsManagementPort'],
    ["a node port that is the agent's API", { ports: [port({ nodePort: 7443 })] }, 'NodePortIsManagementPort'],
    ["another node's address as ClusterIP", { clusterIPs: ['172.30.0.12'] }, 'ClusterIPIsNodeAddress'],
  ])('refuses %s, and says so', async (_name, over, reason) => {
    const world = view()
    world.services.set('default/web', service('web', over))
    const { target, refusals } = await synced(world)
    expect(refusals()).toEqual([reason])
    const touched = [...target.items.keys()].filter(
      (id) => /203\.0\.113|172\.30\.0\.12|tcp \. (22|7443)$/.test(id) && !id.startsWith('protected'),
    )
    expect(touched).toEqual([])
  })

  it('uses as many endpoints as a list with session affinity can hold, and says so', async () => {
    const world = view()
    const addresses = Array.from({ length: 4097 }, (_, n) => `10.42.${n >> 8}.${n & 255}`)
    world.services.set('default/web', service('web', { affinitySeconds: 600 }))
    world.slices.set('default/web-1', slice('web', addresses))
    const { target, refusals } = await synced(world)
    expect(refusals()).toEqual(['TooManyEndpoints'])
    expect([...target.items.values()].filter(({ kind }) => kind === 'sticky_ends')).toHaveLength(4096)
  })

  it('serves no port for which there is no list any more, and says so', () => {
    const world = view()
    world.services.set('default/web', service('web'))
    const previous = { items: [], number: () => highestList + 1, held: () => undefined }
    const { items, refusals } = nftablesPart(world, 'IPv4').plan('default/web:http', previous, 0)
    expect([items, refusals?.map(({ reason }) => reason)]).toEqual([[], ['TooManyServicePorts']])
  })

  it('keeps policy Local to the endpoints of this node, each way on its own', async () => {
    const world = view()
    const both: Partial<Service> = {
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      ports: [port({ nodePort: 30080 })],
    }
    world.services.set('default/web', service('web', both))
    world.slices.set('default/web-1', slice('web', ['10.42.1.5'], 8080, 'n2'))
    world.slices.set('default/web-2', slice('web', ['10.42.0.5'], 8080, 'n1'))
    const { target, reconciler } = await synced(world)
    const local = ['10.42.0.5 . 8080']
    expect(backends(target, 'services 10.43.0.10 . tcp . 80')).toEqual(local)
    expect(backends(target, 'nodeports tcp . 30080')).toEqual([...local, '10.42.1.5 . 8080'])
    const cluster = listOf(target.items.get('nodeports tcp . 30080')?.value ?? '')
    const here = target.items.get(`local_lists ${cluster}`)
    expect(target.items.get(`endpoints ${listOf(here?.value ?? '')} . 0`)?.value).toBe(local[0])
    const again = new Reconciler({ part: nftablesPart(world, 'IPv4'), target })
    target.batches.length = 0
    await again.start(allSubjects(world))
    expect(target.batches).toEqual([])
    world.slices.delete('default/web-2')
    reconciler.touch(['default/web:http'])
    await reconciler.flush()
    const list = listOf(target.items.get('services 10.43.0.10 . tcp . 80')?.value ?? '')
    expect(target.items.get(`lists ${list}`)?.value).toBe(String(((0xff << 20) | list) >>> 0))
    expect(target.items.has(`local_lists ${cluster}`)).toBe(false)
  })

  it('of two of one age to the one whose name comes first, as everywhere', async () => {
    const externalIPs = ['203.0.113.5']
    const world = view()
    world.services.set('default/a-b', service('a-b', { externalIPs, clusterIPs: ['10.43.0.11'] }))
    world.services.set('default/a', service('a', { externalIPs, clusterIPs: ['10.43.0.12'] }))
    const { reconciler } = await synced(world)
    expect(reconciler.status().refusals.map(({ subject }) => subject)).toEqual(['default/a-b:http'])
  })

  it('gives an address that two Services want to the older one, and to the other when that leaves', async () => {
    const world = view()
    world.services.set('default/young', service('young', { createdMs: 5 }))
    world.services.set('default/old', service('old', { createdMs: 2 }))
    world.slices.set('default/young-1', slice('young', ['10.42.0.1']))
    world.slices.set('default/old-1', slice('old', ['10.42.0.2']))
    const { target, reconciler, refusals } = await synced(world)
    expect(backends(target, 'services 10.43.0.10 . tcp . 80')).toEqual(['10.42.0.2 . 8080'])
    expect(refusals()).toEqual(['ClaimedByOlderObject'])
    world.services.delete('default/old')
    reconciler.touch(['default/old:http'])
    await reconciler.flush()
    expect(backends(target, 'services 10.43.0.10 . tcp . 80')).toEqual(['10.42.0.1 . 8080'])
    expect(target.batches).toHaveLength(1)
  })
})

describe('the plan of the node', () => {
  it('protects the management ports of its own addresses and serves node ports on the primary one', async () => {
    const world = view()
    world.services.set('default/kubernetes', service('kubernetes', { clusterIPs: ['10.43.0.1'], ports: [] }))
    const { target } = await synced(world)
    expect([...target.items.keys()].sort()).toEqual([
      'nodeport_addrs 172.30.0.11',
      'plain_sources 10.42.0.0/16',
      'pod_sources 10.42.0.0/16',
      'protected 172.30.0.11 . tcp . 10250',
      'protected 172.30.0.11 . tcp . 22',
      'protected 172.30.0.11 . tcp . 2379',
      'protected 172.30.0.11 . tcp . 2380',
      'protected 172.30.0.11 . tcp . 6443',
      'protected 172.30.0.11 . tcp . 7443',
      'protected 172.30.0.11 . tcp . 9345',
      'service_cidrs 10.43.0.0/16',
    ])
  })

  it('drops unused addresses of the service CIDR only when everything else is written', async () => {
    const world = view()
    for (let n = 0; n < 3000; n++) {
      const clusterIP = `10.43.${n >> 8}.${n & 255}`
      world.services.set(`default/s${n}`, service(`s${n}`, { clusterIPs: [clusterIP] }))
      world.slices.set(`default/s${n}-1`, slice(`s${n}`, ['10.42.0.5']))
    }
    world.services.set('default/kubernetes', service('kubernetes', { clusterIPs: ['10.43.255.1'], ports: [] }))
    const target = new FakeTarget(owned)
    const reconciler = new Reconciler({ part: nftablesPart(world, 'IPv4'), target })
    await reconciler.start(allSubjects(world))
    for (const again of [false, true]) {
      if (again) {
        target.lose()
        target.batches.length = 0
        await reconciler.audit()
        await reconciler.flush()
      }
      const kindsOf = target.batches.map((batch) => new Set(batch.map(({ item }) => item.kind)))
      expect(kindsOf.length).toBeGreaterThan(2)
      expect(kindsOf.findIndex((kinds) => kinds.has('service_cidrs'))).toBe(kindsOf.length - 1)
      expect(target.items.size).toBeGreaterThan(9000)
    }
  })

  it('says so where node ports cannot be served: no such Node, or no address', async () => {
    const world = view()
    world.nodes.delete('n1')
    expect((await synced(world)).refusals()).toEqual(['NodeUnknown'])
    world.nodes.set('n1', { name: 'n1', addresses: ['fd00::1'] })
    expect((await synced(world)).refusals()).toEqual(['NodeAddressMissing'])
  })

  it('takes an element with an impossible list number for drift', async () => {
    const world = view()
    const target = new FakeTarget(owned)
    await target.prepare()
    target.items.set('local_lists 4294967295', {
      kind: 'local_lists',
      key: '4294967295',
      value: '1048577',
      subject: 'default/x:',
    })
    await new Reconciler({ part: nftablesPart(world, 'IPv4'), target }).start(allSubjects(world))
    expect(target.items.has('local_lists 4294967295')).toBe(false)
  })

  it.each<[string, string[] | undefined, string[]]>([
    ['the API has an address elsewhere', ['10.96.0.1'], ['ServiceCIDRMismatch']],
    ['the API has no Service yet', undefined, []],
  ])('drops nothing in a service CIDR that may be another network: %s', async (_name, clusterIPs, reasons) => {
    const world = view()
    if (clusterIPs) world.services.set('default/kubernetes', service('kubernetes', { clusterIPs, ports: [] }))
    const { target, refusals } = await synced(world)
    expect([...target.items.keys()].filter((id) => id.startsWith('service_cidrs'))).toEqual([])
    expect(refusals()).toEqual(reasons)
  })

  it('survives a Node object that is not there yet', async () => {
    const world = view()
    world.nodes.delete('n1')
    const { target } = await synced(world)
    expect([...target.items.keys()].filter((id) => id.startsWith('nodeport_addrs'))).toEqual([])
    expect(nodeSubject).toBe('@node')
  })
})

describe('random clusters', () => {
  const addresses = fc.uniqueArray(
    fc.integer({ min: 1, max: 30 }).map((n) => `10.42.0.${n}`),
    { maxLength: 12 },
  )
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    addresses: fc.option(addresses, { nil: undefined }),
    ip: fc.constantFrom('10.43.0.1', '10.43.0.2', '10.43.0.3'),
    nodePort: fc.constantFrom(0, 30001, 30002),
    gone: fc.boolean(),
    restart: fc.boolean(),
  })

  it('always lead each address to the endpoints of its oldest Service', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const world = view()
        const target = new FakeTarget(owned)
        let reconciler = new Reconciler({ part: nftablesPart(world, 'IPv4'), target })
        await reconciler.start(allSubjects(world))
        for (const { name, addresses, ip, nodePort, gone, restart } of steps) {
          const key = `default/${name}`
          if (gone) world.services.delete(key)
          else
            world.services.set(
              key,
              service(name, { clusterIPs: [ip], ports: [port({ nodePort })], createdMs: name.charCodeAt(0) }),
            )
          if (addresses === undefined) world.slices.delete(`${key}-1`)
          else world.slices.set(`${key}-1`, slice(name, addresses))
          if (restart) {
            reconciler = new Reconciler({ part: nftablesPart(world, 'IPv4'), target })
            await reconciler.start(allSubjects(world))
          } else {
            reconciler.touch([`${key}:http`])
            await reconciler.flush()
          }
          const all = [...world.services.values()].sort((a, b) => a.createdMs - b.createdMs)
          const expected = (one: Service | undefined) =>
            one && (world.slices.get(`default/${one.name}-1`)?.endpoints ?? []).map((e) => `${e.address} . 8080`).sort()
          for (const ip of ['10.43.0.1', '10.43.0.2', '10.43.0.3']) {
            expect(backends(target, `services ${ip} . tcp . 80`)).toEqual(
              expected(all.find((one) => one.clusterIPs[0] === ip)),
            )
          }
          for (const number of [30001, 30002]) {
            expect(backends(target, `nodeports tcp . ${number}`)).toEqual(
              expected(all.find((one) => one.ports[0]?.nodePort === number)),
            )
          }
          expect(reconciler.status().failures).toBe(0)
        }
      }),
      { numRuns: 200 },
    )
  })
})
