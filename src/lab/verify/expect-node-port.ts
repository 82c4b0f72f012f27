import { join, omit } from './claims.ts'
import { addressOf, type NodeOrigin, type PodOrigin } from './origins.ts'
import { isLarge } from './sample.ts'
import { claimOf, type Question, podsAsking, type ServiceTarget } from './service-target.ts'
import { keptSource, sourceFromPod, sourceOfNode } from './sources.ts'
import type { Claims, Origin } from './types.ts'

/** A node port at the primary address of one node. */
interface NodePort extends ServiceTarget {
  node: NodeOrigin
  address: string
  nodePort: number
}

/** Who answers a node port, and what source address it sees. */
type Rule = Pick<Question, 'onlyOn' | 'sourceFor'>

/**
 * A Service's node port on the primary address of every node, asked by a pod and a node that are there, a pod and a node that are elsewhere,
 * and from outside. Nothing where the Service has no node port.
 */
export function expectNodePort(target: ServiceTarget, nodePort: number): Claims {
  const ports = target.origins.nodes.flatMap((node) => {
    const address = addressOf(node.nodeIPs, target.family)
    return address === undefined ? [] : [{ ...target, node, address, nodePort }]
  })
  return join(ports.map(expectAtNode))
}

function expectAtNode(port: NodePort, index: number): Claims {
  const { origins, node } = port
  const effort = isLarge(origins) && index > 0 ? 'few' : isLarge(origins) ? 'some' : 'full'
  const ask = (check: string, origin: Origin, rule: Rule): Claims => claim(port, check, origin, effort, rule)
  const outside = ask('NodePort from outside', origins.outside, fromElsewhere(port, origins.outside))
  const own = ask('NodePort from node', node, { sourceFor: () => sourceOfNode(node) })
  if (isLarge(origins) && index > 0) return join(index % 2 === 0 ? [outside] : [own, outside])
  const pods = podsAsking(port)
  const nodesElsewhere = origins.nodes.filter(({ name }) => name !== node.name)
  const podsElsewhere = pods.filter((pod) => pod.node !== node.name)
  const fromPod = (pod: PodOrigin): Claims => {
    const rule = ruleForPod(port, pod)
    if (rule !== undefined) return ask('NodePort from pod', pod, rule)
    const reason = 'externalTrafficPolicy Local: the answer would not come back the same way'
    return omit('NodePort from pod', `${port.name}, of another node than the pod's`, reason)
  }
  return join([
    ...pods.filter((pod) => pod.node === node.name).map(fromPod),
    ...after(podsElsewhere, node).map(fromPod),
    own,
    ...after(nodesElsewhere, node).map((other) => ask('NodePort from node', other, fromElsewhere(port, other))),
    outside,
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
function ruleForPod(port: NodePort, pod: PodOrigin): Rule | undefined {
  if (!isLocal(port)) return { sourceFor: () => sourceOfNode(port.node) }
  if (pod.node !== port.node.name) return undefined
  return { sourceFor: (endpoint) => sourceFromPod(pod, endpoint, port.origins) }
}

const fromElsewhere = (port: NodePort, origin: Origin): Rule => ({
  onlyOn: isLocal(port) ? port.node.name : undefined,
  sourceFor: () => (isLocal(port) ? keptSource(origin) : sourceOfNode(port.node)),
})

const isLocal = ({ service }: ServiceTarget): boolean => service.spec.externalTrafficPolicy === 'Local'

function claim(port: NodePort, check: string, origin: Origin, effort: Question['effort'], rule: Rule): Claims {
  const { address, nodePort, node } = port
  const group = `${port.name} :${nodePort}/${port.protocol}${port.family === 'IPv6' ? ', IPv6' : ''}`
  const question = { check, origin, address, port: nodePort, group, via: node, effort, ...rule }
  return { claims: [claimOf(port, question)], omissions: [] }
}
