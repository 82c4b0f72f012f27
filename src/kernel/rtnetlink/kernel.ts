import { errnoValues, KernelError } from '../errors.ts'
import { MessageReader, MessageWriter } from '../netlink/codec.ts'
import { breathe, dumpBreathing, dumpNow, getObject, type NetlinkRequest } from '../netlink/dump.ts'
import { type NetlinkChannel, NetlinkSocket, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import * as c from './constants.ts'
import { readFoundAddress, writeAddressDump } from './ip-address.ts'
import { readLink, writeLinkDump, writeLinkName } from './link.ts'
import { readNeighbour, writeNeighbourDump } from './neighbour.ts'
import { readRoute, writeRouteDump } from './route.ts'
import { Sending } from './sending.ts'
import type {
  Change,
  Failure,
  FdbEntry,
  FoundAddress,
  Link,
  Neighbour,
  Route,
  RouteFilter,
  RouteNetlink,
} from './types.ts'

const missing = new Set([errnoValues['ENODEV'], errnoValues['ENOENT']])

/**
 * Links, addresses, routes, neighbours and FDB entries of a network namespace, by raw rtnetlink. Everything is synchronous: a request takes some
 * microseconds, a dump of 5,000 routes some milliseconds.
 */
export class KernelRouteNetlink implements RouteNetlink {
  readonly #namespace: NetworkNamespace | undefined
  readonly #writer = new MessageWriter()
  readonly #channel: NetlinkChannel | undefined

  /** @param namespace the process's own if absent. @param channel tests put answers of their own here */
  constructor(namespace?: NetworkNamespace, channel?: NetlinkChannel) {
    this.#namespace = namespace
    this.#channel = channel
  }

  get #socket(): NetlinkChannel {
    return this.#channel ?? sharedSocket(c.NETLINK_ROUTE, this.#namespace)
  }

  /** The number that notifications of our own changes carry; 0 with a channel of tests. */
  get port(): number {
    return this.#channel === undefined ? sharedSocket(c.NETLINK_ROUTE, this.#namespace).port : 0
  }

  apply(changes: readonly Change[]): Failure[] {
    const batch = new Sending(this.#socket, this.#writer, changes, (name) => this.link(name)?.index)
    for (const index of changes.keys()) batch.add(index)
    return batch.finish()
  }

  links(): Link[] {
    const links: Link[] = []
    this.#dump(c.RTM_GETLINK, c.RTM_NEWLINK, 'links', writeLinkDump, (reader) => {
      const link = readLink(reader)
      if (link !== undefined) links.push(link)
    })
    return links
  }

  link(name: string): Link | undefined {
    try {
      const request = requestOf(c.RTM_GETLINK, 'get', `link ${name}`, (writer) => writeLinkName(writer, name))
      return getObject(this.#socket, request, readLink)
    } catch (error) {
      if (error instanceof KernelError && missing.has(error.errno)) return undefined
      throw error
    }
  }

  addresses(): FoundAddress[] {
    const nameOf = this.#names()
    const addresses: FoundAddress[] = []
    this.#dump(c.RTM_GETADDR, c.RTM_NEWADDR, 'addresses', writeAddressDump, (reader) => {
      const address = readFoundAddress(reader, nameOf)
      if (address !== undefined) addresses.push(address)
    })
    return addresses
  }

  routes(filter: RouteFilter = {}): Route[] {
    const nameOf = this.#names()
    const families = filter.family === undefined ? (['IPv4', 'IPv6'] as const) : [filter.family]
    return families.flatMap((family) => this.#routesOf({ ...filter, family }, nameOf))
  }

  async *routesInPieces(filter: RouteFilter = {}): AsyncGenerator<Route[]> {
    const families = filter.family === undefined ? (['IPv4', 'IPv6'] as const) : [filter.family]
    for (const family of families) {
      const nameOf = this.#names()
      for (const datagram of await this.#received({ ...filter, family })) {
        const routes = decodeRoutes(datagram, { ...filter, family }, nameOf)
        if (routes.length > 0) yield routes
        await breathe()
      }
    }
  }

  /** A socket of its own: a dump that lets the event loop run must not meet the answers of other requests. */
  async #received(filter: RouteFilter & { family: Route['family'] }): Promise<Buffer[]> {
    const socket = this.#channel === undefined ? new NetlinkSocket(c.NETLINK_ROUTE, this.#namespace) : undefined
    try {
      return await dumpBreathing(socket ?? this.#socket, routeDump(filter))
    } catch (error) {
      if (isNoTable(error)) return []
      throw error
    } finally {
      socket?.close()
    }
  }

  neighbours(): Neighbour[] {
    return this.#neighbours(c.AF_UNSPEC, 'neighbours').flatMap((found) =>
      'neighbour' in found ? [found.neighbour] : [],
    )
  }

  fdb(): FdbEntry[] {
    return this.#neighbours(c.AF_BRIDGE, 'FDB entries').flatMap((found) => ('fdb' in found ? [found.fdb] : []))
  }

  #routesOf(filter: RouteFilter & { family: Route['family'] }, nameOf: (index: number) => string): Route[] {
    try {
      const datagrams = dumpNow(this.#socket, routeDump(filter))
      return datagrams.flatMap((datagram) => decodeRoutes(datagram, filter, nameOf))
    } catch (error) {
      if (isNoTable(error)) return []
      throw error
    }
  }

  #neighbours(family: number, what: string): ({ neighbour: Neighbour } | { fdb: FdbEntry })[] {
    const nameOf = this.#names()
    const all: ({ neighbour: Neighbour } | { fdb: FdbEntry })[] = []
    const encode = (writer: MessageWriter): void => writeNeighbourDump(writer, family)
    this.#dump(c.RTM_GETNEIGH, c.RTM_NEWNEIGH, what, encode, (reader) => {
      const found = readNeighbour(reader, nameOf)
      if (found !== undefined) all.push(found)
    })
    return all
  }

  /** Names of all links; one that came after the reading has the name that ip(8) gives it, `if7`. */
  #names(): (index: number) => string {
    const names = new Map(this.links().map(({ index, name }) => [index, name]))
    return (index) => names.get(index) ?? `if${index}`
  }

  #dump(
    type: number,
    answer: number,
    what: string,
    encode: (writer: MessageWriter) => void,
    visit: (reader: MessageReader) => void,
  ): void {
    for (const datagram of dumpNow(this.#socket, requestOf(type, 'list', what, encode))) {
      const reader = new MessageReader(datagram)
      while (reader.next()) if (reader.type === answer) visit(reader)
    }
  }
}

