import { type Backend, type Backends, selectBackends } from '../../model/endpoints.ts'
import { protectedPorts } from '../../model/infrastructure.ts'
import { canonicalIPv4, cidrContains, familyOf, parseAddress } from '../../model/ip.ts'
import { parseServicePortKey, type Service, type ServicePort } from '../../model/services.ts'
import type { Item, Plan, Previous, Refusal, Subject } from '../../reconcile/types.ts'
import { bySlicesService, type ServiceView } from '../view.ts'
import { addressValue, external, externalLocal, highestList, noneHereValue, sizeValue } from './number.ts'
import { refusalsOf } from './refusals.ts'
import { largestList, sizeClassOf } from './sizes.ts'
import { assignSlots } from './slots.ts'

/** Note on elements that name the list of this node's endpoints, not that of all. */
export const localNote = 'local'

type Finding = Omit<Refusal, 'subject'>

/** Numbers of a Service port's endpoint lists: of all endpoints, and of this node's; those that some address leads to. */
interface Lists {
  cluster?: number
  local?: number
}

/** One port of one Service: its addresses, the lists they lead to, and the endpoints in them. A port that is gone wants nothing. */
export function planServicePort(view: ServiceView, subject: Subject, previous: Previous): Plan {
  const id = parseServicePortKey(subject)
  const service = id && view.services.get(id.service)
  const port = service?.ports.find(({ name }) => name === id?.portName)
  if (id === undefined || service === undefined || port === undefined) {
    return { items: [], rank: { gone: true, createdMs: 0, name: subject } }
  }
  const refusals = refusalsOf(service, port)
  const rank = { gone: false, createdMs: service.createdMs, name: subject }
  const lists = listsOf(service, port, previous)
  if (Math.max(lists.cluster ?? 0, lists.local ?? 0) > highestList) return { items: [], refusals: [tooManyLists], rank }
  const backends = backendsOf(view, id.service, port, refusals)
  const items = [
    ...addressItems(view, service, port, lists, refusals),
    ...endpointItems(lists.cluster, backends.cluster, previous),
    ...endpointItems(lists.local, backends.local, previous),
    ...sizeItems(service, lists, backends),
  ]
  const here = new Set(backends.cluster.concat(backends.local).flatMap((one) => (one.local ? [one.address] : [])))
  for (const address of here) items.push({ kind: 'hairpin', key: `${address} . ${address}`, value: '' })
  return { items, refusals, rank }
}

const tooManyLists: Finding = {
  reason: 'TooManyServicePorts',
  message: `more than ${highestList} endpoint lists: this Service port is not served`,
}

const onlyInside = (service: Service, port: ServicePort): boolean =>
  service.internalTrafficPolicy === 'Local' && port.nodePort === 0

const localFromOutside = (service: Service, port: ServicePort): boolean =>
  service.externalTrafficPolicy === 'Local' && port.nodePort !== 0

function listsOf(service: Service, port: ServicePort, previous: Previous): Lists {
  const local = service.internalTrafficPolicy === 'Local' || localFromOutside(service, port)
  return {
    ...(onlyInside(service, port) ? {} : { cluster: previous.number('cluster') }),
    ...(local ? { local: previous.number('local') } : {}),
  }
}

function backendsOf(view: ServiceView, serviceKey: string, port: ServicePort, refusals: Finding[]): Backends {
  const slices = view.slices.byIndex(bySlicesService, serviceKey).filter(({ family }) => family === 'IPv4')
  const backends = selectBackends(slices, port, view.nodeName)
  if (backends.cluster.length <= largestList) return backends
  refusals.push({
    reason: 'TooManyEndpoints',
    message: `${backends.cluster.length} endpoints; the first ${largestList} of them are used`,
  })
  return { cluster: backends.cluster.slice(0, largestList), local: backends.local.slice(0, largestList) }
}

