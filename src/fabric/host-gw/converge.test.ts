import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FakeRouteNetlink } from '../../kernel/rtnetlink/fake.ts'
import { LinkEpochs } from '../../kernel/rtnetlink/link-epochs.ts'
import type { RouteSpec } from '../../kernel/rtnetlink/types.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { linkFacts } from '../facts.ts'
import { ForeignRoutes } from '../foreign-routes.ts'
import { type FabricNode, type FabricView, makeFabricView } from '../view.ts'
import { HostGatewayRoutes } from './apply.ts'
import { allPeers, hostGatewayPart } from './plan.ts'

const cidrs = ['10.42.1.0/24', '10.42.2.0/24', '10.42.3.0/24'] as const
const gateways = ['172.30.0.21', '172.30.0.22', '172.30.0.23'] as const

type Step =
  | { do: 'node'; name: string; node: FabricNode | undefined }
  | { do: 'link'; up: boolean }
  | { do: 'foreign'; dst: string; op: 'add' | 'delete' }
  | { do: 'steal'; dst: string }
  | { do: 'stray'; n: number }
  | { do: 'flush' | 'audit' | 'restart' }

const names = ['p', 'q', 'r']
const node = (name: string): fc.Arbitrary<FabricNode> =>
  fc.record({
    name: fc.constant(name),
    createdMs: fc.integer({ min: 1, max: 3 }),
    internalIPs: fc.constantFrom(...gateways, '192.168.9.9').map((ip) => [ip]),
    podCIDRs: fc.constantFrom(...cidrs).map((cidr) => [cidr]),
  })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(...names)
      .chain((name) =>
        fc.option(node(name), { nil: undefined, freq: 3 }).map((one) => ({ do: 'node' as const, name, node: one })),
      ),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('link' as const), up: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('foreign' as const),
      dst: fc.constantFrom(...cidrs),
      op: fc.constantFrom('add' as const, 'delete' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('steal' as const), dst: fc.constantFrom(...cidrs) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stray' as const), n: fc.integer({ min: 50, max: 52 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'audit' as const, 'restart' as const) }) },
)

const foreignRoute = (dst: string): RouteSpec => ({ dst, via: '172.30.0.99', dev: 'eth0', protocol: 4 })
const ours = (net: FakeRouteNetlink): string[] =>
  net
    .routes({ protocol: 87 })
    .map(({ dst, via, dev }) => `${dst} via ${via} dev ${dev}`)
    .sort()
const foreign = (net: FakeRouteNetlink): unknown[] => net.routes({ protocol: 4 })

/** What must be there, by the simplest reading: the oldest Node gets its pod CIDR if its address is on link and nobody else routes there. */
function naive(view: FabricView, net: FakeRouteNetlink): string[] {
  if (!net.link('eth0')?.up) return []
  const taken = new Set(net.routes({ protocol: 4 }).map(({ dst }) => dst))
  const best = new Map<string, FabricNode>()
  for (const one of view.nodes.values()) {
    const [cidr = ''] = one.podCIDRs
    if (one.name === 'self' || taken.has(cidr) || !one.internalIPs[0]?.startsWith('172.30.')) continue
    const holder = best.get(cidr)
    const older = holder === undefined || one.createdMs < holder.createdMs
    if (older || (one.createdMs === holder.createdMs && one.name < holder.name)) best.set(cidr, one)
  }
  return [...best].map(([cidr, { internalIPs }]) => `${cidr} via ${internalIPs[0]} dev eth0`).sort()
}

it('ends where a naive model ends, whatever Nodes, links and others do, and never touches a route of others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const view = makeFabricView('self')
      const self = { name: 'self', createdMs: 1, internalIPs: ['172.30.0.11'], podCIDRs: ['10.42.0.0/24'] }
      view.nodes.replaceAll([['self', self]])
      const net = new FakeRouteNetlink()
      net.apply([
        { object: 'link', op: 'add', value: { kind: 'bridge', name: 'eth0', up: true } },
        { object: 'address', op: 'add', value: { dev: 'eth0', address: '172.30.0.11/24' } },
      ])
      const epochs = new LinkEpochs()
      const readFacts = (): void => {
        epochs.replaceAll(net.links())
        const facts = linkFacts(net.links(), net.addresses(), (name) => epochs.of(name))
        view.links.replaceAll(facts.map((fact) => [fact.name, fact]))
        const others = new ForeignRoutes(87)
        others.replaceAll(net.routes({ table: 254 }))
        view.foreignRoutes.replaceAll(others.entries())
      }
      let nowMs = 1_000_000
      const make = () => {
        const target = new HostGatewayRoutes(net)
        return new Reconciler({ part: hostGatewayPart(view), target, now: () => nowMs, random: () => 0.5 })
      }
      let reconciler = make()
      readFacts()
      await reconciler.start(allPeers(view))
      const touchAll = (): void => reconciler.touch([...names, ...allPeers(view)])
      for (const one of steps) {
        const before = foreign(net)
        if (one.do === 'node') {
          if (one.node === undefined) view.nodes.delete(one.name)
          else view.nodes.set(one.name, one.node)
          reconciler.touch([one.name])
        } else if (one.do === 'link') {
          net.apply([{ object: 'link', op: 'set', value: { name: 'eth0', up: one.up } }])
          readFacts()
          touchAll()
        } else if (one.do === 'foreign') {
          net.apply([{ object: 'route', op: one.op, value: foreignRoute(one.dst) }])
          readFacts()
          touchAll()
        } else if (one.do === 'steal') {
          net.apply([{ object: 'route', op: 'delete', value: { dst: one.dst, protocol: 87 } }])
        } else if (one.do === 'stray') {
          const stray = { dst: `10.42.${one.n}.0/24`, via: gateways[0], dev: 'eth0', protocol: 87 }
          net.apply([{ object: 'route', op: 'add', value: stray }])
        } else {
          if (one.do === 'audit') await reconciler.audit()
          else if (one.do === 'flush') await reconciler.flush()
          else {
            reconciler = make()
            await reconciler.start(allPeers(view))
          }
          expect(foreign(net)).toEqual(before)
        }
      }
      readFacts()
      touchAll()
      for (let round = 0; round < 3; round++) {
        nowMs += 3_600_000
        await reconciler.audit()
        await reconciler.flush()
      }
      expect(ours(net)).toEqual(naive(view, net))
    }),
    { numRuns: 300 },
  )
})
