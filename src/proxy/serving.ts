import type { Changes } from '../kube/store.ts'
import type { EndpointSlice } from '../model/endpoints.ts'
import type { Family } from '../model/ip.ts'
import type { Protocol } from '../model/services.ts'
import { byAddress, byNodePort, bySlicesService, portText, type ServiceView } from './view.ts'

/** Where something was sent, and who answers it. */
export interface Conversation {
  destination: string
  destinationPort: number
  endpoint: string
  endpointPort: number
}

/**
 * Whether this endpoint still serves the Service that it was reached by, though it gets nothing new: it terminates, or others are nearer. Who speaks with it may finish, as with
 * kube-proxy (pkg/proxy/conntrack/cleanup.go).
 */
export function isServing(view: ServiceView, family: Family, protocol: Protocol, of: Conversation): boolean {
  const { services, slices } = view
  const byPort = services.keysByIndex(byNodePort, portText(of.destinationPort, protocol))
  for (const key of new Set([...services.keysByIndex(byAddress, of.destination), ...byPort])) {
    const reached = services
      .get(key)
      ?.ports.filter((one) => one.protocol === protocol && [one.port, one.nodePort].includes(of.destinationPort))
    const names = new Set(reached?.map(({ name }) => name))
    for (const slice of slices.byIndex(bySlicesService, key)) {
      if (slice.family !== family) continue
      const serves = slice.ports.some(({ name, port }) => names.has(name) && port === of.endpointPort)
      if (serves && slice.endpoints.some(({ address, serving }) => serving && address === of.endpoint)) return true
    }
  }
  return false
}

/** `address . port` of endpoints of this protocol that served until now, by whatever they were reached. */
export function* stoppedServing(
  changes: Changes<EndpointSlice>,
  family: Family,
  protocol: Protocol,
): Generator<string> {
  for (const { old, now } of changes.values()) {
    const ports = old?.family === family ? old.ports.filter((port) => port.protocol === protocol) : []
    if (old === undefined || ports.length === 0) continue
    const still = new Set(now?.endpoints.flatMap(({ address, serving }) => (serving ? [address] : [])))
    for (const { address, serving } of old.endpoints) {
      if (serving && !still.has(address)) for (const { port } of ports) yield `${address} . ${port}`
    }
  }
}
