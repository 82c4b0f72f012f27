import type { Pod, PodContainer, Protocol } from '../../kube/types.ts'
import { canonicalIP, type Family, familyOf } from '../../model/ip.ts'
import type { ClaimSource, Facts } from './claim-source.ts'
import { join, omit } from './claims.ts'
import { addressOf, askingPods, isReady, type NodeOrigin } from './origins.ts'
import { sampleNodes } from './sample.ts'
import { keptSource, sourceOfNode } from './sources.ts'
import { type Check, type Claim, type Claims, formatTarget, nameOf, type Origin, type SourceRule } from './types.ts'

const noHostPort = 'no Ready pod has a host port'

/**
 * Host ports: a port of the node that leads to a pod there, asked at the node's addresses from pods, nodes and outside, in every family. A pod with `hostNetwork` has its ports on
 * the node itself; what is said of those is the same.
 */
export const hostPorts: ClaimSource = {
  name: 'host ports',
  checks: {
    'host port from pod': noHostPort,
    'host port from node': noHostPort,
    'host port from outside': noHostPort,
  },
  needs: [],
  claims: (facts) => join(facts.objects.pods.filter(isReady).map((pod) => expectPod(pod, facts))),
}

/** A host port of a Ready pod, in one family. */
interface HostPort {
  pod: Pod
  node: NodeOrigin
  /** Of the node. */
  address: string
  port: number
  protocol: 'TCP' | 'UDP'
  /** Where the pod itself listens. */
  at: { address: string; port: number }
  facts: Facts
}

type ContainerPort = NonNullable<PodContainer['ports']>[number] & { hostPort: number }

function expectPod(pod: Pod, facts: Facts): Claims {
  const node = facts.origins.nodes.find(({ name }) => name === pod.spec.nodeName)
  if (node === undefined) return join([])
  return join(portsOf(pod).map((port) => expectPort(pod, port, node, facts)))
}

const portsOf = ({ spec }: Pod): ContainerPort[] =>
  (spec.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .filter((port): port is ContainerPort => (port.hostPort ?? 0) > 0)

function expectPort(pod: Pod, port: ContainerPort, node: NodeOrigin, facts: Facts): Claims {
  const what = `${nameOf(pod)} host port ${port.hostPort}/${port.protocol ?? 'TCP'}`
  const { protocol = 'TCP' } = port
  if (protocol === 'SCTP') return omit('not tried', what, 'no SCTP sockets here')
  const reason = whyNotTried(pod, port, protocol, node, facts)
  if (reason !== undefined) return omit('not tried', what, reason)
  return join(
    facts.families.map((family) => {
      const found = inFamily(pod, { ...port, protocol }, node, facts, family)
      return { claims: found === undefined ? [] : claimsOf(found), omissions: [] }
    }),
  )
}

/** Port of a kubelet (core/v1, NodeDaemonEndpoints): a lab keeps it from pods. */
const kubeletPort = 10250

function whyNotTried(
  pod: Pod,
  { hostPort, hostIP }: ContainerPort,
  protocol: Protocol,
  node: NodeOrigin,
  facts: Facts,
): string | undefined {
  if (hostPort === kubeletPort && protocol === 'TCP') return "the kubelet's own port"
  const address = addressAsked(hostIP)
  if (address !== undefined && !node.nodeIPs.includes(address)) return `on ${address} only`
  const service = facts.objects.services.find(({ spec, status }) => {
    const addresses = [
      ...(spec.externalIPs ?? []),
      ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
    ]
    const hasPort = (spec.ports ?? []).some((port) => port.port === hostPort && (port.protocol ?? 'TCP') === protocol)
    return hasPort && addresses.some((one) => node.nodeIPs.includes(one))
  })
  return service === undefined || pod.spec.hostNetwork === true
    ? undefined
    : `the Service ${nameOf(service)} has this address and port too`
}

/** Undefined: all addresses of the node. */
function addressAsked(hostIP = ''): string | undefined {
  return ['', '0.0.0.0', '::'].includes(hostIP) ? undefined : (canonicalIP(hostIP) ?? hostIP)
}

function inFamily(
  pod: Pod,
  port: ContainerPort & { protocol: 'TCP' | 'UDP' },
  node: NodeOrigin,
  facts: Facts,
  family: Family,
): HostPort | undefined {
  const { hostPort, containerPort, protocol, hostIP } = port
  const podIPs = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? '']
  const [address, own] = [addressOf(node.nodeIPs, family), addressOf(podIPs, family)]
  const only = addressAsked(hostIP)
  if (address === undefined || own === undefined || (only !== undefined && only !== address)) return undefined
  return { pod, node, address, port: hostPort, protocol, at: { address: own, port: containerPort }, facts }
}

function claimsOf(hostPort: HostPort): Claim[] {
  const { pod, node, facts } = hostPort
  const { origins, seed } = facts
  const name = nameOf(pod)
  const family = familyOf(hostPort.address)
  const has = ({ addresses }: Origin): boolean => addressOf(addresses, family) !== undefined
  return [
    ...askingPods(origins, new Set([name]))
      .filter(has)
      .map((origin) => claim('host port from pod', hostPort, origin, podOrItsNode(origin, facts))),
    ...sampleNodes(origins.nodes, node.name, name, seed)
      .filter(has)
      .map((origin) => claim('host port from node', hostPort, origin, sourceOfNode(origin))),
    ...(has(origins.outside)
      ? [claim('host port from outside', hostPort, origins.outside, keptSource(origins.outside))]
      : []),
  ]
}

/** A pod of the same node is masqueraded, or its answers would not come back this way; whether others are is the pod network's business. */
function podOrItsNode(pod: Extract<Origin, { kind: 'pod' }>, { origins }: Facts): SourceRule {
  const node = origins.nodes.find(({ name }) => name === pod.node)
  return {
    allowed: [...pod.addresses, ...(node?.addresses ?? [])],
    says: `${pod.name}'s own or an address of ${pod.node}`,
  }
}

function claim(
  check: Check,
  { pod, node, address, port, protocol, at }: HostPort,
  origin: Origin,
  sources: SourceRule,
): Claim {
  const target = { address, port, protocol }
  return {
    check,
    what: `${nameOf(pod)} ${formatTarget(target)}`,
    group: familyOf(address) === 'IPv4' ? 'every host port' : 'every host port, IPv6',
    origin,
    target,
    via: node.name,
    expectation: {
      kind: 'answers',
      backends: [{ ...at, pod: nameOf(pod), node: node.name, sources }],
      spread: 'all',
    },
    tries: { most: 1, least: 1 },
  }
}
