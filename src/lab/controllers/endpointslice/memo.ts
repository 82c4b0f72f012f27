import type { Endpoint, EndpointPort, Node, Pod, Service } from '../kinds.ts'
import { endpointOf, portsOf } from './endpoint.ts'

export interface Entry {
  endpoint: Endpoint | undefined
  ports: EndpointPort[]
  /** Equal for equal ports. */
  portsKey: string
  node: Node | undefined
}

/** By Service, address type and pod. Objects of the store never change: what was made of one holds until there is a newer one. */
const known = new WeakMap<Service, Map<string, WeakMap<Pod, Entry>>>()

/** The pod as an endpoint of the Service, made anew only if one of the objects is a newer one: of a thousand pods mostly one is. */
export function entryOf(service: Service, addressType: string, pod: Pod, node: Node | undefined): Entry {
  const pods = podsOf(service, addressType)
  const before = pods.get(pod)
  if (before !== undefined && before.node === node) return before
  const ports = portsOf(service, pod)
  const entry = { endpoint: endpointOf(service, pod, node, addressType), ports, portsKey: JSON.stringify(ports), node }
  pods.set(pod, entry)
  return entry
}

function podsOf(service: Service, addressType: string): WeakMap<Pod, Entry> {
  let types = known.get(service)
  if (types === undefined) known.set(service, (types = new Map()))
  let pods = types.get(addressType)
  if (pods === undefined) types.set(addressType, (pods = new WeakMap()))
  return pods
}
