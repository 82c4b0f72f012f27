import { canonicalIPv4, type Family } from './ip.ts'
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
  /** addresses[0]; the API ignores the others as well. */
  address: string
  ready: boolean
  serving: boolean
  terminating: boolean
  nodeName: string
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

/**
 * The ready endpoints, and where nobody is ready those that still serve while they terminate (KEP-1669), judged for the cluster and for this node each on its
 * own. An address and port that stands in two slices counts once, and as not terminating if either says so.
 */
export function selectBackends(
  slices: Iterable<EndpointSlice>,
  port: { name: string; protocol: Protocol },
  nodeName: string,
): Backends {
  const ready = new Map<string, Backend>()
  const draining = new Map<string, Backend>()
  for (const { endpoint, portNumber } of endpointsOf(slices, port)) {
    const into = endpoint.ready ? ready : endpoint.serving && endpoint.terminating ? draining : undefined
    const address = into && canonicalIPv4(endpoint.address)
    if (into === undefined || address === undefined) continue
    into.set(`${address}:${portNumber}`, { address, port: portNumber, local: endpoint.nodeName === nodeName })
  }
  const isLocal = (backend: Backend): boolean => backend.local
  const readyLocal = [...ready.values()].filter(isLocal)
  return {
    cluster: [...(ready.size > 0 ? ready : draining).values()],
    local: readyLocal.length > 0 ? readyLocal : [...draining.values()].filter(isLocal),
  }
}

function* endpointsOf(
  slices: Iterable<EndpointSlice>,
  port: { name: string; protocol: Protocol },
): Generator<{ endpoint: SliceEndpoint; portNumber: number }> {
  for (const slice of slices) {
    for (const slicePort of slice.ports) {
      if (slicePort.name !== port.name || slicePort.protocol !== port.protocol) continue
      for (const endpoint of slice.endpoints) yield { endpoint, portNumber: slicePort.port }
    }
  }
}
