import { parseCIDR } from '../../src/model/ip.ts'
import { defaultServiceConfig } from '../../src/proxy/config.ts'
import { factKey, type NodeFact } from '../../src/proxy/facts.ts'
import { decodeNode, decodeService, decodeSlice, makeServiceView, type ServiceView } from '../../src/proxy/view.ts'
import { OddObjects } from './odd-objects.ts'
import type { Random } from './random.ts'

export const churnCluster = 'c5a8c6e0-0000-4000-8000-000000000001'

const facts: readonly NodeFact[] = [
  { kind: 'address', address: '172.30.0.11', device: 'eth0' },
  { kind: 'address', address: 'fd30::11', device: 'eth0' },
]

/** A node of both families without any Service, its stores synced. */
export function churnView(): ServiceView {
  const view = makeServiceView({
    ...defaultServiceConfig,
    nodeName: 'n1',
    clusterCIDRs: ['10.42.0.0/16', 'fd42::/56'].flatMap((text) => parseCIDR(text) ?? []),
    serviceCIDRs: ['10.43.0.0/16', 'fd43::/112'].flatMap((text) => parseCIDR(text) ?? []),
  })
  view.facts.replaceAll(facts.map((fact) => [factKey(fact), fact]))
  view.nodes.replaceAll([['n1', { name: 'n1', addresses: ['172.30.0.11', 'fd30::11'] }]])
  view.services.replaceAll([])
  view.slices.replaceAll([])
  view.serviceCIDRs.replaceAll([])
  return view
}

/** So many changes of Services, slices and other nodes, as an API might tell them. */
export function churn(view: ServiceView, random: Random, changes: number): void {
  const objects = new OddObjects(random, 0)
  const put = <T>(
    store: { set(key: string, value: T): void; delete(key: string): void },
    decoded: { key: string; value: T } | undefined,
  ): void => {
    if (decoded === undefined) return
    if (random.chance(0.2)) store.delete(decoded.key)
    else store.set(decoded.key, decoded.value)
  }
  for (let n = 0; n < changes; n++) {
    const kind = random.below(20)
    if (kind === 0) {
      const { key, value } = decodeNode(objects.node())
      if (key !== 'n1') put(view.nodes, { key, value })
    } else if (kind < 10) put(view.services, decodeService(objects.service() as never))
    else put(view.slices, decodeSlice(objects.slice() as never))
  }
}
