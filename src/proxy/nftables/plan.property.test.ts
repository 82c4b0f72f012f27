import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SliceEndpoint } from '../../model/endpoints.ts'
import type { Service } from '../../model/services.ts'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { testEndpoint, testPort, testService, testSlice, testView } from '../testing.fixture.ts'
import type { ServiceView } from '../view.ts'
import { interpret, type Verdict } from './interpret.fixture.ts'
import { setKinds } from './kinds.ts'
import { allSubjects, nftablesPart } from './plan.ts'

const runs = Number(process.env['WEFT_PROPERTY_RUNS'] ?? 200)
const owned = Object.values(setKinds.IPv4).flatMap((kind) => (kind.owned ? [kind.name] : []))

const state: fc.Arbitrary<Partial<SliceEndpoint>> = fc.constantFrom(
  {},
  {},
  {},
  { ready: false, serving: false },
  { ready: false, serving: true, terminating: true },
  { ready: false, serving: false, terminating: true },
)
const endpoint = (highest: number): fc.Arbitrary<SliceEndpoint> =>
  fc
    .record({ n: fc.integer({ min: 1, max: highest }), state, nodeName: fc.constantFrom('n1', 'n2', 'n2') })
    .map(({ n, state, nodeName }) => testEndpoint(`10.42.${n >> 8}.${n & 255}`, { ...state, nodeName }))
const endpoints = (highest: number, minLength: number): fc.Arbitrary<SliceEndpoint[]> =>
  fc.uniqueArray(endpoint(highest), { minLength, maxLength: highest, selector: ({ address }) => address })

/** What clients inside and outside must meet, by the simplest reading of the rules: nothing of lists, slots or claims. */
function naive(
  view: ServiceView,
  address: string,
  port: number,
  isNodePort: boolean,
): { inside: Verdict; outside: Verdict } {
  const has = (service: Service): boolean =>
    isNodePort
      ? service.ports.some(({ nodePort }) => nodePort === port)
      : port === 80 && [...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs].includes(address)
  const winner = [...view.services.values()]
    .filter(has)
    .sort((a, b) => a.createdMs - b.createdMs || (a.name < b.name ? -1 : 1))[0]
  if (winner === undefined) return { inside: undefined, outside: undefined }
  const all = view.slices.get(`default/${winner.name}-1`)?.endpoints ?? []
  const ready = all.filter((one) => one.ready)
  const draining = all.filter((one) => !one.ready && one.serving && one.terminating)
  const here = ({ nodeName }: SliceEndpoint): boolean => nodeName === 'n1'
  const cluster = ready.length > 0 ? ready : draining
  const local = ready.some(here) ? ready.filter(here) : draining.filter(here)
  const texts = (some: readonly SliceEndpoint[]): Verdict => some.map((one) => `${one.address} . 8080`).sort()
  const everybody: Verdict = cluster.length > 0 ? texts(cluster) : 'refused'
  const nearby: Verdict = local.length > 0 ? texts(local) : cluster.length > 0 ? 'dropped' : 'refused'
  const isCluster = !isNodePort && winner.clusterIPs.includes(address)
  if (isCluster) {
    const both = winner.internalTrafficPolicy === 'Local' ? nearby : everybody
    return { inside: both, outside: both }
  }
  return { inside: everybody, outside: winner.externalTrafficPolicy === 'Local' ? nearby : everybody }
}

class Life {
  readonly view = testView()
  readonly target = new FakeTarget(owned)
  reconciler!: Reconciler

  async start(): Promise<void> {
    this.reconciler = new Reconciler({ part: nftablesPart(this.view, 'IPv4'), target: this.target })
    await this.reconciler.start(allSubjects(this.view))
  }

  async touch(name: string): Promise<void> {
    this.reconciler.touch([`default/${name}:http`])
    await this.reconciler.flush()
  }

  expectRight(addresses: readonly string[], nodePorts: readonly number[]): void {
    const { items } = this.target
    for (const address of addresses) {
      const { inside, outside } = naive(this.view, address, 80, false)
      const element = `services ${address} . tcp . 80`
      expect([address, interpret(items, element, 'inside'), interpret(items, element, 'outside')]).toEqual([
        address,
        inside,
        outside,
      ])
    }
    for (const port of nodePorts) {
      const { inside, outside } = naive(this.view, '', port, true)
      const element = `nodeports tcp . ${port}`
      expect([port, interpret(items, element, 'inside'), interpret(items, element, 'outside')]).toEqual([
        port,
        inside,
        outside,
      ])
    }
    expect(this.reconciler.status()).toMatchObject({ failures: 0, pending: 0 })
    expect(this.reconciler.status().refusals.filter(({ reason }) => reason === 'PlanFailed')).toEqual([])
  }
}

const clusterIPs = ['10.43.0.1', '10.43.0.2', '10.43.0.3']
const publicIPs = ['203.0.113.1', '203.0.113.2']
const policy = fc.constantFrom<'Cluster' | 'Local'>('Cluster', 'Local')

