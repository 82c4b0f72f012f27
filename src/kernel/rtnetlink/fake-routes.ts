import { errnoValues, KernelError } from '../errors.ts'
import * as c from './constants.ts'
import type { Route, RouteFilter, RouteSpec } from './types.ts'
import { addressBytes, formatAddress, networkBytes, parsePrefix, sameNetwork } from './values.ts'

const refuse = (name: string): KernelError => new KernelError({ errno: errnoValues[name] as number, operation: 'fake' })

/** The IPv6 route's metric where none is given (IP6_RT_PRIO_USER). */
const USER_METRIC_6 = 1024
/** The metric of the kernel's own IPv6 routes (IP6_RT_PRIO_ADDRCONF). */
const KERNEL_METRIC_6 = 256

/** The routes of the fake namespace. */
export class FakeRoutes {
  #routes: Route[] = []

  list(filter: RouteFilter): Route[] {
    const wanted = ({ family, table, protocol }: Route): boolean =>
      (filter.family === undefined || filter.family === family) &&
      (filter.table === undefined || filter.table === table) &&
      (filter.protocol === undefined || filter.protocol === protocol)
    const found = this.#routes.filter(wanted)
    return (['IPv4', 'IPv6'] as const).flatMap((family) => found.filter((route) => route.family === family))
  }

  /** @param subnets addresses of links that are up @param devUp whether the route's own link is */
  change(
    op: 'add' | 'replace' | 'delete',
    spec: RouteSpec,
    subnets: readonly { dev: string; address: string }[],
    devUp: boolean,
  ): void {
    const route = normal(spec)
    if (op === 'delete') return this.#delete(spec, route)
    if (spec.via !== undefined && !spec.onlink) route.dev = deviceOf(spec.via, spec.dev, subnets)
    if (!devUp) throw refuse('ENETDOWN')
    const at = this.#routes.findIndex((one) => sameKey(one, route) && one.metric === route.metric)
    if (at >= 0 && op === 'add') throw refuse('EEXIST')
    if (at >= 0) this.#routes[at] = route
    else this.#routes.push(route)
  }

  #delete(spec: RouteSpec, route: Route): void {
    const matches = (one: Route): boolean =>
      sameKey(one, route) &&
      (spec.via === undefined || one.via === route.via) &&
      (spec.dev === undefined || one.dev === spec.dev) &&
      (spec.metric === undefined || one.metric === spec.metric) &&
      (spec.protocol === undefined || one.protocol === spec.protocol) &&
      (spec.type === undefined || one.type === spec.type)
    const at = this.#routes.findIndex(matches)
    if (at < 0) throw refuse('ESRCH')
    this.#routes.splice(at, 1)
  }

  /** @param family both if absent */
  dropDevice(name: string, family?: Route['family']): void {
    this.#routes = this.#routes.filter((one) => one.dev !== name || (family !== undefined && one.family !== family))
  }

  connect(dev: string, address: string): void {
    const route = connected(dev, address)
    if (!this.#routes.some((one) => sameKey(one, route) && one.dev === dev)) this.#routes.push(route)
  }

  disconnect(dev: string, address: string): void {
    const route = connected(dev, address)
    this.#routes = this.#routes.filter(
      (one) => one.protocol !== c.RTPROT_KERNEL || one.dev !== dev || !sameKey(one, route),
    )
  }
}

const sameKey = (a: Route, b: Route): boolean => a.dst === b.dst && a.table === b.table

/** As the kernel keeps it. IPv4 refuses host bits, IPv6 clears them. @throws KernelError EINVAL */
function normal(spec: RouteSpec): Route {
  const prefix = parsePrefix(spec.dst)
  const network = networkBytes(prefix)
  if (prefix.family === 'IPv4' && !sameNetwork(network, prefix.bytes, 32)) throw refuse('EINVAL')
  const via = spec.via === undefined ? undefined : addressBytes(spec.via)
  if (via !== undefined && via.length !== network.length) throw refuse('EINVAL')
  return {
    family: prefix.family,
    dst: `${formatAddress(network)}/${prefix.length}`,
    ...(via !== undefined && { via: formatAddress(via) }),
    ...(spec.dev !== undefined && { dev: spec.dev }),
    metric: spec.metric ?? (prefix.family === 'IPv4' ? 0 : USER_METRIC_6),
    table: spec.table ?? c.RT_TABLE_MAIN,
    protocol: spec.protocol ?? c.RTPROT_BOOT,
    type: spec.type ?? 'unicast',
    onlink: spec.onlink ?? false,
    ...(spec.source !== undefined && { source: spec.source }),
  }
}

/** The link that reaches the gateway. @throws KernelError when none does, or another than it should */
function deviceOf(via: string, dev: string | undefined, subnets: readonly { dev: string; address: string }[]): string {
  const bytes = addressBytes(via)
  const found = subnets.find((subnet) => {
    const prefix = parsePrefix(subnet.address)
    return (dev === undefined || dev === subnet.dev) && sameNetwork(prefix.bytes, bytes, prefix.length)
  })
  if (found === undefined) throw refuse(bytes.length === 4 ? 'ENETUNREACH' : 'EHOSTUNREACH')
  return found.dev
}

function connected(dev: string, address: string): Route {
  const prefix = parsePrefix(address)
  return {
    family: prefix.family,
    dst: `${formatAddress(networkBytes(prefix))}/${prefix.length}`,
    dev,
    metric: prefix.family === 'IPv4' ? 0 : KERNEL_METRIC_6,
    table: c.RT_TABLE_MAIN,
    protocol: c.RTPROT_KERNEL,
    type: 'unicast',
    onlink: false,
  }
}
