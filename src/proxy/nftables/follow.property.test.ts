import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address, type Family, families, parseAddress } from '../../model/ip.ts'
import { anyContains } from '../../model/ranges.ts'
import type { Protocol } from '../../model/services.ts'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import type { Item } from '../../reconcile/types.ts'
import { factKey, type NodeFact } from '../facts.ts'
import { cidrs, testEndpoint, testPort, testService, testSlice, testView } from '../testing.fixture.ts'
import type { ServiceView } from '../view.ts'
import { interpret } from './interpret.fixture.ts'
import { setKinds } from './kinds.ts'
import { listOf } from './number.ts'
import { allSubjects, nftablesPart } from './plan.ts'
import { followView } from '../subjects.ts'

// Few addresses and ports, so that whatever can meet does: Nodes, devices, gateways, name servers, the API, pods, the service CIDR and Services.
const ownPair = [
  '172.30.0.11',
  '172.30.0.12',
  '172.30.0.13',
  '203.0.113.5',
  '10.43.0.9',
  '10.42.0.9',
  'fd30::11',
  'fd30::12',
  '2001:db8::5',
]
const addresses = fc.constantFrom(...ownPair)
const ports = fc.constantFrom(80, 53, 443, 8472, 2222)

const facts: NodeFact[] = [
  ...ownPair.flatMap((address): NodeFact[] => [
    { kind: 'address', address, device: 'eth0' },
    { kind: 'gateway', address },
    { kind: 'name-server', address },
    { kind: 'api', address, port: 443 },
    { kind: 'broadcast', address, device: 'eth0' },
  ]),
  { kind: 'sshd', port: 2222 },
  { kind: 'api-port', port: 443 },
  { kind: 'tunnel', device: 'flannel.1', of: 'vxlan', port: 8472 },
  { kind: 'tunnel', device: 'wg0', of: 'WireGuard', port: 53 },
]

const names = ['a', 'b', 'kubernetes'] as const
type Step = (view: ServiceView) => void

const service: fc.Arbitrary<Step> = fc
  .record({
    name: fc.constantFrom(...names),
    gone: fc.integer({ min: 0, max: 5 }),
    createdMs: fc.integer({ min: 1, max: 2 }),
    type: fc.constantFrom<'ClusterIP' | 'LoadBalancer'>('ClusterIP', 'LoadBalancer'),
    clusterIP: fc.constantFrom('10.43.0.1', '10.43.0.2', '10.96.0.1', '172.30.0.12'),
    externalIPs: fc.uniqueArray(addresses, { maxLength: 2 }),
    loadBalancerIPs: fc.uniqueArray(addresses, { maxLength: 2 }),
    port: ports,
    protocol: fc.constantFrom<Protocol>('TCP', 'UDP'),
    nodePort: fc.constantFrom(0, 80, 53, 443, 8472),
    externalTrafficPolicy: fc.constantFrom<'Cluster' | 'Local'>('Cluster', 'Local'),
    internalTrafficPolicy: fc.constantFrom<'Cluster' | 'Local'>('Cluster', 'Local'),
    loadBalancerSourceRanges: fc.constantFrom<string[]>(
      [],
      [],
      ['172.30.0.0/24'],
      ['172.30.0.11/32', '10.0.0.0/9'],
      ['fd30::/64', 'x'],
    ),
  })
  .map(
    ({ name, gone, clusterIP, port, protocol, nodePort, ...over }): Step =>
      (view) => {
        const key = `default/${name}`
        if (gone === 0) return view.services.delete(key)
        const clusterIPs = [clusterIP, `fd43::${name === 'a' ? 1 : 2}`]
        return view.services.set(
          key,
          testService(name, { ...over, clusterIPs, ports: [testPort({ port, protocol, nodePort })] }),
        )
      },
  )

