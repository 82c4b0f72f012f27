import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testSeed } from '../../../test/seed.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { FakeRouteNetlink } from './fake.ts'
import { KernelRouteNetlink } from './kernel.ts'
import type { Change, RouteNetlink, RouteSpec } from './types.ts'

const root = process.getuid?.() === 0

const link = fc.constantFrom('br0', 'br1')
const spec: fc.Arbitrary<RouteSpec> = fc.oneof(
  fc.record(
    {
      dst: fc.constantFrom('10.42.1.0/24', '10.42.2.0/24', '10.42.1.1/24'),
      via: fc.constantFrom('10.0.0.2', '10.0.0.3', '10.0.1.2', '10.9.9.9'),
      dev: link,
      metric: fc.constant(50),
      protocol: fc.constantFrom(99, 4),
      onlink: fc.constant(false),
    },
    { requiredKeys: ['dst', 'via', 'protocol'] },
  ),
  fc.record(
    {
      dst: fc.constantFrom('fd42:1::/64', 'fd42:2::/64'),
      via: fc.constantFrom('fd00::2', 'fd01::2', 'fd09::9'),
      dev: link,
      metric: fc.constant(50),
      protocol: fc.constantFrom(99, 4),
    },
    { requiredKeys: ['dst', 'via', 'dev', 'protocol'] },
  ),
)
const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      object: fc.constant('route' as const),
      op: fc.constantFrom('add' as const, 'replace' as const, 'delete' as const),
      value: spec,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      object: fc.constant('address' as const),
      op: fc.constantFrom('add' as const, 'delete' as const),
      value: fc.record({
        dev: link,
        address: fc.constantFrom('10.0.0.1/24', '10.0.1.1/24', 'fd00::1/64', 'fd01::1/64'),
        noDuplicateDetection: fc.constant(true),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      object: fc.constant('link' as const),
      op: fc.constant('set' as const),
      value: fc.record({ name: link, up: fc.boolean() }),
    }),
  },
  {
    weight: 1,
    arbitrary: link.map((name) => ({ object: 'link', op: 'add', value: { kind: 'bridge', name, up: true } }) as const),
  },
  { weight: 1, arbitrary: link.map((name) => ({ object: 'link', op: 'delete', value: { name } }) as const) },
)

const seen = (net: RouteNetlink, changes: readonly Change[]): unknown => ({
  refused: net.apply(changes).map(({ index, error }) => `${index} ${error.errnoName} ${error.where}`),
  links: net.links().map(({ name, up }) => `${name} ${up}`),
  addresses: net
    .addresses()
    .map(({ dev, address }) => `${dev} ${address}`)
    .filter((text) => !text.includes(' fe80') && !text.startsWith('lo '))
    .sort(),
  routes: [99, 4]
    .flatMap((protocol) => net.routes({ protocol }))
    .map((one) => JSON.stringify(one, Object.keys(one).sort()))
    .sort(),
})

describe.skipIf(!root)('the fake against the kernel (needs root)', () => {
  const netns = `weft-t${process.pid}-diff`
  let namespace: NetworkNamespace

  beforeAll(async () => {
    await createNetns(netns)
    namespace = NetworkNamespace.named(netns)
    new KernelRouteNetlink(namespace).apply([{ object: 'link', op: 'set', value: { name: 'lo', up: true } }])
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(netns)
  })

  it('refuses and shows the same, whatever is asked', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 15, maxLength: 30, size: 'max' }), (changes) => {
        const kernel = new KernelRouteNetlink(namespace)
        kernel.apply(['br0', 'br1'].map((name) => ({ object: 'link', op: 'delete', value: { name } }) as const))
        const start = [
          { object: 'link', op: 'add', value: { kind: 'bridge', name: 'br0', up: true } },
          { object: 'address', op: 'add', value: { dev: 'br0', address: '10.0.0.1/24' } },
          { object: 'address', op: 'add', value: { dev: 'br0', address: 'fd00::1/64', noDuplicateDetection: true } },
        ] as const
        expect(seen(new FakeRouteNetlink(), [...start, ...changes])).toEqual(seen(kernel, [...start, ...changes]))
      }),
      { numRuns: 60, seed: testSeed() },
    )
  })
})
