import { selectBackends } from '../../model/endpoints.ts'
import { protectedPorts } from '../../model/infrastructure.ts'
import { canonicalIPv4, cidrContains, familyOf, formatCIDRv4, parseIPv4 } from '../../model/ip.ts'
import { parseServicePortKey, type Service, type ServicePort, servicePortKey } from '../../model/services.ts'
import type { FoundItem, Item, LearntNumber, Part, Plan, Previous, Refusal, Subject } from '../../reconcile/types.ts'
import { bySlicesService, primaryIPv4, type ServiceView } from '../view.ts'
import { setKinds } from './kinds.ts'
import { addressValue, external, highestList, listOf, sizeValue } from './number.ts'
import { refusalsOf } from './refusals.ts'
import { largestList, sizeClassOf } from './sizes.ts'
import { assignSlots } from './slots.ts'

/** What belongs to the node as a whole: its addresses, what counts as a pod, the service CIDRs, the ports that stay its own. */
export const nodeSubject: Subject = '@node'

/** Every Service port of the view, and the node. */
export function* allSubjects(view: ServiceView): Generator<Subject> {
  yield nodeSubject
  for (const [key, service] of view.services.entries()) yield* subjectsOf(key, service)
}

export function* subjectsOf(key: string, service: Service | undefined): Generator<Subject> {
  for (const port of service?.ports ?? []) yield servicePortKey(key, port.name)
}

/** Services of one node as elements of the constant rule set's maps. */
export function nftablesPart(view: ServiceView): Part {
  return {
    name: 'proxy/nftables',
    kinds: setKinds,
    plan: (subject, previous) => (subject === nodeSubject ? planNode(view) : planServicePort(view, subject, previous)),
    learn,
    ownerOf: (item, byNumber) => {
      if (item.kind === 'endpoints') return byNumber.get(listOf(item.key.slice(0, item.key.indexOf(' '))))
      return nodeKinds.has(item.kind) ? nodeSubject : undefined
    },
  }
}

const nodeKinds = new Set(['pod_sources', 'plain_sources', 'service_cidrs', 'protected', 'nodeport_addrs'])

function planNode(view: ServiceView): Plan {
  const items: Item[] = []
  for (const cidr of view.clusterCIDRs) {
    items.push({ kind: 'pod_sources', key: formatCIDRv4(cidr), value: '' })
    items.push({ kind: 'plain_sources', key: formatCIDRv4(cidr), value: '' })
  }
  for (const cidr of view.serviceCIDRs) items.push({ kind: 'service_cidrs', key: formatCIDRv4(cidr), value: '' })
  const own = view.nodes.get(view.nodeName)?.addresses ?? []
  for (const address of new Set(own.map(canonicalIPv4))) {
    if (address === undefined) continue
    for (const { protocol, port } of protectedPorts(view.apiPort)) {
      items.push({ kind: 'protected', key: `${address} . ${protocol.toLowerCase()} . ${port}`, value: '' })
    }
  }
  const primary = primaryIPv4(view)
  if (primary !== undefined) items.push({ kind: 'nodeport_addrs', key: primary, value: '' })
  return { items, rank: { gone: false, createdMs: 0, name: nodeSubject } }
}

function planServicePort(view: ServiceView, subject: Subject, previous: Previous): Plan {
  const id = parseServicePortKey(subject)
  const service = id && view.services.get(id.service)
  const port = service?.ports.find(({ name }) => name === id?.portName)
  if (id === undefined || service === undefined || port === undefined) {
    return { items: [], rank: { gone: true, createdMs: 0, name: subject } }
  }
  const refusals = refusalsOf(service, port)
  const list = previous.number('cluster')
  if (list > highestList) return { items: [], refusals: [tooManyLists], rank: rankOf(service, subject) }
  const items = [
    ...addressItems(view, service, port, list, refusals),
    ...listItems(view, id.service, port, list, previous, refusals),
  ]
  return { items, refusals, rank: rankOf(service, subject) }
}

const tooManyLists = {
  reason: 'TooManyServicePorts',
  message: `more than ${highestList} Service ports: this one has no endpoint list and is not served`,
}

