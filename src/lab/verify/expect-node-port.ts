import { join, omit } from './claims.ts'
import type { NamedEndpoint } from './endpoints.ts'
import type { NodeOrigin, PodOrigin } from './origins.ts'
import { promiseOf } from './promise.ts'
import { podsAsking, type ServiceTarget } from './service-target.ts'
import { keptSource, sourceFromPod, sourceOfNode } from './sources.ts'
import { type Check, type Claims, formatTarget, type Origin, type SourceRule } from './types.ts'

/** A node port at one address of one node. */
interface NodePort extends ServiceTarget {
  node: NodeOrigin
  address: string
  nodePort: number
}

/** Who answers a node port, and what source address it sees. */
interface Rule {
  local: boolean
  sourceFor(endpoint: NamedEndpoint): SourceRule
}

/**
 * A Service's node port on the address of every node, asked by a pod and a node that are there, a pod and a node that are elsewhere,
 * and from outside. Nothing where the Service has no node port.
 */
export function expectNodePort(target: ServiceTarget): Claims {
  const { nodePort } = target.port
  if (!nodePort) return join([])
  const family = (address: string): boolean => address.includes(':') === target.clusterIP.includes(':')
  const ports = target.origins.nodes.flatMap((node) => {
    const address = node.nodeIPs.find(family)
    return address === undefined ? [] : [{ ...target, node, address, nodePort }]
  })
  return join(ports.map(expectAtNode))
}

function expectAtNode(port: NodePort): Claims {
  const { origins, node } = port
  const pods = podsAsking(port)
  const nodesElsewhere = origins.nodes.filter(({ name }) => name !== node.name)
  const podsElsewhere = pods.filter((pod) => pod.node !== node.name)
  return join([
    ...pods.filter((pod) => pod.node === node.name).map((pod) => fromPod(port, pod)),
    ...after(podsElsewhere, node).map((pod) => fromPod(port, pod)),
    claim(port, 'NodePort from node', node, { local: false, sourceFor: () => sourceOfNode(node) }),
    ...after(nodesElsewhere, node).map((other) => claim(port, 'NodePort from node', other, fromElsewhere(port, other))),
    claim(port, 'NodePort from outside', origins.outside, fromElsewhere(port, origins.outside)),
  ])
}

/** The first that follows the node in the order of names, so that not all ask from the same place; none where there is none. */
function after<T extends { node: string }>(candidates: readonly T[], { name }: NodeOrigin): T[] {
  const next = candidates.find(({ node }) => node > name) ?? candidates[0]
  return next === undefined ? [] : [next]
}

/**
 * With externalTrafficPolicy Local a node answers for its own endpoints alone and keeps the source, except to its own pods and
 * itself, which it serves like a ClusterIP.
 */
function fromPod(port: NodePort, pod: PodOrigin): Claims {
  const check = 'NodePort from pod'
  if (!isLocal(port)) return claim(port, check, pod, { local: false, sourceFor: () => sourceOfNode(port.node) })
  if (pod.node === port.node.name)
    return claim(port, check, pod, {
      local: false,
      sourceFor: (endpoint) => sourceFromPod(pod, endpoint, port.origins),
    })
  const reason =
    'externalTrafficPolicy Local: whether a pod is masqueraded on its way to another node is up to the pod network'
  return omit(check, `${port.name} at ${port.node.name} from ${pod.name}`, reason)
}

const fromElsewhere = (port: NodePort, origin: Origin): Rule => ({
  local: isLocal(port),
  sourceFor: () => (isLocal(port) ? keptSource(origin) : sourceOfNode(port.node)),
})

const isLocal = ({ service }: ServiceTarget): boolean => service.spec.externalTrafficPolicy === 'Local'

function claim(port: NodePort, check: Check, origin: Origin, rule: Rule): Claims {
  const target = { address: port.address, port: port.nodePort, protocol: port.protocol }
  const promise = promiseOf({
    endpoints: port.endpoints,
    onlyOn: rule.local ? port.node.name : undefined,
    affinity: port.service.spec.sessionAffinity === 'ClientIP',
    sourceFor: (endpoint) => rule.sourceFor(endpoint),
  })
  const group = `${port.name} :${port.nodePort}/${port.protocol}`
  return {
    claims: [{ check, what: `${port.name} ${formatTarget(target)}`, group, origin, target, ...promise }],
    omissions: [],
  }
}