describe('random clusters', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    endpoints: fc.option(endpoints(12, 0), { nil: undefined }),
    clusterIP: fc.constantFrom(...clusterIPs),
    externalIPs: fc.subarray(publicIPs),
    loadBalancerIPs: fc.subarray(publicIPs),
    nodePort: fc.constantFrom(0, 30001, 30002),
    externalTrafficPolicy: policy,
    internalTrafficPolicy: policy,
    affinitySeconds: fc.constantFrom(0, 0, 10_800, 60),
    do: fc.constantFrom('set', 'set', 'set', 'delete', 'restart'),
  })

  it('lead every address to the endpoints of its oldest Service, for those inside and outside', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const life = new Life()
        const { view } = life
        await life.start()
        for (const { name, endpoints, clusterIP, nodePort, do: action, ...over } of steps) {
          const key = `default/${name}`
          if (action === 'delete') view.services.delete(key)
          else {
            const ports = [testPort({ nodePort })]
            const createdMs = name.charCodeAt(0)
            view.services.set(
              key,
              testService(name, { ...over, type: 'LoadBalancer', clusterIPs: [clusterIP], ports, createdMs }),
            )
          }
          if (endpoints === undefined) view.slices.delete(`${key}-1`)
          else view.slices.set(`${key}-1`, testSlice(name, endpoints))
          if (action === 'restart') await life.start()
          else await life.touch(name)
          life.expectRight([...clusterIPs, ...publicIPs], [30001, 30002])
        }
      }),
      { numRuns: runs },
    )
  })
})

describe('a Service with many endpoints', () => {
  const change = fc.record({
    from: fc.nat(200),
    remove: fc.nat(4),
    add: fc.array(endpoint(300), { maxLength: 4 }),
    hints: fc.boolean(),
    slice: fc.constantFrom('1', '1', '2'),
    externalTrafficPolicy: fc.constantFrom<'Cluster' | 'Local'>('Cluster', 'Cluster', 'Cluster', 'Local'),
    do: fc.constantFrom('change', 'change', 'change', 'change', 'shuffle', 'restart', 'policy'),
  })

  it('is planned by differences as it would be anew', async () => {
    await fc.assert(
      fc.asyncProperty(endpoints(300, 70), fc.array(change, { maxLength: 12 }), async (first, changes) => {
        const life = new Life()
        const { view } = life
        const over = {
          type: 'LoadBalancer' as const,
          clusterIPs: ['10.43.0.1'],
          ports: [testPort({ nodePort: 30001 })],
        }
        view.services.set('default/a', testService('a', over))
        view.slices.set('default/a-1', testSlice('a', first))
        await life.start()
        let now = first
        for (const { from, remove, add, do: action, externalTrafficPolicy } of changes) {
          now = now.filter((_, index) => index < from || index >= from + remove)
          now = [
            ...now,
            ...add.filter(
              (one, index) =>
                !now.some(({ address }) => address === one.address) &&
                add.findIndex(({ address }) => address === one.address) === index,
            ),
          ]
          if (action === 'shuffle') now = now.toReversed()
          if (action === 'policy') view.services.set('default/a', testService('a', { ...over, externalTrafficPolicy }))
          view.slices.set('default/a-1', testSlice('a', now))
          if (action === 'restart') await life.start()
          else await life.touch('a')
          life.expectRight(['10.43.0.1'], [30001])
          const here = [...life.target.items.values()].filter(({ kind }) => kind === 'hairpin').map(({ key }) => key)
          const inside = interpret(life.target.items, 'services 10.43.0.1 . tcp . 80', 'inside')
          const local = now.filter(
            ({ nodeName, address }) => nodeName === 'n1' && inside?.includes(`${address} . 8080`),
          )
          for (const { address } of local) expect(here).toContain(`${address} . ${address}`)
          expect(await life.reconciler.audit()).toBe(0)
        }
      }),
      { numRuns: Math.ceil(runs * 0.6) },
    )
  })

  it('takes two slices, hints and an address in both of them', async () => {
    const life = new Life()
    const { view } = life
    view.services.set('default/a', testService('a', { clusterIPs: ['10.43.0.1'] }))
    const some = (first: number, count: number, over: Partial<SliceEndpoint> = {}) =>
      Array.from({ length: count }, (_, n) => testEndpoint(`10.42.1.${first + n}`, over))
    const put = async (name: string, list: SliceEndpoint[]): Promise<number> => {
      view.slices.set(`default/${name}`, { ...testSlice('a', list), name })
      await life.touch('a')
      const verdict = interpret(life.target.items, 'services 10.43.0.1 . tcp . 80', 'inside')
      expect(life.reconciler.status().failures).toBe(0)
      return Array.isArray(verdict) ? verdict.length : -1
    }
    await life.start()
    expect(await put('a-1', some(1, 80))).toBe(80)
    expect(await put('a-2', some(81, 80))).toBe(160)
    expect(await put('a-2', some(80, 80))).toBe(159)
    expect(await put('a-2', some(81, 79))).toBe(159)
    expect(await put('a-1', some(1, 80, { hints: { zones: [], nodes: ['n1'] } }))).toBe(159)
    expect(await put('a-2', some(81, 79, { hints: { zones: [], nodes: ['n2'] } }))).toBe(80)
    expect(await put('a-1', some(1, 79))).toBe(158)
    expect(await put('a-2', [])).toBe(79)
    expect(await put('a-1', [])).toBe(-1)
  })
})
