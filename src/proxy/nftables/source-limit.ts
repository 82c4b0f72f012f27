import type { ServiceAddress, ServiceEntry } from '../../model/service-table.ts'

/**
 * The most elements of `lb_sources` for one address of a Service. The kernel's set of concatenated ranges (net/netfilter/nft_set_pipapo.c) narrows field by field, and walks all that have
 * the address: so each new connection to it costs what there are, and writing them the square of it. 5,000 take 0.9 s to write and 0.6 s to remove, 20,000 take 11 s.
 */
export const mostSourcesOfAddress = 5000

/** Each port of the Service has its own elements. What is beyond lets nobody in, and is told. */
export function limitSources(entry: ServiceEntry, ports: number): ServiceEntry {
  const most = Math.floor(mostSourcesOfAddress / Math.max(ports, 1))
  const isOver = ({ sources = [] }: ServiceAddress): boolean => sources.length > most
  const over = entry.addresses.filter(isOver)
  if (over.length === 0) return entry
  const refusals = over.map(({ address, port, sources = [] }) => ({
    reason: 'TooManySourceRanges',
    message: `${address} port ${port}: ${sources.length} source ranges; the first ${most} of them are let in`,
  }))
  return {
    ...entry,
    addresses: entry.addresses.map((one) =>
      isOver(one) ? { ...one, sources: one.sources?.slice(0, most) ?? [] } : one,
    ),
    refusals: [...entry.refusals, ...refusals],
  }
}
