import { type Family, parseCIDR } from '../../src/model/ip.ts'
import type { Protocol, Service, ServicePort } from '../../src/model/services.ts'
import { defaultServiceConfig, type ServiceConfig } from '../../src/proxy/config.ts'
import { makeServiceView, type ServiceView } from '../../src/proxy/view.ts'
import { type Host, plans } from './world.ts'

/**
 * What each mode has to do with Services, told without any mode: Services, and for each way to reach them who answers and whom that one sees. pod1 is on this node, pod2
 * counts as another node's, pod3 is a client only.
 */

type Origin = Extract<Host, 'pod1' | 'pod3' | 'node' | 'outside'>
type Kind = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalIP'

/** Who answers, and whether with the client's own address or the node's; or that nobody does, and how. */
export type Answer = { by: ('pod1' | 'pod2')[]; source: 'kept' | 'masqueraded' } | 'refused' | 'dropped'

export interface ServiceCase {
  name: string
  from: Origin
  to: { address: string; port: number; protocol: Protocol }
  answer: Answer
}

export const vip = (family: Family, n: number): string => (family === 'IPv4' ? `10.43.0.${n}` : `fd43::${n}`)
export const publicIP = (family: Family, n: number): string =>
  family === 'IPv4' ? `203.0.113.${n}` : `2001:db8:1::${n}`

/** The other node, which is not there: only its address counts. */
export const otherNode = (family: Family): string => publicIP(family, 99)

interface Sample extends Partial<Service> {
  n: number
  /** Endpoints: pod1 is here, pod2 elsewhere. */
  pods: ('pod1' | 'pod2')[]
}

const samples: Readonly<Record<string, Sample>> = {
  cluster: { n: 10, pods: ['pod1', 'pod2'] },
  externalLocal: { n: 11, pods: ['pod1', 'pod2'], externalTrafficPolicy: 'Local' },
  internalLocal: { n: 12, pods: ['pod1', 'pod2'], internalTrafficPolicy: 'Local' },
  elsewhere: { n: 13, pods: ['pod2'], externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
  empty: { n: 14, pods: [] },
  emptyLocal: { n: 15, pods: [], externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
  self: { n: 16, pods: ['pod1'] },
}
type SampleName = keyof typeof samples

const port = (n: number): number => 30_000 + n

/** Service `name` with all kinds of addresses, on TCP and on UDP under one number. */
export function sampleService(family: Family, name: string, { n, pods: _pods, ...over }: Sample): Service {
  const portOf = (protocol: Protocol): ServicePort => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    nodePort: port(n),
  })
  return {
    namespace: 'default',
    name,
    createdMs: n,
    type: 'LoadBalancer',
    clusterIPs: [vip(family, n)],
    externalIPs: [publicIP(family, n + 100)],
    loadBalancerIPs: [publicIP(family, n)],
    ports: [portOf('TCP'), portOf('UDP')],
    affinitySeconds: 0,
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    loadBalancerSourceRanges: [],
    healthCheckNodePort: 0,
    ...over,
  }
}

export function setEndpoints(
  view: ServiceView,
  family: Family,
  name: string,
  pods: readonly ('pod1' | 'pod2')[],
): void {
  view.slices.set(`default/${name}-${family}`, {
    namespace: 'default',
    name: `${name}-${family}`,
    service: name,
    family,
    ports: (['TCP', 'UDP'] as const).map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 8080 })),
    endpoints: pods.map((pod) => ({
      address: plans[family].hosts[pod],
      nodeName: pod === 'pod1' ? 'n1' : 'n2',
      ready: true,
      serving: true,
      terminating: false,
    })),
  })
}

/** A view of the world with all samples in it. */
export function sampleView(family: Family, over: Partial<ServiceConfig> = {}): ServiceView {
  const { hosts, podCIDR, serviceCIDR } = plans[family]
  const cidr = (text: string) => [parseCIDR(text) as NonNullable<ReturnType<typeof parseCIDR>>]
  const view = makeServiceView({
    ...defaultServiceConfig,
    nodeName: 'n1',
    clusterCIDRs: cidr(podCIDR),
    serviceCIDRs: cidr(serviceCIDR),
    ...over,
  })
  view.nodes.replaceAll([
    ['n1', { name: 'n1', addresses: [hosts.node], podCIDRs: [podCIDR] }],
    ['n2', { name: 'n2', addresses: [otherNode(family)] }],
  ])
  addService(view, { ...sampleService(family, 'kubernetes', { n: 1, pods: [] }), type: 'ClusterIP' })
  for (const [name, sample] of Object.entries(samples)) {
    addService(view, sampleService(family, name, sample))
    setEndpoints(view, family, name, sample.pods)
  }
  return view
}

export const addService = (view: ServiceView, service: Service): void =>
  view.services.set(`default/${service.name}`, service)

export function targetOf(family: Family, kind: Kind, n: number, protocol: Protocol = 'TCP'): ServiceCase['to'] {
  const address = {
    ClusterIP: vip(family, n),
    NodePort: plans[family].hosts.node,
    LoadBalancer: publicIP(family, n),
    ExternalIP: publicIP(family, n + 100),
  }[kind]
  return { address, port: kind === 'NodePort' ? port(n) : 80, protocol }
}

