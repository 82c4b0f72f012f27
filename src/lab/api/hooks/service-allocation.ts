import type { Allocations } from '../allocations.ts'
import { type Json, listOf, mapOf } from '../access.ts'
import { type FieldError, invalidValue } from '../field-errors.ts'
import type { HookContext } from '../kind.ts'
import { internalError } from '../status.ts'
import {
  defaultFamilies,
  isHeadless,
  needsClusterIP,
  needsHealthCheckPort,
  needsNodePorts,
} from './service-defaults.ts'

/** Addresses and ports that a Service holds, to be taken or released. */
export function heldBy(service: Json): { addresses: string[]; ports: number[] } {
  const spec = mapOf(service['spec'])
  const addresses: string[] = (spec['clusterIPs'] ?? []).filter((address: string) => address !== 'None')
  const numbers = [...listOf(spec['ports']).map((port) => port['nodePort']), spec['healthCheckNodePort']]
  return { addresses, ports: [...new Set(numbers.filter((port): port is number => typeof port === 'number'))] }
}

/**
 * Chooses cluster IP and node ports where they are wanted and not given, and checks those that are given. Takes
 * nothing: whoever commits the Service does (`heldBy`).
 * @throws StatusError 500 where no address or port is left, or a health check port is taken
 */
export function allocateService(service: Json, old: Json | undefined, { allocations }: HookContext): FieldError[] {
  const spec = mapOf(service['spec'])
  defaultFamilies(spec)
  const held = old === undefined ? { addresses: [], ports: [] } : heldBy(old)
  const errors = chooseAddress(spec, new Set(held.addresses), allocations)
  if (errors.length > 0) return errors
  const own = new Set(held.ports)
  const healthCheck = chooseHealthCheckPort(spec, own, allocations)
  return chooseNodePorts(spec, own, allocations, healthCheck)
}

function chooseAddress(spec: Json, own: ReadonlySet<string>, allocations: Allocations): FieldError[] {
  if (!needsClusterIP(spec) || isHeadless(spec)) return []
  const given: string[] = spec['clusterIPs'] ?? []
  for (const address of given.filter((a) => !own.has(a))) {
    const error = allocations.addressError(address)
    if (error !== undefined)
      return [invalidValue('spec.clusterIPs', given, `failed to allocate IP ${address}: ${error}`)]
  }
  if (given.length > 0) return []
  const address = allocations.chooseAddress()
  if (address === undefined) throw internalError('failed to allocate a serviceIP: range is full')
  spec['clusterIP'] = address
  spec['clusterIPs'] = [address]
  return []
}

function chooseHealthCheckPort(spec: Json, own: ReadonlySet<number>, allocations: Allocations): Set<number> {
  if (!needsHealthCheckPort(spec)) return new Set()
  const given = spec['healthCheckNodePort']
  if (given === undefined) {
    const wanted = new Set(listOf(spec['ports']).map((port) => port['nodePort']))
    spec['healthCheckNodePort'] = choose(allocations, wanted)
  } else if (!own.has(given)) {
    const error = allocations.portError(given)
    if (error !== undefined) throw internalError(`failed to allocate requested HealthCheck NodePort ${given}: ${error}`)
  }
  return new Set([spec['healthCheckNodePort']])
}

function choose(allocations: Allocations, besides: ReadonlySet<number>): number {
  const port = allocations.choosePort(besides)
  if (port === undefined) throw internalError('failed to allocate a nodePort: range is full')
  return port
}

function chooseNodePorts(
  spec: Json,
  own: ReadonlySet<number>,
  allocations: Allocations,
  healthCheck: ReadonlySet<number>,
): FieldError[] {
  const ports = listOf(spec['ports'])
  /** Protocols by node port, within this Service: TCP and UDP may share one. */
  const mine = new Map<number, Set<string>>()
  for (const [i, port] of ports.entries()) {
    const number = port['nodePort']
    if (number === undefined) continue
    const error = givenPortError(number, port['protocol'], { own, mine, healthCheck, allocations })
    if (error !== undefined) return [invalidValue(`spec.ports[${i}].nodePort`, number, error)]
    mine.set(number, (mine.get(number) ?? new Set()).add(port['protocol']))
  }
  if (!needsNodePorts(spec)) return []
  for (const port of ports.filter((p) => p['nodePort'] === undefined)) {
    const number = sharedPort(ports, port) ?? choose(allocations, new Set([...mine.keys(), ...healthCheck]))
    port['nodePort'] = number
    mine.set(number, (mine.get(number) ?? new Set()).add(port['protocol']))
  }
  return []
}

interface PortContext {
  own: ReadonlySet<number>
  mine: ReadonlyMap<number, ReadonlySet<string>>
  healthCheck: ReadonlySet<number>
  allocations: Allocations
}

function givenPortError(number: number, protocol: string, context: PortContext): string | undefined {
  const sharing = context.mine.get(number)
  if (sharing?.has(protocol) || context.healthCheck.has(number)) return 'provided port is already allocated'
  return sharing !== undefined || context.own.has(number) ? undefined : context.allocations.portError(number)
}

/** The node port of the same port under another protocol, if that protocol does not have it yet. */
function sharedPort(ports: readonly Json[], port: Json): number | undefined {
  const twin = ports.find(
    (other) =>
      other['port'] === port['port'] && other['protocol'] !== port['protocol'] && other['nodePort'] !== undefined,
  )
  const number: number | undefined = twin?.['nodePort']
  const used = ports.some((other) => other['nodePort'] === number && other['protocol'] === port['protocol'])
  return used ? undefined : number
}