function* addressItems(
  view: ServiceView,
  service: Service,
  port: ServicePort,
  lists: Lists,
  refusals: Finding[],
): Generator<Item> {
  const protocol = port.protocol.toLowerCase()
  const clusterIP = clusterIPv4(view, service, refusals)
  if (clusterIP !== undefined) {
    const local = service.internalTrafficPolicy === 'Local'
    yield {
      kind: 'services',
      key: `${clusterIP} . ${protocol} . ${port.port}`,
      value: addressValue((local ? lists.local : lists.cluster) as number, 0),
      ...(local ? { note: localNote } : {}),
      claim: `ClusterIP ${clusterIP}:${port.port}/${port.protocol}`,
    }
    yield { kind: 'cluster_ips', key: clusterIP, value: '' }
  }
  if (port.nodePort === 0 || isManagementPort(view, port, refusals)) return
  yield {
    kind: 'nodeports',
    key: `${protocol} . ${port.nodePort}`,
    value: addressValue(lists.cluster as number, localFromOutside(service, port) ? external | externalLocal : external),
    claim: `node port ${port.nodePort}/${port.protocol}`,
  }
}

function isManagementPort(view: ServiceView, { nodePort, protocol }: ServicePort, refusals: Finding[]): boolean {
  const taken = protectedPorts(view.apiPort).find((one) => one.port === nodePort && one.protocol === protocol)
  if (taken === undefined) return false
  refusals.push({
    reason: 'NodePortIsManagementPort',
    message: `node port ${nodePort}/${protocol} is ${taken.why}; it stays the node's own`,
  })
  return true
}

/** The ClusterIP of this family, unless it lies outside of the service CIDRs and is a node's own address (promise 1). */
function clusterIPv4(view: ServiceView, service: Service, refusals: Finding[]): string | undefined {
  const text = service.clusterIPs.find((ip) => familyOf(ip) === 'IPv4')
  const value = text === undefined ? undefined : parseAddress(text)
  const clusterIP = text === undefined ? undefined : canonicalIPv4(text)
  if (value === undefined || clusterIP === undefined) return undefined
  if (view.serviceCIDRs.some((cidr) => cidrContains(cidr, value))) return clusterIP
  for (const node of view.nodes.values()) {
    if (!node.addresses.includes(clusterIP)) continue
    const message = `ClusterIP ${clusterIP} is an address of node ${node.name}`
    refusals.push({ reason: 'ClusterIPIsNodeAddress', message })
    return undefined
  }
  return clusterIP
}

function* endpointItems(list: number | undefined, backends: readonly Backend[], previous: Previous): Generator<Item> {
  if (list === undefined) return
  const prefix = `${list} . `
  const before = new Map<string, number>()
  for (const { kind, key, value } of previous.items.values()) {
    if (kind === 'endpoints' && key.startsWith(prefix)) before.set(value, Number(key.slice(prefix.length)))
  }
  const values = backends.map(({ address, port }) => `${address} . ${port}`)
  for (const [value, slot] of assignSlots(values, before)) yield { kind: 'endpoints', key: prefix + slot, value }
}

/** The sizes of the lists. No size: the rules refuse; endpoints elsewhere only, and policy Local: they drop. */
function* sizeItems(service: Service, { cluster, local }: Lists, backends: Backends): Generator<Item> {
  const size = (list: number, count: number): string => sizeValue(list, sizeClassOf(count))
  if (cluster !== undefined && backends.cluster.length > 0) {
    yield { kind: 'lists', key: String(cluster), value: size(cluster, backends.cluster.length) }
  }
  if (local === undefined) return
  if (cluster !== undefined && backends.local.length > 0) {
    yield { kind: 'local_lists', key: String(cluster), value: size(local, backends.local.length) }
  }
  if (service.internalTrafficPolicy !== 'Local' || backends.cluster.length === 0) return
  const value = backends.local.length > 0 ? size(local, backends.local.length) : noneHereValue(local)
  yield { kind: 'lists', key: String(local), value, note: localNote }
}
