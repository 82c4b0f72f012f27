import { errnoValues, KernelError } from '../errors.ts'
import { MessageReader } from '../netlink/codec.ts'
import { NetlinkSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { type ReadableOptions, watchReadable } from '../readable.ts'
import * as c from './constants.ts'
import { readFoundAddress } from './ip-address.ts'
import { KernelRouteNetlink } from './kernel.ts'
import { readLink } from './link.ts'
import { readNeighbour } from './neighbour.ts'
import { readRoute } from './route.ts'
import type { FdbEntry, FoundAddress, Link, Neighbour, Route } from './types.ts'

/** What the kernel tells of, by the object that came, changed (`new`) or went. */
export type NetworkEvent = {
  op: 'new' | 'delete'
  /** Who asked for it: the port of a socket (KernelRouteNetlink.port), 0 for the kernel itself. */
  port: number
  /** NLM_F_REPLACE: it took the place of another, of which nothing more is said. */
  replaced?: true
} & (
  | { object: 'link'; value: Link }
  | { object: 'address'; value: FoundAddress }
  | { object: 'route'; value: Route }
  | { object: 'neighbour'; value: Neighbour }
  | { object: 'fdb'; value: FdbEntry }
)

const groups = {
  links: [c.RTNLGRP_LINK],
  addresses: [c.RTNLGRP_IPV4_IFADDR, c.RTNLGRP_IPV6_IFADDR],
  routes: [c.RTNLGRP_IPV4_ROUTE, c.RTNLGRP_IPV6_ROUTE],
  neighbours: [c.RTNLGRP_NEIGH],
} as const

export interface MonitorOptions extends ReadableOptions {
  /** The process's own if absent. */
  namespace?: NetworkNamespace
  /** Links always come: names of devices are learnt from them. */
  watch: readonly (keyof typeof groups)[]
  /** How much may wait to be received; by default a burst of tens of thousands of changes. */
  receiveBufferBytes?: number
  /** What came since the last call, in order. Our own changes come too. */
  onEvents(events: readonly NetworkEvent[]): void
  /** The kernel had to drop some (ENOBUFS), or said something that cannot be read: read everything again. */
  onLost(error: unknown): void
}

/** Names of links that went are kept for so many more: what is told last of a link, its routes above all, has its index only. */
const GONE_NAMES_KEPT = 256

/** Datagrams read in one go, so that timers and others get their turn. */
const DATAGRAMS_PER_WAKE = 256

/**
 * Follows links, addresses, routes and neighbours of a network namespace. What there is already is not told: dump after this was made, and nothing is missed. A link that
 * goes down loses its IPv4 routes without an event for them (fib_sync_down_dev): see LinkEpochs.
 */
export class NetworkMonitor {
  readonly #socket: NetlinkSocket
  readonly #options: MonitorOptions
  readonly #names = new Map<number, string>()
  /** Indexes of links that went, the latest last. */
  readonly #gone = new Set<number>()
  readonly #watch: { close(): void }
  #closed = false

  constructor(options: MonitorOptions) {
    this.#options = options
    this.#socket = new NetlinkSocket(c.NETLINK_ROUTE, options.namespace)
    try {
      if (options.receiveBufferBytes !== undefined) this.#socket.limitReceived(options.receiveBufferBytes)
      for (const group of new Set([...groups.links, ...options.watch.flatMap((one) => [...groups[one]])])) {
        this.#socket.join(group)
      }
      this.#learnNames()
    } catch (error) {
      this.#socket.close()
      throw error
    }
    this.#watch = watchReadable(this.#socket.fd, () => this.#receive(), options)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    this.#socket.close()
  }

  #receive(): void {
    if (this.#closed) return
    const events: NetworkEvent[] = []
    let lost: { error: unknown } | undefined
    for (let n = 0; n < DATAGRAMS_PER_WAKE; n++) {
      try {
        const datagram = this.#socket.receive()
        if (datagram === undefined) break
        this.#decode(datagram, events)
      } catch (error) {
        lost = { error }
        if (!(error instanceof KernelError && error.errno === errnoValues['ENOBUFS'])) break
      }
    }
    if (events.length > 0) this.#options.onEvents(events)
    if (lost !== undefined) this.#lost(lost.error)
  }

  /** Links may have come meanwhile. */
  #lost(error: unknown): void {
    try {
      this.#learnNames()
    } catch {
      // Interrupted: such a link is called as ip(8) calls it, `if7`.
    }
    this.#options.onLost(error)
  }

  #learnNames(): void {
    for (const { index, name } of new KernelRouteNetlink(this.#options.namespace).links()) this.#names.set(index, name)
  }

  #noteLink(op: NetworkEvent['op'], { index, name }: Link): void {
    this.#gone.delete(index)
    if (op === 'new') this.#names.set(index, name)
    else this.#gone.add(index)
    const [first] = this.#gone
    if (first === undefined || this.#gone.size <= GONE_NAMES_KEPT) return
    this.#gone.delete(first)
    this.#names.delete(first)
  }

  #decode(datagram: Buffer, into: NetworkEvent[]): void {
    const reader = new MessageReader(datagram)
    while (reader.next()) {
      const event = decodeEvent(reader, (index) => this.#names.get(index) ?? `if${index}`)
      if (event === undefined) continue
      if (event.object === 'link') {
        this.#noteLink(event.op, event.value)
        if (!this.#options.watch.includes('links')) continue
      }
      into.push(event)
    }
  }
}

/** undefined for what is of no interest here. @throws WireError */
export function decodeEvent(reader: MessageReader, nameOf: (index: number) => string): NetworkEvent | undefined {
  const about = {
    op: (reader.type & 3) === 0 ? 'new' : 'delete',
    port: reader.port,
    ...((reader.flags & c.NLM_F_REPLACE) !== 0 && { replaced: true as const }),
  } as const
  switch (reader.type) {
    case c.RTM_NEWLINK:
    case c.RTM_DELLINK: {
      const value = readLink(reader)
      return value && { ...about, object: 'link', value }
    }
    case c.RTM_NEWADDR:
    case c.RTM_DELADDR: {
      const value = readFoundAddress(reader, nameOf)
      return value && { ...about, object: 'address', value }
    }
    case c.RTM_NEWROUTE:
    case c.RTM_DELROUTE: {
      const value = readRoute(reader, nameOf)
      return value && { ...about, object: 'route', value }
    }
    case c.RTM_NEWNEIGH:
    case c.RTM_DELNEIGH: {
      const found = readNeighbour(reader, nameOf)
      if (found === undefined) return undefined
      if ('fdb' in found) return { ...about, object: 'fdb', value: found.fdb }
      return { ...about, object: 'neighbour', value: found.neighbour }
    }
    default:
      return undefined
  }
}