const kinds: readonly Kind[] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalIP']
const origins = ['pod3', 'node', 'outside'] as const

/**
 * Every client, kind of address and policy, with a way to tell pods (`detects`) and without, masquerading everything or not: which endpoints, and with which source.
 * kube-proxy's TestInternalExternalMasquerade has 27 of them (its "node to NodePort with policy Local" asks for another port and tests nothing).
 */
export function flowCases(family: Family, detects: boolean, masqueradeAll: boolean): ServiceCase[] {
  const policies: SampleName[] = ['cluster', 'externalLocal', 'internalLocal']
  return policies.flatMap((name) =>
    kinds.flatMap((kind) =>
      origins.map(
        (from): ServiceCase => ({
          name: `${kind} of ${name} from ${from}`,
          from,
          to: targetOf(family, kind, (samples[name] as Sample).n),
          answer: flowAnswer(name, kind, from, detects, masqueradeAll),
        }),
      ),
    ),
  )
}

function flowAnswer(
  name: SampleName,
  kind: Kind,
  from: (typeof origins)[number],
  detects: boolean,
  masqueradeAll: boolean,
): Answer {
  if (kind === 'ClusterIP') {
    const masqueraded = masqueradeAll || (detects && from !== 'pod3')
    const by: ('pod1' | 'pod2')[] = name === 'internalLocal' ? ['pod1'] : ['pod1', 'pod2']
    return { by, source: masqueraded ? 'masqueraded' : 'kept' }
  }
  if (name !== 'externalLocal') return { by: ['pod1', 'pod2'], source: 'masqueraded' }
  if (from === 'node') return { by: ['pod1', 'pod2'], source: 'masqueraded' }
  // Who cannot be told to be a pod is outside.
  return { by: from === 'pod3' && detects ? ['pod1', 'pod2'] : ['pod1'], source: 'kept' }
}

/** No endpoints, none here, ports and addresses that nobody serves, UDP beside TCP, a pod that reaches itself. */
export function otherCases(family: Family): ServiceCase[] {
  const at = (name: SampleName, kind: Kind, protocol?: Protocol): ServiceCase['to'] =>
    targetOf(family, kind, (samples[name] as Sample).n, protocol)
  const both: Answer = { by: ['pod1', 'pod2'], source: 'masqueraded' }
  const elsewhere = (source: 'kept' | 'masqueraded'): Answer => ({ by: ['pod2'], source })
  const cases: [string, Origin, ServiceCase['to'], Answer][] = [
    ...(['empty', 'emptyLocal'] as const).flatMap((name) =>
      kinds.flatMap((kind) =>
        origins.map((from): [string, Origin, ServiceCase['to'], Answer] => [
          `6 ${kind} of ${name} from ${from}`,
          from,
          at(name, kind),
          'refused',
        ]),
      ),
    ),
    ['30 internal policy Local, endpoints elsewhere, from a pod', 'pod3', at('elsewhere', 'ClusterIP'), 'dropped'],
    ['30 internal policy Local, endpoints elsewhere, from the node', 'node', at('elsewhere', 'ClusterIP'), 'dropped'],
    ['29 external policy Local, endpoints elsewhere, outside', 'outside', at('elsewhere', 'NodePort'), 'dropped'],
    ['29 the same at its load balancer', 'outside', at('elsewhere', 'LoadBalancer'), 'dropped'],
    ['29 the same from a pod', 'pod3', at('elsewhere', 'LoadBalancer'), elsewhere('kept')],
    ['29 the same from the node', 'node', at('elsewhere', 'LoadBalancer'), elsewhere('masqueraded')],
    ['1 another port of a ClusterIP', 'pod3', { ...at('cluster', 'ClusterIP'), port: 81 }, 'refused'],
    ['1 another port of a ClusterIP, from outside', 'outside', { ...at('cluster', 'ClusterIP'), port: 81 }, 'refused'],
    [
      'an address of the service CIDR that nobody has',
      'pod3',
      { ...at('cluster', 'ClusterIP'), address: vip(family, 77) },
      'dropped',
    ],
    ['2 a pod that reaches itself', 'pod1', at('self', 'ClusterIP'), { by: ['pod1'], source: 'masqueraded' }],
    ['2 the same by the load balancer', 'pod1', at('self', 'LoadBalancer'), { by: ['pod1'], source: 'masqueraded' }],
    ['3 UDP beside TCP, from a pod', 'pod3', at('cluster', 'ClusterIP', 'UDP'), { ...both, source: 'kept' }],
    ['3 UDP beside TCP, from the node', 'node', at('cluster', 'NodePort', 'UDP'), both],
    ['3 UDP beside TCP, from outside', 'outside', at('cluster', 'LoadBalancer', 'UDP'), both],
    [
      '22 a node port at another address of the node',
      'outside',
      { ...at('cluster', 'NodePort'), address: plans[family].other },
      'refused',
    ],
  ]
  return cases.map(([name, from, to, answer]) => ({ name, from, to, answer }))
}
