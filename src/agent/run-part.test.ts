import { describe, expect, it, vi } from 'vitest'
import { parseCIDR } from '../model/ip.ts'
import { followView } from '../proxy/nftables/index.ts'
import { setKinds } from '../proxy/nftables/kinds.ts'
import { allSubjects, nftablesPart } from '../proxy/nftables/plan.ts'
import { decodeService } from '../proxy/view.ts'
import { FakeTarget } from '../reconcile/fake-target.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import { startPart } from './run-part.ts'
import { makeView } from './sources.ts'

const service = (name: string, clusterIP: string, portName: string) =>
  decodeService({
    metadata: { name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { clusterIP, ports: [{ name: portName, port: 80, protocol: 'TCP' }] },
  }) as NonNullable<ReturnType<typeof decodeService>>

describe('startPart', () => {
  it('misses nothing that changes while the first write is under way', async () => {
    const cidrs = [parseCIDR('10.43.0.0/16')].flatMap((cidr) => cidr ?? [])
    const view = makeView({ nodeName: 'n1', clusterCIDRs: [], serviceCIDRs: cidrs })
    for (const { key, value } of [service('a', '10.43.0.1', 'http'), service('b', '10.43.0.2', 'http')]) {
      view.services.set(key, value)
    }
    for (const store of [view.services, view.slices, view.nodes]) store.replaceAll([...store.entries()] as never)
    await new Promise((resolve) => setImmediate(resolve))
    const owned = Object.values(setKinds).flatMap((kind) => (kind.owned ? [kind.name] : []))
    const target = new FakeTarget(owned)
    const reconciler = new Reconciler({ part: nftablesPart(view), target })
    const apply = target.apply.bind(target)
    vi.spyOn(target, 'apply').mockImplementationOnce((changes) => {
      // A watch event in the middle of the write: one Service goes, the other's port is renamed.
      view.services.delete('default/a')
      view.services.set('default/b', service('b', '10.43.0.2', 'web').value)
      return apply(changes)
    })
    const stop = await startPart(
      {
        reconciler,
        start: () => reconciler.start(allSubjects(view)),
        dryRun: async () => [],
        follow: (touch) => followView(view, touch),
      },
      () => {},
    )
    await vi.waitFor(() => {
      const services = [...target.items.values()].filter(({ kind }) => kind === 'services')
      expect(services.map(({ key, subject }) => `${key} ${subject}`)).toEqual(['10.43.0.2 . tcp . 80 default/b:web'])
    })
    expect(reconciler.status().refusals.filter(({ reason }) => reason === 'ClaimedByOlderObject')).toEqual([])
    stop()
  })
})
