import type { Family } from '../../model/ip.ts'
import type { Endpoint, EndpointSlice, Service, ServicePort } from '../../kube/types.ts'

/** One address and port that an EndpointSlice names for a port of a Service. */
export interface NamedEndpoint {
  address: string
  port: number
  node: string | undefined
  /** `namespace/name` of the pod behind it; undefined where it is none. */
  pod: string | undefined
  ready: boolean
  serving: boolean
  terminating: boolean
  /** Hints: zones and nodes whose traffic it is meant for. */
  zones: readonly string[]
  nodes: readonly string[]
}

/** Endpoints of a Service's port, sorted into those that get traffic and those that must not. */
export interface EndpointChoice {
  chosen: readonly NamedEndpoint[]
  unwanted: readonly NamedEndpoint[]
}

/** Where an endpoint list is looked at: hints name nodes and zones. */
export interface Looker {
  name: string
  zone: string
}

/** Label that ties an EndpointSlice to its Service (discovery.k8s.io/v1). */
const serviceNameLabel = 'kubernetes.io/service-name'

/** All endpoints that the slices of a Service name for one of its ports in a family; each address and port once. */
export function endpointsOf(
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  family: Family,
): NamedEndpoint[] {
  const named = slices
    .filter((slice) => slice.addressType === family && belongsTo(slice, service))
    .flatMap((slice) => endpointsOfSlice(slice, port))
  return mergeCopies(named)
}

const belongsTo = (slice: EndpointSlice, service: Service): boolean =>
  slice.metadata.namespace === service.metadata.namespace &&
  slice.metadata.labels?.[serviceNameLabel] === service.metadata.name

function endpointsOfSlice(slice: EndpointSlice, wanted: ServicePort): NamedEndpoint[] {
  const ports = (slice.ports ?? []).filter(
    (port) => (port.name ?? '') === (wanted.name ?? '') && (port.protocol ?? 'TCP') === (wanted.protocol ?? 'TCP'),
  )
  const numbers = ports.map((port) => port.port ?? 0).filter((number) => number > 0)
  return numbers.flatMap((number) =>
    (slice.endpoints ?? []).flatMap((endpoint) => toNamedEndpoint(endpoint, number, slice.metadata.namespace)),
  )
}

/** Absent conditions: ready counts as true, serving follows ready, terminating counts as false (discovery.k8s.io/v1). */
function toNamedEndpoint(endpoint: Endpoint, port: number, namespace = 'default'): NamedEndpoint[] {
  const [address] = endpoint.addresses
  if (address === undefined) return []
  const { ready, serving, terminating } = endpoint.conditions ?? {}
  const { targetRef } = endpoint
  return [
    {
      address,
      port,
      node: endpoint.nodeName,
      pod: targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? namespace}/${targetRef.name ?? ''}` : undefined,
      ready: ready ?? true,
      serving: serving ?? ready ?? true,
      terminating: terminating ?? false,
      zones: (endpoint.hints?.forZones ?? []).map(({ name }) => name),
      nodes: (endpoint.hints?.forNodes ?? []).map(({ name }) => name),
    },
  ]
}

/** A slice may still hold an endpoint that another has taken over: the copy that is not terminating counts. */
function mergeCopies(endpoints: readonly NamedEndpoint[]): NamedEndpoint[] {
  const merged = new Map<string, NamedEndpoint>()
  for (const endpoint of endpoints) {
    const key = `${endpoint.address} ${endpoint.port}`
    const other = merged.get(key)
    if (other === undefined || (other.terminating && !endpoint.terminating)) merged.set(key, endpoint)
  }
  return [...merged.values()]
}

/**
 * Ready endpoints get traffic; where none is ready, those that still serve while they terminate (KEP-1669).
 *
 * @param looker whose hints count; absent where they do not (policy Local)
 */
export function choose(endpoints: readonly NamedEndpoint[], looker?: Looker): EndpointChoice {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  const chosen =
    ready.length > 0 ? near(ready, looker) : endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating)
  return { chosen, unwanted: endpoints.filter((endpoint) => !chosen.includes(endpoint)) }
}

/** Hints count only if every ready endpoint has them and some name the place: the node first (KEP-3015), then its zone (KEP-2433). */
function near(ready: readonly NamedEndpoint[], looker: Looker | undefined): readonly NamedEndpoint[] {
  if (looker === undefined) return ready
  const onNode = ready.filter(({ nodes }) => nodes.includes(looker.name))
  if (onNode.length > 0 && ready.every(({ nodes }) => nodes.length > 0)) return onNode
  const inZone = ready.filter(({ zones }) => looker.zone !== '' && zones.includes(looker.zone))
  return inZone.length > 0 && ready.every(({ zones }) => zones.length > 0) ? inZone : ready
}

export const isHinted = (endpoints: readonly NamedEndpoint[]): boolean =>
  endpoints.some(({ zones, nodes }) => zones.length + nodes.length > 0)
