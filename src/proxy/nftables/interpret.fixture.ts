import { expect } from 'vitest'
import type { Item } from '../../reconcile/types.ts'
import { external, externalLocal, listOf, restricted } from './number.ts'
import { sizeClasses } from './sizes.ts'

/** Where a packet is sent: to one of these endpoints, or away. */
export type Verdict = readonly string[] | 'refused' | 'dropped' | undefined

/**
 * The constant rules in small: what they do with a packet to an element of `services` or `nodeports`, told from the table's items alone. `inside` is a pod or the node
 * itself.
 */
export function interpret(items: ReadonlyMap<string, Item>, element: string, origin: 'inside' | 'outside'): Verdict {
  const found = items.get(element)
  if (found === undefined) return undefined
  const number = Number(found.value)
  const list = listOf(found.value)
  if ((number & external) === 0) expect(number >>> 20).toBe(0)
  const local = (number & externalLocal) !== 0 && origin === 'outside'
  const size = items.get(`${local ? 'local_lists' : 'lists'} ${list}`)
  if (size !== undefined) return endpointsOf(items, Number(size.value))
  return local && items.has(`lists ${list}`) ? 'dropped' : 'refused'
}

export const isRestricted = (item: Item | undefined): boolean => (Number(item?.value) & restricted) !== 0

function endpointsOf(items: ReadonlyMap<string, Item>, size: number): Verdict {
  const list = size & 0xfffff
  const code = (size >>> 20) & 0xff
  if (code === 0xff) return 'dropped'
  const sticky = code > 0x80
  const slots = sizeClasses[(code & 0x7f) - 1] ?? 0
  const smaller = sizeClasses[(code & 0x7f) - 2] ?? 0
  const filled: string[] = []
  for (let slot = 0; slot < slots; slot++) {
    const item = items.get(`${sticky ? 'sticky_slots' : 'endpoints'} ${list} . ${slot}`)
    if (item === undefined) {
      // Slots are filled from the first on, and more than the smaller class would hold.
      expect(slot).toBeGreaterThan(smaller)
      expect(items.has(`${sticky ? 'sticky_slots' : 'endpoints'} ${list} . ${slot + 1}`)).toBe(false)
      break
    }
    const end = sticky ? items.get(`sticky_ends ${item.value}`) : item
    expect(end).toBeDefined()
    // The last look-up of a pinned client whose endpoint is gone goes by the list itself.
    if (sticky) expect(items.has(`lists ${list}`)).toBe(true)
    filled.push(end?.value ?? '')
  }
  expect(new Set(filled).size).toBe(filled.length)
  return filled.sort()
}
