import type { Item, Previous } from '../../reconcile/types.ts'
import { affinitySeconds as constantSeconds } from './constants.ts'
import { stickyChains } from './kinds.ts'
import { endpointIdOf, endpointValue, highestEndpointId } from './number.ts'
import { assignSlots } from './slots.ts'

/** The most endpoints that a list with session affinity can hold. */
export const largestStickyList = highestEndpointId + 1

/**
 * A list whose clients stay with their endpoint. A pin names the endpoint's id, which the endpoint keeps for life; what moves between slots is the id. So a
 * leaving endpoint moves its own clients only, and a newcomer moves nobody.
 */
export function* stickyItems(
  list: number,
  values: readonly string[],
  seconds: number,
  previous: Previous,
): Generator<Item> {
  if (values.length === 0) return
  const prefix = `${list} . `
  const slotOfId = new Map<number, number>()
  const before = new Map<string, number>()
  for (const { kind, key, value } of previous.items) {
    if (kind === 'sticky_slots' && key.startsWith(prefix))
      slotOfId.set(endpointIdOf(value), Number(key.slice(prefix.length)))
    else if (kind === 'sticky_ends' && (Number(key) & 0xfffff) === list) before.set(value, endpointIdOf(key))
  }
  const ids = assignIds(values, before)
  const slots = new Map<string, number>()
  for (const [value, id] of before) {
    const slot = slotOfId.get(id)
    if (slot !== undefined) slots.set(value, slot)
  }
  for (const [value, slot] of assignSlots(values, slots)) {
    const end = endpointValue(list, ids.get(value) as number)
    yield { kind: 'sticky_slots', key: prefix + slot, value: end }
    yield { kind: 'sticky_ends', key: end, value }
  }
  if (seconds === constantSeconds) return
  yield { kind: 'sticky_times', key: String(list), value: `jump ${stickyChain(seconds)}` }
}

/** The chain that such a list needs beside itself, once for all lists of a plan. */
export const chainItems = (seconds: number): Item[] =>
  seconds === 0 || seconds === constantSeconds ? [] : [{ kind: stickyChains, key: String(seconds), value: '' }]

/** Name of the chain that keeps a client for so long. */
export const stickyChain = (seconds: number): string => `sticky-${seconds}`

/**
 * Ids for endpoints, stable for those that have one. A newcomer's is looked for from a place that its own address decides, so that the id of one that left is hardly ever
 * another's next, and an endpoint that comes back finds its clients.
 */
function assignIds(values: readonly string[], before: ReadonlyMap<string, number>): Map<string, number> {
  const ids = new Map<string, number>()
  const taken = new Set<number>()
  for (const value of values) {
    const id = before.get(value)
    if (id === undefined || taken.has(id)) continue
    ids.set(value, id)
    taken.add(id)
  }
  for (const value of values) {
    if (ids.has(value)) continue
    let id = placeOf(value)
    while (taken.has(id)) id = (id + 1) & highestEndpointId
    ids.set(value, id)
    taken.add(id)
  }
  return ids
}

/** FNV-1a, folded into the range of ids. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 12) ^ (hash >>> 24)) & highestEndpointId
}
