import type { EndpointSlice, Node, Pod, Service } from '../../kube/types.ts'
import type { EchoReply } from '../echo-protocol.ts'

/** All that verify knows of what should be: objects of the API, as one list of each kind gave them. */
export interface ClusterObjects {
  pods: readonly Pod[]
  services: readonly Service[]
  slices: readonly EndpointSlice[]
  nodes: readonly Node[]
}

/** Kinds of checks in the order in which they are shown. */
export const checks = [
  'pod → pod',
  'ClusterIP from pod',
  'ClusterIP from node',
  'ClusterIP from outside',
  'NodePort from pod',
  'NodePort from node',
  'NodePort from outside',
  'unserved port',
  'API by ClusterIP',
] as const
export type Check = (typeof checks)[number]

/** Where traffic is sent from: the namespace of a pod, of a node, or of the client outside of the cluster. */
export type Origin =
  | { kind: 'pod'; name: string; uid: string; node: string; addresses: readonly string[] }
  /** `nodeIPs` carry its node ports; `addresses` are all that it masquerades with. */
  | { kind: 'node'; name: string; node: string; nodeIPs: readonly string[]; addresses: readonly string[] }
  | { kind: 'outside'; name: string; addresses: readonly string[] }

export interface Target {
  address: string
  port: number
  protocol: 'TCP' | 'UDP'
}

/** An endpoint that may answer, and the source addresses that it may then see. */
export interface Backend {
  address: string
  port: number
  /** `namespace/name` of the pod. */
  pod: string
  node: string | undefined
  sources: SourceRule
}

export interface SourceRule {
  /** Addresses that count as right. */
  allowed: readonly string[]
  /** The rule in words, e.g. `its own`. */
  says: string
}

/** What the API's objects promise of one target, seen from one origin. */
export type Expectation =
  /** Each of these answers and nothing else does; `any`: who answers is judged, but not that all do, for the reason given. */
  | { kind: 'answers'; backends: readonly Backend[]; spread: 'all' | 'any'; because?: string }
  /** TCP is refused; UDP gets an ICMP error or nothing. */
  | { kind: 'refused'; because: string }
  /** Nothing answers: refused or dropped. */
  | { kind: 'silence'; because: string }
  /** A TLS handshake and an HTTP answer. */
  | { kind: 'api' }

/** One thing to try: from where, to where, how often, and what should come of it. */
export interface Claim {
  check: Check
  /** The object and its address, e.g. `default/web:http 10.43.5.6:80/TCP`. */
  what: string
  /** Claims of one check and one group are summed up in one line. */
  group: string
  origin: Origin
  target: Target
  expectation: Expectation
  /** New connections (or source ports) at most, and at least. */
  tries: { most: number; least: number }
}

/** Something the objects claim that verify does not try, and why. */
export interface Omission {
  check: Check | 'not tried'
  what: string
  reason: string
}

export interface Claims {
  claims: readonly Claim[]
  omissions: readonly Omission[]
}

/** What came of one try. */
export type Observation =
  | { outcome: 'answer'; reply: EchoReply }
  /** Something answered, but not as an echo server does. */
  | { outcome: 'stranger'; detail: string }
  | { outcome: 'api'; detail: string }
  /** ECONNREFUSED: a reset, or ICMP port unreachable. */
  | { outcome: 'refused' }
  /** Another error: errno, or what broke after the connection stood. */
  | { outcome: 'error'; detail: string }
  | { outcome: 'timeout' }

export type Result = 'ok' | 'MISMATCH' | 'not tried'

/** One line of the report. */
export interface Row {
  check: Claim['check'] | 'not tried'
  what: string
  group: string
  /** Name of the origin; for a line that sums up, how many there were. */
  from: string
  /** Connections made, or datagrams sent. */
  tried: number
  cameBack: string
  should: string
  /** `should` without the names of endpoints, for a table. */
  brief?: string
  result: Result
  /** What came back at the first attempt, where it took a second. */
  firstAttempt?: string
}

/** `namespace/name` */
export const nameOf = (object: { metadata: { name: string; namespace?: string } }): string =>
  `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`

/** `address:port/protocol`, IPv6 in brackets. */
export const formatTarget = ({ address, port, protocol }: Target): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}/${protocol}`

/** Same claim in another list of claims, whatever it expects there. */
export const keyOf = (claim: Pick<Claim, 'check' | 'what' | 'origin'>): string =>
  [claim.check, claim.what, claim.origin.kind, claim.origin.name].join('|')
