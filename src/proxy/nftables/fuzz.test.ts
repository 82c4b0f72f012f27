import fc from 'fast-check'
import { expect, it } from 'vitest'
import { families } from '../../model/ip.ts'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { decodeNode, decodeService, decodeSlice } from '../decode.ts'
import { testView } from '../testing.fixture.ts'
import { setKinds } from './kinds.ts'
import { allSubjects, nftablesPart } from './plan.ts'

const ip = fc.constantFrom(
  '10.43.0.1',
  '10.43.0.2',
  '172.30.0.11',
  '203.0.113.1',
  '010.0.0.1',
  'fd43::1',
  '2001:DB8::1',
  '::1',
  'x',
  '',
)
const some = <T>(one: fc.Arbitrary<T>) => fc.option(fc.array(one, { maxLength: 4 }), { nil: undefined })
const number = fc.constantFrom(0, 22, 53, 80, 443, 6443, 30000, 65535, 70000, -1)
const word = fc.constantFrom('Cluster', 'Local', 'ClientIP', 'LoadBalancer', 'NodePort', 'TCP', 'UDP', 'SCTP', 'a', '')
const port = fc.record({ name: word, protocol: word, port: number, nodePort: number }, { requiredKeys: ['port'] })
const spec = fc.record(
  {
    type: word,
    clusterIPs: some(ip),
    externalIPs: some(ip),
    ports: some(port),
    sessionAffinity: word,
    externalTrafficPolicy: word,
    internalTrafficPolicy: word,
    loadBalancerSourceRanges: some(fc.oneof(ip, fc.constantFrom('0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', 'fd00::/8'))),
  },
  { requiredKeys: [] },
)
const condition = fc.constantFrom(true, false, null, undefined)
const endpoint = fc.record({
  addresses: fc.array(ip, { maxLength: 2 }),
  conditions: fc.option(fc.record({ ready: condition, serving: condition, terminating: condition })),
  nodeName: fc.constantFrom('n1', 'n2', undefined),
  hints: fc.option(fc.record({ forZones: some(fc.record({ name: word })) })),
})
const objects = fc.record({
  services: fc.array(fc.record({ spec, ingress: some(fc.record({ ip, ipMode: word })) }), { maxLength: 6 }),
  slices: fc.array(
    fc.record({ endpoints: some(endpoint), ports: some(port), family: fc.constantFrom('IPv4', 'IPv6') }),
    { maxLength: 6 },
  ),
  addresses: some(fc.record({ type: fc.constantFrom('InternalIP', 'ExternalIP'), address: ip })),
})

it('plans thousands of odd objects, and writes for them what can be read back', async () => {
  await fc.assert(
    fc.asyncProperty(objects, async ({ services, slices, addresses }) => {
      const view = testView()
      const node = decodeNode({ metadata: { name: 'n1' }, status: { addresses } } as never)
      view.nodes.set(node.key, node.value)
      for (const [index, { spec, ingress }] of services.entries()) {
        const metadata = { name: `s${index}`, namespace: 'd' }
        const decoded = decodeService({ metadata, spec, status: { loadBalancer: { ingress } } } as never)
        if (decoded) view.services.set(decoded.key, decoded.value)
      }
      for (const [index, { family, ...slice }] of slices.entries()) {
        const metadata = { name: `s${index}-1`, namespace: 'd', labels: { 'kubernetes.io/service-name': `s${index}` } }
        const decoded = decodeSlice({ metadata, addressType: family, ...slice } as never)
        if (decoded) view.slices.set(decoded.key, decoded.value)
      }
      for (const family of families) {
        const owned = Object.values(setKinds[family]).flatMap((kind) => (kind.owned ? [kind.name] : []))
        const target = new FakeTarget(owned)
        const reconciler = new Reconciler({ part: nftablesPart(view, family), target })
        await reconciler.start(allSubjects(view))
        expect(reconciler.status()).toMatchObject({ failures: 0, pending: 0 })
        expect(reconciler.status().refusals.filter(({ reason }) => reason === 'PlanFailed')).toEqual([])
        target.batches.length = 0
        const again = new Reconciler({ part: nftablesPart(view, family), target })
        await again.start(allSubjects(view))
        expect(target.batches).toEqual([])
      }
    }),
    { numRuns: 1500 },
  )
})
