import type { Endpoint, EndpointSlice, Node, Pod, Service, ServiceSpec } from '../../kube/types.ts'
import type { EchoReply } from '../echo-protocol.ts'
import type { LabFacts } from './origins.ts'
import type { Claim, ClusterObjects, Observation } from './types.ts'

/** Objects for the tests of verify: two nodes, 172.30.0.11 with pods 10.42.0.0/24 and 172.30.0.12 with 10.42.1.0/24. */
export const lab: LabFacts = {
  nodes: [{ name: 'node-1' }, { name: 'node-2' }],
  client: { netns: 'client', address: '172.30.9.2' },
}

export const nodes: Node[] = [1, 2].map((number) => ({
  metadata: { name: `node-${number}` },
  spec: { podCIDR: `10.42.${number - 1}.0/24`, podCIDRs: [`10.42.${number - 1}.0/24`] },
  status: { addresses: [{ type: 'InternalIP', address: `172.30.0.1${number}` }] },
}))

/** A Ready pod on node-1 (10.42.0.x) or node-2 (10.42.1.x) that declares TCP 8080. */
export function pod(name: string, ip: string, change: Partial<Pod['spec']> = {}): Pod {
  const nodeName = ip.startsWith('10.42.0.') ? 'node-1' : 'node-2'
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

export const slice = (endpoints: Endpoint[], change: Partial<EndpointSlice> = {}): EndpointSlice => ({
  metadata: { name: 'web-abc', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
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

/** A claim in a form that a table can compare: who answers with which sources, or why nobody does. */
export function brief({ expectation }: Claim): unknown {
  if (expectation.kind !== 'answers') return expectation.kind
  const backends = expectation.backends.map(({ pod, sources }) => [pod, sources.allowed.join(' ')])
  return Object.fromEntries(backends)
}
