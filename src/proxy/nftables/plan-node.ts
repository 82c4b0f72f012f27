import { isSpecial } from '../../model/infrastructure.ts'
import type { CIDR, Family } from '../../model/ip.ts'
import { formatRange, mergeRanges } from '../../model/ranges.ts'
import { sameFamily } from '../../model/services.ts'
import type { Item, Plan } from '../../reconcile/types.ts'
import { ViewInfrastructure } from '../infrastructure.ts'
import { nodeEntry, serviceCIDREntry } from '../node-entry.ts'
import { nodeSubject, serviceCIDRSubject } from '../subjects.ts'
import { byKind, type ServiceView } from '../view.ts'

/** Kinds that belong to the node as a whole. */
export const nodeKinds: ReadonlySet<string> = new Set([
  'pod_sources',
  'plain_sources',
  'pod_ifaces',
  'plain_ifaces',
  'protected',
  'nodeport_addrs',
])

export function planNode(view: ServiceView, family: Family): Plan {
  const entry = nodeEntry(view, family)
  const items = [
    ...members('pod_sources', rangesOf(entry.podSources)),
    ...members('plain_sources', rangesOf(entry.plainSources)),
    ...members('pod_ifaces', entry.podInterfaces),
    ...members('plain_ifaces', entry.plainInterfaces),
    ...members('nodeport_addrs', entry.nodePortAddresses),
    ...members('protected', protectedKeys(view, family)),
  ]
  return { items, refusals: entry.refusals, rank: { gone: false, createdMs: 0, name: nodeSubject } }
}

/** A second lock on what the service table does not give away: the node's own addresses and management ports. */
function* protectedKeys(view: ServiceView, family: Family): Generator<string> {
  const infrastructure = new ViewInfrastructure(view)
  const links = view.facts.byIndex(byKind, 'address').flatMap((fact) => (fact.kind === 'address' ? [fact.address] : []))
  const own = new Set([...infrastructure.nodeAddresses, ...links].filter(sameFamily(family)))
  // What is special is no Service's anyway.
  for (const address of own) if (isSpecial(address)) own.delete(address)
  for (const address of own) {
    for (const { protocol, port } of infrastructure.managementPorts) {
      yield `${address} . ${protocol.toLowerCase()} . ${port}`
    }
  }
}

export function planServiceCIDRs(view: ServiceView, family: Family): Plan {
  const { cidrs, refusals } = serviceCIDREntry(view, family)
  const items = members('service_cidrs', rangesOf(cidrs))
  return { items, refusals, rank: { gone: false, createdMs: 0, name: serviceCIDRSubject } }
}

const rangesOf = (cidrs: readonly CIDR[]): string[] => mergeRanges(cidrs).map(formatRange)

const members = (kind: string, keys: Iterable<string>): Item[] =>
  Array.from(keys, (key): Item => ({ kind, key, value: '' }))
