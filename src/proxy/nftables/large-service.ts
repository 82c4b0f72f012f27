import { PlainEndpoints } from '../../model/endpoint-changes.ts'
import type { Backend, EndpointSlice, Viewpoint } from '../../model/endpoints.ts'
import type { ServiceAddress, ServiceEntry } from '../../model/service-table.ts'
import type { ServicePort } from '../../model/services.ts'
import type { Delta, Item } from '../../reconcile/types.ts'
import { hairpinItem, type Lists, sizeItems } from './list-items.ts'
import { largestList } from './sizes.ts'
import { joinDeltas, SlotList } from './slot-list.ts'

/** From so many items on a plan is kept, so that the next one is told as a difference. */
const manyItems = 64

/** What a plan depends on besides the endpoints. */
export interface Situation {
  entry: ServiceEntry
  lists: Lists
  createdMs: number
  port: ServicePort
  from: Viewpoint
  /** Those of the family. */
  slices: readonly EndpointSlice[]
}

/** The last plan of a Service port with many endpoints. One of them comes or goes: that is what the next plan costs, not all the others. */
export class LargeService {
  readonly #last: Omit<Situation, 'slices'>
  readonly #endpoints: PlainEndpoints
  readonly #cluster: SlotList | undefined
  readonly #local: SlotList | undefined

  private constructor(last: Situation, endpoints: PlainEndpoints, items: readonly Item[]) {
    const { slices: _, ...rest } = last
    this.#last = rest
    this.#endpoints = endpoints
    const { cluster, local } = last.lists
    this.#cluster = cluster === undefined ? undefined : new SlotList(cluster, items)
    this.#local = local === undefined ? undefined : new SlotList(local, items)
  }

  /** undefined: not worth it, or not possible (session affinity, hints, an address twice). */
  static of(last: Situation, items: readonly Item[]): LargeService | undefined {
    if (items.length < manyItems || last.entry.affinitySeconds > 0) return undefined
    const endpoints = PlainEndpoints.of(last.slices, last.port, last.from)
    if (endpoints === undefined || endpoints.counts.cluster > largestList) return undefined
    return new LargeService(last, endpoints, items)
  }

  /** What differs now; undefined if it has to be planned anew: then this is of no more use. */
  next(now: Situation): Delta | undefined {
    if (!sameSituation(this.#last, now)) return undefined
    const { entry, lists } = now
    const before = this.#endpoints.counts
    const changes = this.#endpoints.update(now.slices)
    const after = this.#endpoints.counts
    if (changes === undefined || after.cluster > largestList) return undefined
    const { left, came } = changes
    const here = (backends: readonly Backend[]): Backend[] => backends.filter(({ local }) => local)
    return joinDeltas([
      this.#cluster?.change(left.map(valueOf), came.map(valueOf)) ?? nothing,
      this.#local?.change(here(left).map(valueOf), here(came).map(valueOf)) ?? nothing,
      difference([...sizeItems(entry, lists, before)], [...sizeItems(entry, lists, after)]),
      difference(here(left).map(hairpinItem), here(came).map(hairpinItem)),
    ])
  }
}

const nothing: Delta = { remove: [], add: [] }
const valueOf = ({ address, port }: Backend): string => `${address} . ${port}`

/** Of two short lists of items. */
function difference(before: readonly Item[], after: readonly Item[]): Delta {
  const same = (a: Item, b: Item): boolean => a.kind === b.kind && a.key === b.key && a.value === b.value
  const without = (items: readonly Item[], others: readonly Item[]): Item[] =>
    items.filter((item) => !others.some((one) => same(one, item)))
  return { remove: without(before, after), add: without(after, before) }
}

const sameSituation = (a: Omit<Situation, 'slices'>, b: Situation): boolean =>
  a.createdMs === b.createdMs &&
  a.lists.cluster === b.lists.cluster &&
  a.lists.local === b.lists.local &&
  a.from.nodeName === b.from.nodeName &&
  a.entry.affinitySeconds === b.entry.affinitySeconds &&
  a.entry.addresses.length === b.entry.addresses.length &&
  a.entry.addresses.every((one, index) => sameAddress(one, b.entry.addresses[index] as ServiceAddress))

/** The claim says address, protocol and port. */
const sameAddress = (a: ServiceAddress, b: ServiceAddress): boolean =>
  a.kind === b.kind && a.claim === b.claim && a.policy === b.policy && sameSources(a.sources, b.sources)

const sameSources = (a: ServiceAddress['sources'], b: ServiceAddress['sources']): boolean =>
  a === b ||
  (a !== undefined &&
    a.length === b?.length &&
    a.every(({ first, last }, index) => first === b[index]?.first && last === b[index]?.last))
