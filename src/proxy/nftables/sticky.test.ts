import { describe, expect, it } from 'vitest'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { testEndpoint, testPort, testService, testSlice, testView } from '../testing.fixture.ts'
import { setKinds, stickyChains } from './kinds.ts'
import { allSubjects, nftablesPart } from './plan.ts'

const owned = Object.values(setKinds.IPv4).flatMap((kind) => (kind.owned ? [kind.name] : []))

async function life(affinitySeconds: number) {
  const view = testView()
  const target = new FakeTarget(owned)
  const start = async (): Promise<Reconciler> => {
    const reconciler = new Reconciler({ part: nftablesPart(view, 'IPv4'), target })
    await reconciler.start(allSubjects(view))
    return reconciler
  }
  const put = (addresses: string[], over = {}): void => {
    view.services.set(
      'default/a',
      testService('a', { affinitySeconds, ports: [testPort({ nodePort: 30001 })], ...over }),
    )
    view.slices.set(
      'default/a-1',
      testSlice(
        'a',
        addresses.map((address) => testEndpoint(address)),
      ),
    )
  }
  const ofKind = (kind: string) => [...target.items.values()].filter((item) => item.kind === kind)
  /** Endpoint → id, the number that clients' pins name. */
  const ids = () => new Map(ofKind('sticky_ends').map(({ key, value }) => [value, key]))
  return { view, target, start, put, ofKind, ids }
}

describe('session affinity', () => {
  it('41 an endpoint keeps its id, whoever else comes and goes, and after a restart', async () => {
    const { target, start, put, ids } = await life(10_800)
    put(['10.42.1.1', '10.42.1.2', '10.42.1.3'])
    let reconciler = await start()
    const first = ids()
    put(['10.42.1.1', '10.42.1.3', '10.42.1.4'])
    reconciler.touch(['default/a:http'])
    await reconciler.flush()
    for (const one of ['10.42.1.1 . 8080', '10.42.1.3 . 8080']) expect(ids().get(one)).toBe(first.get(one))
    expect([...first.values()]).not.toContain(ids().get('10.42.1.4 . 8080'))
    target.batches.length = 0
    reconciler = await start()
    expect(target.batches).toEqual([])
    put(['10.42.1.1', '10.42.1.2', '10.42.1.3'])
    reconciler.touch(['default/a:http'])
    await reconciler.flush()
    expect(ids()).toEqual(first)
  })

  it('has a chain for another time than three hours, shared by the Services that ask for it, and none for that', async () => {
    const { view, start, put, ofKind } = await life(600)
    put(['10.42.1.1'])
    view.services.set('default/b', testService('b', { affinitySeconds: 600, clusterIPs: ['10.43.0.11'] }))
    view.services.set('default/c', testService('c', { affinitySeconds: 10_800, clusterIPs: ['10.43.0.12'] }))
    for (const name of ['b', 'c']) view.slices.set(`default/${name}-1`, testSlice(name, [testEndpoint('10.42.1.1')]))
    const reconciler = await start()
    expect(ofKind(stickyChains).map(({ key }) => key)).toEqual(['600'])
    expect(ofKind('sticky_times').map(({ value }) => value)).toEqual(['jump sticky-600', 'jump sticky-600'])
    for (const name of ['a', 'b']) {
      view.services.delete(`default/${name}`)
      reconciler.touch([`default/${name}:http`])
      await reconciler.flush()
    }
    expect([...ofKind(stickyChains), ...ofKind('sticky_times')]).toEqual([])
    expect(reconciler.status()).toMatchObject({ failures: 0, pending: 0 })
  })

  it('comes and goes with the Service, the endpoints stay', async () => {
    const { start, put, ofKind } = await life(10_800)
    put(['10.42.1.1', '10.42.1.2'])
    const reconciler = await start()
    expect([ofKind('endpoints').length, ofKind('sticky_slots').length]).toEqual([0, 2])
    put(['10.42.1.1', '10.42.1.2'], { affinitySeconds: 0 })
    reconciler.touch(['default/a:http'])
    await reconciler.flush()
    expect([ofKind('endpoints').length, ofKind('sticky_slots').length, ofKind('sticky_ends').length]).toEqual([2, 0, 0])
  })
})
