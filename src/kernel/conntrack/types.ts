import type { Family } from '../../model/ip.ts'

/** IPPROTO_* of the protocols that Services have. */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const

/** One direction of a flow, as its packets show it. Ports are 0 where the protocol has none. */
export interface FlowTuple {
  source: string
  sourcePort: number
  destination: string
  destinationPort: number
}

export interface FlowStatus {
  /** Packets have gone both ways. */
  seenReply: boolean
  /** Not thrown away early when the table is full. */
  assured: boolean
  /** The source address is translated. */
  snat: boolean
  /** The destination address is translated. */
  dnat: boolean
}

/** One entry of the connection-tracking table. */
export interface Flow {
  family: Family
  /** IPPROTO_*. */
  protocol: number
  /** What the client sent: its destination is a Service's address. */
  original: FlowTuple
  /** What comes back before it is translated: its source is the endpoint. */
  reply: FlowTuple
  status: FlowStatus
  mark: number
  zone: number
  /** The kernel's own number: a hash of the entry's place in memory and of its tuple (nf_ct_get_id), so it nearly always tells an entry from its successor. */
  id: number
}

/** All fields that are given must match. */
export interface FlowFilter {
  /** A dump is of one family. */
  family: Family
  protocol?: number
  original?: Partial<FlowTuple>
  reply?: Partial<FlowTuple>
  dnat?: boolean
  zone?: number
  mark?: number
}

/** What the kernel's table and the fake have in common. */
export interface Conntrack {
  /**
   * The flows that match, in pieces, while the event loop runs in between. Not of one moment: a flow that comes or goes meanwhile may be missed, and after an interruption
   * some come twice. @throws KernelError, WireError
   */
  flows(filter: FlowFilter): AsyncGenerator<Flow[]>
  /**
   * Forgets exactly these flows, each by its tuple, zone and id. Returns how many were there. Synchronous, about
   * 2 µs each. @throws KernelError, e.g. EPERM; WeftError CONNTRACK_PROTOCOL for a protocol without ports
   */
  forget(flows: readonly Flow[]): number
}

/** Does the flow match? The zone of a filter without one is any. */
export function matches(flow: Flow, filter: FlowFilter): boolean {
  return (
    flow.family === filter.family &&
    (filter.protocol === undefined || flow.protocol === filter.protocol) &&
    (filter.dnat === undefined || flow.status.dnat === filter.dnat) &&
    (filter.zone === undefined || flow.zone === filter.zone) &&
    (filter.mark === undefined || flow.mark === filter.mark) &&
    tupleMatches(flow.original, filter.original) &&
    tupleMatches(flow.reply, filter.reply)
  )
}

const tupleMatches = (tuple: FlowTuple, wanted: Partial<FlowTuple> | undefined): boolean =>
  wanted === undefined ||
  ((wanted.source === undefined || wanted.source === tuple.source) &&
    (wanted.sourcePort === undefined || wanted.sourcePort === tuple.sourcePort) &&
    (wanted.destination === undefined || wanted.destination === tuple.destination) &&
    (wanted.destinationPort === undefined || wanted.destinationPort === tuple.destinationPort))