const requestOf = (
  type: number,
  operation: string,
  where: string,
  encode: (writer: MessageWriter) => void,
): NetlinkRequest => ({
  operation,
  where,
  encode: (writer, flags, sequence) => {
    const start = writer.beginMessage(type, flags, sequence)
    encode(writer)
    writer.endMessage(start)
  },
})

const routeDump = (filter: RouteFilter & { family: Route['family'] }): NetlinkRequest =>
  requestOf(c.RTM_GETROUTE, 'list', `routes ${filter.family}`, (writer) => writeRouteDump(writer, filter))

/** "FIB table does not exist": so it has no routes. */
const isNoTable = (error: unknown): boolean => error instanceof KernelError && error.errno === errnoValues['ENOENT']

function decodeRoutes(
  datagram: Buffer,
  { family, table, protocol }: RouteFilter,
  nameOf: (index: number) => string,
): Route[] {
  const routes: Route[] = []
  const reader = new MessageReader(datagram)
  while (reader.next()) {
    const route = reader.type === c.RTM_NEWROUTE ? readRoute(reader, nameOf) : undefined
    // An IPv6 that is switched off leaves the request to the handler of all families, which filters nothing.
    if (route === undefined || route.family !== family) continue
    if (table !== undefined && route.table !== table) continue
    if (protocol === undefined || route.protocol === protocol) routes.push(route)
  }
  return routes
}
