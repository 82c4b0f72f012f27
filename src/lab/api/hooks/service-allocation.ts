import { type Json, listOf, mapOf } from '../access.ts'
import { canonicalIp } from '../addresses.ts'
import type { Allocations, IpFamily } from '../allocations.ts'
import { type FieldError, invalidValue } from '../field-errors.ts'
import type { HookContext } from '../kind.ts'
import { internalError, StatusError } from '../status.ts'
import { isHeadless, needsClusterIP, needsHealthCheckPort, needsNodePorts } from './service-defaults.ts'
import { settleFamilies } from './service-families.ts'

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
  const families = settleFamilies(spec, old, allocations)
  if (families.length > 0) return families
  const held = old === undefined ? { addresses: [], ports: [] } : heldBy(old)
  const errors = chooseAddresses(spec, new Set(held.addresses.map(canonicalIp)), allocations)
  if (errors.length > 0) return errors
  const own = new Set(held.ports)
  const wrong = chooseNodePorts(spec, { own, allocations, isNew: old === undefined })
  if (wrong.length === 0) chooseHealthCheckPort(spec, own, allocations)
  return wrong
}

function chooseAddresses(spec: Json, own: ReadonlySet<string>, allocations: Allocations): FieldError[] {
  if (!needsClusterIP(spec) || isHeadless(spec)) return []
  const given: string[] = spec['clusterIPs'] ?? []
  for (const address of given.filter((a) => !own.has(canonicalIp(a)))) {
    const error = allocations.addressError(address)
    if (error !== undefined)
      return [invalidValue('spec.clusterIPs', given, `failed to allocate IP ${address}: ${error}`)]
  }
  const families: IpFamily[] = spec['ipFamilies'] ?? []
  const chosen = families.slice(given.length).map((family) => {
    const address = allocations.chooseAddress(family)
    if (address === undefined) throw internalError('failed to allocate a serviceIP: range is full')
    return address
  })
  const addresses = [...given, ...chosen]
  spec['clusterIP'] = addresses[0]
  spec['clusterIPs'] = addresses
  return []
}

/** After the node ports, which may have taken the one that was asked for. */
function chooseHealthCheckPort(spec: Json, own: ReadonlySet<number>, allocations: Allocations): void {
  if (!needsHealthCheckPort(spec)) return
  const given = spec['healthCheckNodePort']
  const nodePorts = new Set<number>(listOf(spec['ports']).map((port) => port['nodePort']))
  if (given === undefined) {
    spec['healthCheckNodePort'] = choose(allocations, nodePorts)
    return
  }
  const free = own.has(given) ? undefined : allocations.portError(given)
  const error = nodePorts.has(given) ? taken : free
  if (error !== undefined) throw internalError(`failed to allocate requested HealthCheck NodePort ${given}: ${error}`)
}

const taken = 'provided port is already allocated'

function choose(allocations: Allocations, besides: ReadonlySet<number>): number {
  const port = allocations.choosePort(besides)
  if (port === undefined) throw internalError('failed to allocate a nodePort: range is full')
  return port
}

interface PortContext {
  /** Ports that the Service had before. */
  own: ReadonlySet<number>
  allocations: Allocations
  isNew: boolean
}

function chooseNodePorts(spec: Json, context: PortContext): FieldError[] {
  const ports = listOf(spec['ports'])
  /** Protocols by node port, within this Service: TCP and UDP may share one. */
  const mine = new Map<number, Set<string>>()
  const take = (number: number, port: Json): void =>
    void mine.set(number, (mine.get(number) ?? new Set()).add(port['protocol']))
  for (const [i, port] of ports.entries()) {
    const number = port['nodePort']
    if (number === undefined) continue
    const error = givenPortError(number, port['protocol'], mine, context)
    if (error !== undefined) return [invalidValue(`spec.ports[${i}].nodePort`, number, error)]
    take(number, port)
  }
  if (!needsNodePorts(spec)) return []
  const asked: unknown = spec['healthCheckNodePort']
  for (const port of ports.filter((p) => p['nodePort'] === undefined)) {
    // Only a new Service has one number for a port that it serves in two protocols.
    const shared = context.isNew ? sharedPort(ports, port) : undefined
    const besides = new Set([...mine.keys(), ...(typeof asked === 'number' ? [asked] : [])])
    port['nodePort'] = shared ?? choose(context.allocations, besides)
    take(port['nodePort'], port)
  }
  return []
}

/** @throws StatusError 500 where an update has one node port twice */
function givenPortError(
  number: number,
  protocol: string,
  mine: ReadonlyMap<number, ReadonlySet<string>>,
  { own, allocations, isNew }: PortContext,
): string | undefined {
  const sharing = mine.get(number)
  if (sharing?.has(protocol) === true) {
    if (isNew) return taken
    throw new StatusError(500, undefined, `duplicate nodePort: {${protocol} ${number}}`)
  }
  return sharing !== undefined || own.has(number) ? undefined : allocations.portError(number)
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
