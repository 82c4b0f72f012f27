import type { Backend, Backends } from '../../model/endpoints.ts'
import type { Infrastructure } from '../../model/infrastructure.ts'
import type { Family } from '../../model/ip.ts'
import { type ServiceAddress, type ServiceEntry, serviceBackends, serviceEntry } from '../../model/service-table.ts'
import { type Finding, parseServicePortKey } from '../../model/services.ts'
import type { Item, Plan, Previous, Subject } from '../../reconcile/types.ts'
import { bySlicesService, ownNode, type ServiceView } from '../view.ts'
import { LargeService, type Situation } from './large-service.ts'
import { hairpinItem, joined, type Lists, listItems, localNote, sizeItems } from './list-items.ts'
import { addressValue, external, externalLocal, highestList, restricted } from './number.ts'
import { largestList } from './sizes.ts'
import { type Sources, sourceItems, sourcesOf } from './source-items.ts'
import { chainItems, largestStickyList } from './sticky.ts'

/** What all plans of one family share. */
export interface PlanContext {
  view: ServiceView
  family: Family
  infrastructure: Infrastructure
}

/** One port of one Service in one family: its addresses, the lists they lead to, and the endpoints in them. A port that is gone wants nothing. */
export function planServicePort(
  { view, family, infrastructure }: PlanContext,
  subject: Subject,
  previous: Previous,
): Plan {
  const id = parseServicePortKey(subject)
  const service = id && view.services.get(id.service)
  const port = service?.ports.find(({ name }) => name === id?.portName)
  if (id === undefined || service === undefined || port === undefined) {
    return { items: [], rank: { gone: true, createdMs: 0, name: rankName(subject) } }
  }
  const rank = { gone: false, createdMs: service.createdMs, name: rankName(subject) }
  const entry = serviceEntry(service, port, family, infrastructure)
  if (entry.addresses.length === 0) return { items: [], refusals: entry.refusals, rank }
  const sources = sourcesOf(entry, service.ports.length)
  const refusals = [...entry.refusals, ...(sources?.refusal ? [sources.refusal] : [])]
  const lists = listsOf(entry, previous)
  if (Math.max(lists.cluster ?? 0, lists.local ?? 0) > highestList) return { items: [], refusals: [tooManyLists], rank }
  const from = { nodeName: view.config.nodeName, zone: ownNode(view)?.zone }
  const slices = view.slices.byIndex(bySlicesService, id.service).filter((slice) => slice.family === family)
  const situation = { entry, lists, createdMs: service.createdMs, port, from, slices }
  const last = previous.memo instanceof LargeService ? previous.memo : undefined
  const delta = last?.next(situation)
  if (delta !== undefined) return { items: [], delta, refusals, rank, memo: last }
  const items = planAnew({ ...situation, sources }, family, previous, refusals)
  return { items, refusals, rank, memo: LargeService.of(situation, items) }
}

/** By Service, then by port, as isOlder compares: `a:http` comes before `a-b:http`. No character of a name sorts before a space. */
const rankName = (subject: Subject): string => subject.replace(':', ' ')

function planAnew(
  { entry, lists, port, from, slices, sources }: Situation & { sources: Sources | undefined },
  family: Family,
  previous: Previous,
  refusals: Finding[],
): Item[] {
  const backends = cutTo(serviceBackends(slices, port, family, from), entry, refusals)
  return [
    ...addressItems(entry, lists),
    ...(sources === undefined ? [] : sourceItems(lists.cluster as number, sources)),
    ...listItems(lists.cluster, backends.cluster, entry, previous),
    ...listItems(lists.local, backends.local, entry, previous),
    ...sizeItems(entry, lists, { cluster: backends.cluster.length, local: backends.local.length }),
    ...chainItems(entry.affinitySeconds),
    ...localOf(backends).map(hairpinItem),
  ]
}

/** Those on this node, each address once. */
function localOf({ cluster, local }: Backends): Backend[] {
  const here = new Map<string, Backend>()
  for (const list of [cluster, local]) for (const one of list) if (one.local) here.set(one.address, one)
  return here.size === 0 ? [] : [...here.values()]
}

const tooManyLists: Finding = {
  reason: 'TooManyServicePorts',
  message: `more than ${highestList} endpoint lists: this Service port is not served`,
}

/** Policy Local on the way in from inside leads to this node's list only; from outside it needs both lists. */
function listsOf({ addresses }: ServiceEntry, previous: Previous): Lists {
  const cluster = addresses.some(({ external, policy }) => external || policy === 'Cluster')
  const local = addresses.some(({ policy }) => policy === 'Local')
  return {
    ...(cluster && { cluster: previous.number('cluster') }),
    ...(local && { local: previous.number('local') }),
  }
}

function cutTo(backends: Backends, { affinitySeconds }: ServiceEntry, refusals: Finding[]): Backends {
  const most = affinitySeconds > 0 ? largestStickyList : largestList
  if (backends.cluster.length <= most) return backends
  const message = `${backends.cluster.length} endpoints; the first ${most} of them are used`
  refusals.push({ reason: 'TooManyEndpoints', message, clusterWide: true })
  return { cluster: backends.cluster.slice(0, most), local: backends.local.slice(0, most) }
}

function* addressItems({ addresses }: ServiceEntry, lists: Lists): Generator<Item> {
  for (const one of addresses) {
    const protocol = one.protocol.toLowerCase()
    const { claim } = one
    const insideOnly = !one.external && one.policy === 'Local'
    const list = (insideOnly ? lists.local : lists.cluster) as number
    const value = addressValue(list, flagsOf(one))
    const at = joined(one.address, protocol, one.port)
    if (one.kind === 'NodePort') yield { kind: 'nodeports', key: joined(protocol, one.port), value, claim }
    else yield { kind: 'services', key: at, value, claim, ...(insideOnly && { note: localNote }) }
    if (one.kind === 'ClusterIP') yield { kind: 'cluster_ips', key: one.address, value: '' }
  }
}

function flagsOf(address: ServiceAddress): number {
  if (!address.external) return 0
  const local = address.policy === 'Local' ? externalLocal : 0
  return external | local | (address.sources === undefined ? 0 : restricted)
}
