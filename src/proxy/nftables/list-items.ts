import type { Backend } from '../../model/endpoints.ts'
import type { ServiceEntry } from '../../model/service-table.ts'
import type { Item, Previous } from '../../reconcile/types.ts'
import { noneHereValue, sizeValue } from './number.ts'
import { sizeClassOf } from './sizes.ts'
import { assignSlots } from './slots.ts'
import { stickyItems } from './sticky.ts'

/** Note on elements that name the list of this node's endpoints, not that of all. */
export const localNote = 'local'

/** Numbers of a Service port's endpoint lists: of all endpoints, and of this node's; those that some address leads to. */
export interface Lists {
  cluster?: number
  local?: number
}

/** Fields of an element. As one piece: a text put together by `+` keeps its pieces for as long as it lives. */
export const joined = (...fields: readonly (string | number)[]): string => fields.join(' . ')

/** The endpoints of one list, each in its slot. */
export function* listItems(
  list: number | undefined,
  backends: readonly Backend[],
  { affinitySeconds }: ServiceEntry,
  previous: Previous,
): Generator<Item> {
  if (list === undefined) return
  const values = backends.map(({ address, port }) => joined(address, port))
  if (affinitySeconds > 0) {
    yield* stickyItems(list, values, affinitySeconds, previous)
    return
  }
  if (previous.items.length === 0) {
    for (let slot = 0; slot < values.length; slot++) {
      yield { kind: 'endpoints', key: joined(list, slot), value: values[slot] as string }
    }
    return
  }
  const prefix = `${list} . `
  const before = new Map<string, number>()
  for (const { kind, key, value } of previous.items) {
    if (kind === 'endpoints' && key.startsWith(prefix)) before.set(value, Number(key.slice(prefix.length)))
  }
  for (const [value, slot] of assignSlots(values, before)) yield { kind: 'endpoints', key: joined(list, slot), value }
}

/** The sizes of the lists, given how many endpoints they have. No size: the rules refuse; endpoints elsewhere only, and policy Local: they drop. */
export function* sizeItems(
  entry: ServiceEntry,
  { cluster, local }: Lists,
  count: { cluster: number; local: number },
): Generator<Item> {
  const sticky = entry.affinitySeconds > 0
  const size = (list: number, count: number): string => sizeValue(list, sizeClassOf(count), sticky)
  if (cluster !== undefined && count.cluster > 0) {
    yield { kind: 'lists', key: String(cluster), value: size(cluster, count.cluster) }
  }
  if (local === undefined) return
  const fromOutside = entry.addresses.some(({ external, policy }) => external && policy === 'Local')
  if (fromOutside && count.local > 0) {
    yield { kind: 'local_lists', key: String(cluster), value: size(local, count.local) }
  }
  const fromInside = entry.addresses.some(({ external, policy }) => !external && policy === 'Local')
  // A pinned client is sent back to the list's own size when its endpoint is gone.
  if (!fromInside && !(sticky && count.local > 0)) return
  if (count.cluster + count.local === 0) return
  const value = count.local > 0 ? size(local, count.local) : noneHereValue(local)
  yield { kind: 'lists', key: String(local), value, note: localNote }
}

/** An endpoint of this node may be its own client: it has to be masqueraded then. */
export const hairpinItem = ({ address }: Backend): Item => ({
  kind: 'hairpin',
  key: `${address} . ${address}`,
  value: '',
})
