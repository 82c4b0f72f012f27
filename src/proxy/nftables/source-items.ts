import { formatAddress } from '../../model/ip.ts'
import { type AddressRange, joinRanges, prefixesOf } from '../../model/ranges.ts'
import type { ServiceEntry } from '../../model/service-table.ts'
import type { Finding } from '../../model/services.ts'
import type { Item } from '../../reconcile/types.ts'
import { prefixNumber, prefixStep } from './number.ts'

/** The most elements of `lb_sources` for a Service, which its ports share: each has its own. The kernel would take more; planning and memory grow with them. */
export const mostSourcePrefixes = 131_072

/** Who may use the restricted addresses of a Service port. */
export interface Sources {
  ranges: readonly AddressRange[]
  /** How many elements are wanted at most. */
  most: number
  /** That there are more. */
  refusal?: Finding
}

/** undefined: no address is restricted. What one of them lets in, all do: they differ at most by themselves (service-table.ts, withSelf). */
export function sourcesOf({ addresses }: ServiceEntry, ports: number): Sources | undefined {
  const lists = new Set(addresses.flatMap(({ sources }) => (sources === undefined ? [] : [sources])))
  const [first, ...others] = lists
  if (first === undefined) return undefined
  const ranges = others.length === 0 ? first : joinRanges([...lists].flat())
  const most = Math.floor(mostSourcePrefixes / Math.max(ports, 1))
  const count = countOf(ranges)
  if (count <= most) return { ranges, most }
  const message = `loadBalancerSourceRanges come to ${count} prefixes for each port: the first ${most} of them are let in`
  return { ranges, most, refusal: { reason: 'TooManySourceRanges', message, clusterWide: true } }
}

/** The elements, by the list that the addresses lead to. */
export function* sourceItems(list: number, { ranges, most }: Sources): Generator<Item> {
  let left = most
  for (const range of ranges) {
    for (const { family, network, length } of prefixesOf(range, prefixStep)) {
      if (left-- <= 0) return
      const address = formatAddress({ family, number: network })
      yield { kind: 'lb_sources', key: `${prefixNumber(list, length)} . ${address}`, value: '' }
    }
  }
}

/** A Service is planned again with each of its endpoints; its ranges stay the same list (service-table.ts). */
const counts = new WeakMap<readonly AddressRange[], number>()

function countOf(ranges: readonly AddressRange[]): number {
  const known = counts.get(ranges)
  if (known !== undefined) return known
  let count = 0
  for (const range of ranges) for (const _ of prefixesOf(range, prefixStep)) count++
  counts.set(ranges, count)
  return count
}