const rankOf = (service: Service, name: string): Plan['rank'] => ({ gone: false, createdMs: service.createdMs, name })

function* addressItems(
  view: ServiceView,
  service: Service,
  port: ServicePort,
  list: number,
  refusals: Omit<Refusal, 'subject'>[],
): Generator<Item> {
  const protocol = port.protocol.toLowerCase()
  const clusterIP = clusterIPv4(view, service, refusals)
  if (clusterIP !== undefined) {
    const key = `${clusterIP} . ${protocol} . ${port.port}`
    yield {
      kind: 'services',
      key,
      value: addressValue(list, 0),
      claim: `ClusterIP ${clusterIP}:${port.port}/${port.protocol}`,
    }
    yield { kind: 'cluster_ips', key: clusterIP, value: '' }
  }
  if (port.nodePort === 0) return
  const taken = protectedPorts(view.apiPort).find((one) => one.port === port.nodePort && one.protocol === port.protocol)
  if (taken !== undefined) {
    refusals.push({
      reason: 'NodePortIsManagementPort',
      message: `node port ${port.nodePort}/${port.protocol} is ${taken.why}; it stays the node's own`,
    })
    return
  }
  yield {
    kind: 'nodeports',
    key: `${protocol} . ${port.nodePort}`,
    value: addressValue(list, external),
    claim: `node port ${port.nodePort}/${port.protocol}`,
  }
}

/** The ClusterIP of this family, unless it lies outside of the service CIDRs and is a node's own address (promise 1). */
function clusterIPv4(view: ServiceView, service: Service, refusals: Omit<Refusal, 'subject'>[]): string | undefined {
  const text = service.clusterIPs.find((ip) => familyOf(ip) === 'IPv4')
  const value = text === undefined ? undefined : parseIPv4(text)
  const clusterIP = text === undefined ? undefined : canonicalIPv4(text)
  if (value === undefined || clusterIP === undefined) return undefined
  if (view.serviceCIDRs.some((cidr) => cidrContains(cidr, value))) return clusterIP
  for (const node of view.nodes.values()) {
    if (!node.addresses.includes(clusterIP)) continue
    refusals.push({
      reason: 'ClusterIPIsNodeAddress',
      message: `ClusterIP ${clusterIP} is an address of node ${node.name}`,
    })
    return undefined
  }
  return clusterIP
}

function* listItems(
  view: ServiceView,
  serviceKey: string,
  port: ServicePort,
  list: number,
  previous: Previous,
  refusals: Omit<Refusal, 'subject'>[],
): Generator<Item> {
  const slices = view.slices.byIndex(bySlicesService, serviceKey).filter(({ family }) => family === 'IPv4')
  const backends = selectBackends(slices, port, view.nodeName)
  if (backends.length > largestList) {
    refusals.push({
      reason: 'TooManyEndpoints',
      message: `${backends.length} endpoints; the first ${largestList} of them are used`,
    })
    backends.length = largestList
  }
  if (backends.length === 0) return
  const values = backends.map(({ address, port }) => `${address} . ${port}`)
  const prefix = `${list} . `
  const before = new Map<string, number>()
  for (const item of previous.items.values()) {
    if (item.kind === 'endpoints' && item.key.startsWith(prefix))
      before.set(item.value, Number(item.key.slice(prefix.length)))
  }
  for (const [value, slot] of assignSlots(values, before)) yield { kind: 'endpoints', key: prefix + slot, value }
  yield { kind: 'lists', key: String(list), value: sizeValue(list, sizeClassOf(backends.length)) }
  const local = new Set(backends.flatMap((backend) => (backend.local ? [backend.address] : [])))
  for (const address of local) yield { kind: 'hairpin', key: `${address} . ${address}`, value: '' }
}

/** Elements of `services`, `nodeports` and `lists` name their owner in the comment and the list in the value. */
function learn(found: readonly FoundItem[]): LearntNumber[] {
  return found.flatMap((item) =>
    setKinds[item.kind]?.owned && item.subject !== undefined
      ? [{ subject: item.subject, name: 'cluster', number: listOf(item.value) }]
      : [],
  )
}
