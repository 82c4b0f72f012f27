import type { Family } from './ip.ts'
import type { Protocol } from './services.ts'

/** What Weft keeps of an EndpointSlice. */
export interface EndpointSlice {
  namespace: string
  name: string
  /** Name of the Service, from the label kubernetes.io/service-name. */
  service: string
  family: Family
  ports: readonly { name: string; protocol: Protocol; port: number }[]
  endpoints: readonly SliceEndpoint[]
}

export interface SliceEndpoint {
  /** addresses[0], in canonical spelling and of the slice's family; the API ignores the others as well. */
  address: string
  ready: boolean
  serving: boolean
  terminating: boolean
  nodeName: string
  /** Whom it is meant for; absent without hints. */
  hints?: EndpointHints
}

/** Names of zones and nodes that should use an endpoint (discovery.k8s.io/v1 EndpointHints). */
export interface EndpointHints {
  zones: readonly string[]
  nodes: readonly string[]
}

/** Where a Service port leads: address and port of one backend. */
export interface Backend {
  address: string
  port: number
  local: boolean
}

/** The backends of one Service port, in the order in which the slices have them. */
export interface Backends {
  /** Those that traffic of policy Cluster may reach. */
  cluster: Backend[]
  /** Those on this node that traffic of policy Local may reach. */
  local: Backend[]
}

/** For whom endpoints are selected. */
export interface Viewpoint {
  nodeName: string
  /** Label topology.kubernetes.io/zone of the node; undefined if it has none. */
  zone: string | undefined
}

interface Candidate {
  backend: Backend
  endpoint: SliceEndpoint
}

/**
 * The ready endpoints, and where nobody is ready those that still serve while they terminate (KEP-1669), judged for the cluster and for this node each on its
 * own. Hints narrow the cluster's list (KEP-2433, KEP-3015), never the node's. An address and port that stands in two slices counts once, by whichever says the best of it: a pod
 * that moves from one slice to another is for a moment in both, in whatever order they come.
 */
export function selectBackends(
  slices: Iterable<EndpointSlice>,
  port: { name: string; protocol: Protocol },
  from: Viewpoint,
): Backends {
  const ready: Candidate[] = []
  const draining: Candidate[] = []
  for (const candidate of candidatesOf(slices, port, from.nodeName)) {
    const { endpoint } = candidate
    if (endpoint.ready) ready.push(candidate)
    else if (endpoint.serving && endpoint.terminating) draining.push(candidate)
  }
  const readyLocal = ready.filter(isLocal)
  return {
    cluster: (ready.length > 0 ? nearest(ready, from) : draining).map(backendOf),
    local: (readyLocal.length > 0 ? readyLocal : draining.filter(isLocal)).map(backendOf),
  }
}

const isLocal = ({ backend }: Candidate): boolean => backend.local
const backendOf = ({ backend }: Candidate): Backend => backend

function candidatesOf(
  slices: Iterable<EndpointSlice>,
  port: { name: string; protocol: Protocol },
  nodeName: string,
): Iterable<Candidate> {
  const found = new Map<string, Candidate>()
  for (const slice of slices) {
    for (const slicePort of slice.ports) {
      if (slicePort.name !== port.name || slicePort.protocol !== port.protocol) continue
      for (const endpoint of slice.endpoints) {
        const key = `${endpoint.address} ${slicePort.port}`
        const local = endpoint.nodeName === nodeName
        const before = found.get(key)
        if (before !== undefined && worth(before.endpoint, before.backend.local) >= worth(endpoint, local)) continue
        found.set(key, { backend: { address: endpoint.address, port: slicePort.port, local }, endpoint })
      }
    }
  }
  return found.values()
}

/** What is said of an endpoint, the best first: that it does not terminate, is ready, serves, is on this node (as kube-proxy's endpointslicecache has the first and the last). */
const worth = ({ terminating, ready, serving }: SliceEndpoint, local: boolean): number =>
  (terminating ? 0 : 8) + (ready ? 4 : 0) + (serving ? 2 : 0) + (local ? 1 : 0)

/** Hints count only if every endpoint has one and somebody is meant for this node, else for its zone; else all are as near. */
function nearest(ready: readonly Candidate[], { nodeName, zone }: Viewpoint): readonly Candidate[] {
  return hinted(ready, 'nodes', nodeName) ?? (zone === undefined ? undefined : hinted(ready, 'zones', zone)) ?? ready
}

function hinted(ready: readonly Candidate[], kind: keyof EndpointHints, name: string): Candidate[] | undefined {
  const meant: Candidate[] = []
  for (const candidate of ready) {
    const names = candidate.endpoint.hints?.[kind]
    if (names === undefined || names.length === 0) return undefined
    if (names.includes(name)) meant.push(candidate)
  }
  return meant.length > 0 ? meant : undefined
}
