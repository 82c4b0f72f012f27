import type { NamedEndpoint } from './endpoints.ts'
import type { NodeOrigin, Origins, PodOrigin } from './origins.ts'
import type { Origin, SourceRule } from './types.ts'

/**
 * Which source address an endpoint may see. Own rules, from what Kubernetes documents of Services where the proxy tells pods
 * by the cluster CIDR: traffic of pods to a ClusterIP keeps its source, all other traffic to a ClusterIP and all to a node
 * port gets an address of the node that translates; `externalTrafficPolicy: Local` keeps it.
 */
export const keptSource = (origin: Origin): SourceRule => ({ allowed: origin.addresses, says: `${origin.name}'s own` })

/** Masqueraded by this node: the address of whichever of its devices leads to the endpoint. */
export const sourceOfNode = (node: NodeOrigin): SourceRule => ({
  allowed: node.addresses,
  says: `an address of ${node.name}`,
})

/** Masqueraded by a node, it is not known by which: the router's choice. */
export const sourceOfAnyNode = (origins: Origins): SourceRule => ({
  allowed: origins.nodes.flatMap((node) => node.addresses),
  says: 'an address of a node',
})

/** A pod's own source, except where it reached itself: then its node's, or the answer would not come back this way. */
export function sourceFromPod(pod: PodOrigin, endpoint: NamedEndpoint, origins: Origins): SourceRule {
  const node = origins.nodes.find(({ name }) => name === pod.node)
  if (node === undefined) return keptSource(pod)
  if (endpoint.pod === pod.name) return sourceOfNode(node)
  // An endpoint with a node's address is outside the pod network, where the pod network may masquerade.
  const onNode = origins.nodes.some(({ addresses }) => addresses.includes(endpoint.address))
  if (!onNode) return keptSource(pod)
  return { allowed: [...pod.addresses, ...node.addresses], says: `${pod.name}'s own or an address of ${node.name}` }
}
