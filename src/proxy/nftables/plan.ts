import { protectedPorts } from '../../model/infrastructure.ts'
import { canonicalIPv4, cidrContains, formatAddress, formatCIDR, parseAddress } from '../../model/ip.ts'
import { type Service, servicePortKey } from '../../model/services.ts'
import type { FoundItem, Item, LearntNumber, Part, Plan, Refusal, Subject } from '../../reconcile/types.ts'
import { primaryIPv4, type ServiceView } from '../view.ts'
import { setKinds } from './kinds.ts'
import { highestList, listOf } from './number.ts'
import { localNote, planServicePort } from './plan-service.ts'

/** What belongs to the node as a whole: its addresses, what counts as a pod, the service CIDRs, the ports that stay its own. */
export const nodeSubject: Subject = '@node'

/** The Service of the API itself; its ClusterIP tells which CIDR is that of Services. */
export const apiService = 'default/kubernetes'

/** The service CIDRs: a subject of their own, so that they can be written last (kinds.ts). */
export const serviceCIDRSubject: Subject = '@service-cidrs'

/** Every Service port of the view, and the node. */
export function* allSubjects(view: ServiceView): Generator<Subject> {
  yield nodeSubject
  yield serviceCIDRSubject
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
    plan: (subject, previous) => {
      if (subject === nodeSubject) return planNode(view)
      return subject === serviceCIDRSubject ? planServiceCIDRs(view) : planServicePort(view, subject, previous)
    },
    learn,
    ownerOf: (item, byNumber) => {
      if (item.kind === 'endpoints') return byNumber.get(Number(item.key.slice(0, item.key.indexOf(' '))))
      if (item.kind === 'service_cidrs') return serviceCIDRSubject
      return nodeKinds.has(item.kind) ? nodeSubject : undefined
    },
  }
}

const nodeKinds = new Set(['pod_sources', 'plain_sources', 'protected', 'nodeport_addrs'])

function planNode(view: ServiceView): Plan {
  const items: Item[] = []
  const member = (kind: string, key: string): void => void items.push({ kind, key, value: '' })
  for (const cidr of view.clusterCIDRs) {
    if (cidr.family !== 'IPv4') continue
    member('pod_sources', formatCIDR(cidr))
    member('plain_sources', formatCIDR(cidr))
  }
  const own = view.nodes.get(view.nodeName)?.addresses ?? []
  for (const address of new Set(own.map(canonicalIPv4))) {
    if (address === undefined) continue
    for (const { protocol, port } of protectedPorts(view.apiPort)) {
      member('protected', `${address} . ${protocol.toLowerCase()} . ${port}`)
    }
  }
  const primary = primaryIPv4(view)
  if (primary !== undefined) member('nodeport_addrs', primary)
  const refusals = primary === undefined ? [noAddress(view)] : []
  return { items, refusals, rank: { gone: false, createdMs: 0, name: nodeSubject } }
}

function noAddress({ nodes, nodeName }: ServiceView): Omit<Refusal, 'subject'> {
  const known = nodes.get(nodeName) !== undefined
  const why = known ? `Node ${nodeName} has no IPv4 address` : `there is no Node ${nodeName} (--node-name)`
  return {
    reason: known ? 'NodeAddressMissing' : 'NodeUnknown',
    message: `${why}: node ports are not served here, and no endpoint counts as this node's`,
  }
}

/**
 * Addresses of the service CIDR that nobody has are dropped: only where the API's own ClusterIP shows that this is the service CIDR, or a flag left
 * at its default would cut off whoever really has those addresses (promise 1).
 */
function planServiceCIDRs(view: ServiceView): Plan {
  const rank = { gone: false, createdMs: 0, name: serviceCIDRSubject }
  const api = view.services
    .get(apiService)
    ?.clusterIPs.map(parseAddress)
    .find((address) => address?.family === 'IPv4')
  if (api === undefined) return { items: [], rank }
  const cidrs = view.serviceCIDRs.filter(({ family }) => family === 'IPv4')
  const known = cidrs.filter((cidr) => cidrContains(cidr, api))
  const items = known.map((cidr): Item => ({ kind: 'service_cidrs', key: formatCIDR(cidr), value: '' }))
  if (known.length > 0 || cidrs.length === 0) return { items, rank }
  const flag = cidrs.map(formatCIDR).join(',')
  const message = `${apiService} has ${formatAddress(api)}, which is outside of --service-cidr ${flag}: unused addresses there are not dropped`
  return { items, refusals: [{ reason: 'ServiceCIDRMismatch', message }], rank }
}

/** Owned elements name their Service port in the comment, and the list in the value, in the key, or in both. */
function learn(found: readonly FoundItem[]): LearntNumber[] {
  return found.flatMap((item): LearntNumber[] => {
    const { kind, subject } = item
    if (!setKinds[kind]?.owned || subject === undefined) return []
    const number = listOf(item.value)
    if (kind !== 'local_lists')
      return [{ subject, name: item.note === localNote ? 'local' : 'cluster', number }].filter(isList)
    return [
      { subject, name: 'cluster', number: Number(item.key) },
      { subject, name: 'local', number },
    ].filter(isList)
  })
}

/** An element whose number cannot be a list's is nobody's: drift. */
const isList = ({ number }: LearntNumber): boolean => number >= 1 && number <= highestList