const slice: fc.Arbitrary<Step> = fc
  .record({
    name: fc.constantFrom(...names),
    n: fc.constantFrom(1, 2),
    gone: fc.integer({ min: 0, max: 4 }),
    port: ports,
    protocol: fc.constantFrom<Protocol>('TCP', 'UDP'),
    endpoints: fc.uniqueArray(
      fc.record({
        address: addresses,
        nodeName: fc.constantFrom('n1', 'n2'),
        ready: fc.boolean(),
        terminating: fc.boolean(),
        hints: fc.option(fc.constantFrom({ zones: ['z'], nodes: [] }, { zones: [], nodes: ['n1'] }), {
          nil: undefined,
        }),
      }),
      { maxLength: 3, selector: ({ address }) => address },
    ),
  })
  .map(
    ({ name, n, gone, port, protocol, endpoints }): Step =>
      (view) => {
        for (const family of families) {
          const key = `default/${name}-${family}-${n}`
          const inside = endpoints.filter(({ address }) => address.includes(':') === (family === 'IPv6'))
          if (gone === 0) view.slices.delete(key)
          else {
            const all = inside.map(({ address, hints, ...over }) =>
              testEndpoint(address, { ...over, ...(hints && { hints }) }),
            )
            const over = { name: `${name}-${family}-${n}`, family, ports: [{ name: 'http', protocol, port }] }
            view.slices.set(key, testSlice(name, all, over))
          }
        }
      },
  )

const node: fc.Arbitrary<Step> = fc
  .record({
    name: fc.constantFrom('n1', 'n2', 'n3'),
    gone: fc.integer({ min: 0, max: 4 }),
    some: fc.uniqueArray(addresses, { maxLength: 2 }),
    zone: fc.option(fc.constantFrom('z', 'y'), { nil: undefined }),
  })
  .map(
    ({ name, gone, some, zone }): Step =>
      (view) => {
        if (gone === 0) view.nodes.delete(name)
        else view.nodes.set(name, { name, addresses: some, ...(zone !== undefined && { zone }) })
      },
  )

const fact: fc.Arbitrary<Step> = fc.record({ one: fc.constantFrom(...facts), there: fc.boolean() }).map(
  ({ one, there }): Step =>
    (view) =>
      there ? view.facts.set(factKey(one), one) : view.facts.delete(factKey(one)),
)

const range: fc.Arbitrary<Step> = fc.constantFrom([], ['10.43.0.0/16'], ['10.96.0.0/16', 'fd43::/112']).map(
  (texts): Step =>
    (view) =>
      texts.length === 0 ? view.serviceCIDRs.delete('k') : view.serviceCIDRs.set('k', cidrs(...texts)),
)

/** What the table does, without numbers and slots: those depend on what was before. */
function meaning(items: Iterable<Item & { subject?: string }>): unknown {
  const all = [...items]
  const byId = new Map<string, Item>(all.map((item) => [`${item.kind} ${item.key}`, item]))
  const ownerOf = new Map(
    all.flatMap(({ kind, value, subject }) =>
      kind === 'services' || kind === 'nodeports' ? [[listOf(value), subject] as const] : [],
    ),
  )
  const lines = all.flatMap(({ kind, key, value, subject }): string[] => {
    if (kind === 'services' || kind === 'nodeports') {
      const [inside, outside] = (['inside', 'outside'] as const).map((from) => interpret(byId, `${kind} ${key}`, from))
      return [`${kind} ${key} of ${subject}: ${Number(value) >>> 29} ${String(inside)} ${String(outside)}`]
    }
    if (kind === 'lb_sources') {
      const [number = '', address] = key.split(' . ')
      const owner = ownerOf.get(listOf(number))
      // A list that nothing leads to has lost its addresses to another Service.
      return owner === undefined ? [] : [`${kind} ${owner} ${Number(number) >>> 20} ${address}`]
    }
    return /^(lists|local_lists|endpoints)$/.test(kind) ? [] : [`${kind} ${key} ${value}`]
  })
  return lines.toSorted()
}

