import type { Endpoint, EndpointSlice, Node, Pod, Service, ServiceSpec } from '../../kube/types.ts'
import { type Family, familyOf } from '../../model/ip.ts'
import type { EchoReply } from '../echo-protocol.ts'
import { claimsOf } from './claim-sources.ts'
import { factsOf, type Given } from './facts.ts'
import type { LabFacts } from './origins.ts'
import type { Claim, Claims, ClusterObjects, Observation } from './types.ts'

/**
 * Objects for the tests of verify: two nodes in zones z1 and z2, 172.30.0.11 with pods 10.42.0.0/24 and 172.30.0.12 with 10.42.1.0/24, and the same in IPv6.
 */
export const lab: LabFacts = {
  nodes: [{ name: 'node-1' }, { name: 'node-2' }],
  client: { netns: 'client', addresses: ['172.30.9.2', 'fd30:9::2'] },
  router: { netns: 'router', addresses: ['172.30.0.1', 'fd30::1'] },
  families: ['IPv4', 'IPv6'],
  apiAddress: '172.30.0.2',
  apiPort: 6443,
}

/** All claims about these objects in this lab. */
export const expectAll = (given: ClusterObjects, facts: LabFacts = lab, found: Given = {}): Claims =>
  claimsOf(factsOf(given, facts, found))

export const nodes: Node[] = [1, 2].map((number) => ({
  metadata: { name: `node-${number}`, labels: { 'topology.kubernetes.io/zone': `z${number}` } },
  spec: {
    podCIDR: `10.42.${number - 1}.0/24`,
    podCIDRs: [`10.42.${number - 1}.0/24`, `fd42:0:0:${number - 1}::/64`],
  },
  status: {
    addresses: [
      { type: 'InternalIP', address: `172.30.0.1${number}` },
      { type: 'InternalIP', address: `fd30::1${number}` },
    ],
  },
}))

/** What the objects of a test have for addresses, in one family. */
export interface World {
  family: Family
  a: string
  b: string
  other: string
  clusterIP: string
  external: string
  node1: string
  node2: string
  outside: string
  router: string
  /** All that node-1 and node-2 masquerade with, as `brief` has it. */
  from1: string
  from2: string
  /** A range that holds the client outside, and one that holds the pods of node-1. */
  outsideRange: string
  podRange: string
}

export const worlds: readonly World[] = [
  {
    family: 'IPv4',
    a: '10.42.0.5',
    b: '10.42.1.5',
    other: '10.42.0.9',
    clusterIP: '10.43.0.10',
    external: '203.0.113.9',
    node1: '172.30.0.11',
    node2: '172.30.0.12',
    outside: '172.30.9.2',
    router: '172.30.0.1',
    from1: '172.30.0.11 10.42.0.1 10.42.0.0',
    from2: '172.30.0.12 10.42.1.1 10.42.1.0',
    outsideRange: '172.30.9.0/24',
    podRange: '10.42.0.0/24',
  },
  {
    family: 'IPv6',
    a: 'fd42::5',
    b: 'fd42:0:0:1::5',
    other: 'fd42::9',
    clusterIP: 'fd43::10',
    external: '2001:db8::9',
    node1: 'fd30::11',
    node2: 'fd30::12',
    outside: 'fd30:9::2',
    router: 'fd30::1',
    from1: 'fd30::11 fd42::1 fd42::',
    from2: 'fd30::12 fd42:0:0:1::1 fd42:0:0:1::',
    outsideRange: 'fd30:9::/64',
    podRange: 'fd42::/64',
  },
]

/** A Ready pod on node-1 (10.42.0.x, fd42::x) or node-2 that declares TCP 8080. */
export function pod(name: string, ip: string, change: Partial<Pod['spec']> = {}): Pod {
  const nodeName = /^(10\.42\.0\.|fd42::)/.test(ip) ? 'node-1' : 'node-2'
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: { nodeName, containers: [{ name: 'echo', ports: [{ containerPort: 8080 }] }], ...change },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  }
}

/** Service `default/web`, 10.43.0.10, port http 80 → 8080. */
export const service = (spec: Partial<ServiceSpec> = {}, name = 'web'): Service => ({
  metadata: { name, namespace: 'default' },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.43.0.10',
    clusterIPs: ['10.43.0.10'],
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    ...spec,
  },
})

export const endpoint = (of: Pod, conditions: Endpoint['conditions'] = { ready: true }): Endpoint => ({
  addresses: [of.status?.podIP ?? ''],
  ...(of.spec.nodeName !== undefined && { nodeName: of.spec.nodeName }),
  ...(conditions !== undefined && { conditions }),
  targetRef: { kind: 'Pod', namespace: 'default', name: of.metadata.name },
})

/** A slice of `default/web`, of the family of its first endpoint. */
export const slice = (endpoints: Endpoint[], change: Partial<EndpointSlice> = {}): EndpointSlice => ({
  metadata: { name: 'web-abc', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: familyOf(endpoints[0]?.addresses[0] ?? ''),
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints,
  ...change,
})

export const objects = (change: Partial<ClusterObjects> = {}): ClusterObjects => ({
  pods: [],
  services: [],
  slices: [],
  nodes,
  ...change,
})

/** What the echo server of a pod answers to a client. */
export function reply(from: Pod, clientAddress: string, change: Partial<EchoReply> = {}): Observation {
  const podIP = from.status?.podIP ?? ''
  return {
    outcome: 'answer',
    reply: {
      pod: from.metadata.name,
      namespace: 'default',
      node: from.spec.nodeName ?? '',
      podIP,
      protocol: 'TCP',
      localAddress: podIP,
      localPort: 8080,
      clientAddress,
      clientPort: 40_000,
      path: '/verify',
      method: 'GET',
      headers: {},
      ...change,
    },
  }
}

/** A claim in a form that a table can compare: who answers with which sources of the target's family, or why nobody does. */
export function brief({ expectation, target }: Claim): unknown {
  if (expectation.kind !== 'answers') return expectation.kind
  const inFamily = (address: string): boolean => familyOf(address) === familyOf(target.address)
  const backends = expectation.backends.map(({ pod, sources }) => [pod, sources.allowed.filter(inFamily).join(' ')])
  return Object.fromEntries(backends)
}

/** Claims by origin and target, in brief. */
export const briefs = (claims: readonly Claim[]): Record<string, unknown> =>
  Object.fromEntries(claims.map((claim) => [`${claim.origin.name} > ${claim.target.address}`, brief(claim)]))
