import type { EndpointSlice, Node, Pod, Service } from '../../kube/types.ts'
import type { EchoReply } from '../echo-protocol.ts'

/** All that verify knows of what should be: objects of the API, as one list of each kind gave them. */
export interface ClusterObjects {
  pods: readonly Pod[]
  services: readonly Service[]
  slices: readonly EndpointSlice[]
  nodes: readonly Node[]
}

/** Title of a kind of check, e.g. `ClusterIP from pod`; each source of claims names its own (claim-source.ts). */
export type Check = string

/** Where traffic is sent from: the namespace of a pod, of a node, or of the client outside of the cluster. */
export type Origin =
  | { kind: 'pod'; name: string; uid: string; node: string; addresses: readonly string[] }
  /** `nodeIPs` carry its node ports; `addresses` are all that it masquerades with; `zone` is '' where its Node has none. */
  | {
      kind: 'node'
      name: string
      node: string
      zone: string
      nodeIPs: readonly string[]
      addresses: readonly string[]
    }
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
  /** Who says that it answered: `namespace/name` of the pod, or the name of the node or client where verify listens itself. */
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
  /** These answer and nothing else does; `spread` says how they share what comes, `because` why not all have to be met. */
  | { kind: 'answers'; backends: readonly Backend[]; spread: Spread; because?: string }
  /** TCP is refused; UDP gets an ICMP error or nothing. */
  | { kind: 'refused'; because: string }
  /** Nothing answers: refused or dropped. */
  | { kind: 'silence'; because: string }
  /** Whatever comes back, it is from none of these: the address keeps its own meaning. */
  | { kind: 'untaken'; backends: readonly Backend[]; because: string }
  /** A TLS handshake and an HTTP answer. */
  | { kind: 'api' }

/** `all`: each endpoint is met; `any`: it does not matter who answers; `same`: one answers all; or so many different ones are met. */
export type Spread = 'all' | 'any' | 'same' | { least: number }

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
  /** Node whose kernel translates the address, where one does and it is known which. */
  via?: string
  /** `namespace/name` of the Service that is asked. */
  service?: string
  /** New connections (or source ports) at most, and at least. */
  tries: { most: number; least: number }
}

/** Something the objects claim that verify does not try, and why. */
export interface Omission {
  /** A kind of check, or `not tried` for a whole Service. */
  check: Check
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
  check: Check
  what: string
  group: string
  /** Name of the origin; for a line that sums up, how many there were. */
  from: string
  /** Kind of the origin; absent in a line that sums up, and where nothing was tried. */
  fromKind?: Origin['kind']
  /** Connections made, or datagrams sent. */
  tried: number
  cameBack: string
  should: string
  /** `should` without the names of endpoints, for a table. */
  brief?: string
  result: Result
  /** Which of the report's causes explains a mismatch: an index into `causes`. */
  cause?: number
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