/** By the simplest reading of promise: which ways to this cluster's nodes, its API and its names a packet would not find any longer. Addresses that are also ClusterIPs are theirs. */
function lockedOut(view: ServiceView, family: Family, items: readonly Item[]): string[] {
  const ofFamily = (address: string): boolean => address.includes(':') === (family === 'IPv6')
  const has = new Set(items.map(({ kind, key }) => `${kind} ${key}`))
  const known = [...view.facts.values()]
  const clusterIPs = new Set([...view.services.values()].flatMap(({ clusterIPs }) => clusterIPs))
  const nodes = [...view.nodes.values()].flatMap((one) => one.addresses)
  const devices = known.flatMap((one) => (one.kind === 'address' ? [one.address] : []))
  const free = (some: readonly string[]): string[] => some.filter((one) => ofFamily(one) && !clusterIPs.has(one))
  const found: string[] = []
  const expectFree = (some: readonly string[], protocol: string, port: number): void => {
    for (const address of free(some)) {
      if (has.has(`services ${address} . ${protocol} . ${port}`)) found.push(`${address} ${protocol} ${port}`)
    }
  }
  for (const one of known) {
    if (one.kind === 'sshd' || one.kind === 'api-port') expectFree([...nodes, ...devices], 'tcp', one.port)
    if (one.kind === 'tunnel') expectFree([...nodes, ...devices], 'udp', one.port)
    if (one.kind === 'name-server') for (const protocol of ['tcp', 'udp']) expectFree([one.address], protocol, 53)
    if (one.kind === 'api') expectFree([one.address], 'tcp', one.port)
    if (one.kind === 'tunnel' && has.has(`nodeports udp . ${one.port}`)) found.push(`node port ${one.port}`)
  }
  const ranges = items.flatMap(({ kind, key }) => (kind === 'service_cidrs' ? cidrs(key) : []))
  for (const address of free(nodes)) {
    if (anyContains(ranges, parseAddress(address) as Address)) found.push(`${address} is dropped`)
  }
  return found
}

const owned = (family: Family): string[] =>
  Object.values(setKinds[family]).flatMap((kind) => (kind.owned ? [kind.name] : []))

function made(view: ServiceView, family: Family): { reconciler: Reconciler; target: FakeTarget } {
  const target = new FakeTarget(owned(family))
  return { target, reconciler: new Reconciler({ part: nftablesPart(view, family), target }) }
}

const delivered = () => new Promise((resolve) => setImmediate(resolve))

describe('what follows from a change, told by the stores alone', () => {
  it.each(families)('is in %s what a fresh start would make of the same world', async (family) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('primary' as const, [] as const),
        fc.array(fc.array(fc.oneof(service, service, slice, node, fact, fact, range), { minLength: 1, maxLength: 3 }), {
          maxLength: 12,
        }),
        async (nodePortAddresses, rounds) => {
          const view = testView({ nodePortAddresses })
          for (const store of [view.services, view.slices, view.facts, view.serviceCIDRs]) store.replaceAll([])
          const { reconciler, target } = made(view, family)
          const stop = followView(view, family, (subjects) => reconciler.touch(subjects))
          await reconciler.start(allSubjects(view))
          await delivered()
          for (const steps of rounds) {
            for (const step of steps) step(view)
            await delivered()
            await reconciler.flush()
            const fresh = made(view, family)
            await fresh.reconciler.start(allSubjects(view))
            expect(meaning(target.items.values())).toEqual(meaning(fresh.target.items.values()))
            expect(lockedOut(view, family, [...target.items.values()])).toEqual([])
            const told = (one: Reconciler) =>
              one
                .status()
                .refusals.map(({ subject, reason, message }) => `${subject} ${reason} ${message}`)
                .toSorted()
            expect(told(reconciler)).toEqual(told(fresh.reconciler))
            expect(reconciler.status()).toMatchObject({ failures: 0, pending: 0 })
          }
          stop()
        },
      ),
      { numRuns: Number(process.env['WEFT_PROPERTY_RUNS'] ?? 60) },
    )
  })
})
