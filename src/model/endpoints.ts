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

/**
 * The backends of one Service port, in the order in which the slices have them: the ready ones, and where nobody is ready those that
 * still serve while they terminate (KEP-1669). An address and port that stands in two slices counts once, and as not terminating if either says so.
 */
export function selectBackends(
  slices: Iterable<EndpointSlice>,
  port: { name: string; protocol: Protocol },
  nodeName: string,
): Backend[] {
  const ready = new Map<string, Backend>()
  const draining = new Map<string, Backend>()
  for (const slice of slices) {
    for (const slicePort of slice.ports) {
      if (slicePort.name !== port.name || slicePort.protocol !== port.protocol) continue
      for (const endpoint of slice.endpoints) {
        const into = endpoint.ready ? ready : endpoint.serving && endpoint.terminating ? draining : undefined
        if (into === undefined) continue
        const address = canonicalIPv4(endpoint.address)
        if (address === undefined) continue
        into.set(`${address}:${slicePort.port}`, {
          address,
          port: slicePort.port,
          local: endpoint.nodeName === nodeName,
        })
      }
    }
  }
  return [...(ready.size > 0 ? ready : draining).values()]
}
