import { cidrContains, parseAddress, parseCIDR } from '../../model/ip.ts'
import { join, omit } from './claims.ts'
import { addressOf, type NodeOrigin } from './origins.ts'
import {
  claimOf,
  effortFor,
  nodeOf,
  nodesAsking,
  podsAsking,
  type Question,
  type ServiceTarget,
} from './service-target.ts'
import { keptSource, sourceFromPod, sourceOfNode } from './sources.ts'
import { type Claim, type Claims, formatTarget, type Origin } from './types.ts'

/** An address of a Service outside of the service CIDRs. */
export interface ExternalAddress {
  kind: 'external IP' | 'load-balancer IP'
  address: string
  /** loadBalancerSourceRanges, of load-balancer addresses only. */
  ranges: readonly string[]
}

/**
 * A Service port at an external or load-balancer address. Pods and nodes are served by the kernel of their own node; what comes from outside, by the
 * node that the router leads the address to. Always masqueraded, but for externalTrafficPolicy Local: there the outside meets endpoints of that
 * node only and keeps its source, as pods do.
 */
export function expectExternal(target: ServiceTarget, external: ExternalAddress): Claims {
  const { origins } = target
  const isLocal = target.service.spec.externalTrafficPolicy === 'Local'
  const pods = podsAsking(target).flatMap((pod, index) => {
    const node = nodeOf(origins, pod)
    if (node === undefined) return []
    const ask = question(target, external, pod, node, index)
    return claim(target, external, {
      ...ask,
      sourceFor: (endpoint) => (isLocal ? sourceFromPod(pod, endpoint, origins) : sourceOfNode(node)),
    })
  })
  const nodes = nodesAsking(target).map((node, index) =>
    claim(target, external, { ...question(target, external, node, node, index), sourceFor: () => sourceOfNode(node) }),
  )
  return join([{ claims: [...pods, ...nodes], omissions: [] }, fromOutside(target, external, isLocal)])
}

function fromOutside(target: ServiceTarget, external: ExternalAddress, isLocal: boolean): Claims {
  const { origins } = target
  const node = nodeServing(target, external.address)
  if (node === undefined)
    return omit(`${external.kind} from outside`, `${target.name} ${external.address}`, 'the router leads it nowhere')
  const asked = claim(target, external, {
    ...question(target, external, origins.outside, node, 0),
    onlyOn: isLocal ? node.name : undefined,
    sourceFor: () => (isLocal ? keptSource(origins.outside) : sourceOfNode(node)),
  })
  return { claims: [asked], omissions: [] }
}

/** The node that packets for an address from outside arrive at: the one that has it, or the one that the router leads it to. */
function nodeServing({ origins, facts }: ServiceTarget, address: string): NodeOrigin | undefined {
  const routed = facts.routed.find((route) => route.address === address)?.node
  return origins.nodes.find(({ name, nodeIPs }) => nodeIPs.includes(address) || name === routed)
}

function question(
  target: ServiceTarget,
  { kind, address }: ExternalAddress,
  origin: Origin,
  via: NodeOrigin,
  index: number,
): Omit<Question, 'sourceFor'> {
  const port = target.port.port
  const group = `${target.name} ${formatTarget({ address, port, protocol: target.protocol })}`
  const effort = effortFor(target, index)
  return { check: `${kind} from ${origin.kind}`, origin, address, port, group, via, effort }
}

/** What the objects promise, or silence where the origin is in none of the source ranges. */
function claim(target: ServiceTarget, external: ExternalAddress, asked: Question): Claim {
  const promised = claimOf(target, asked)
  if (isAllowed(asked.origin, target, external.ranges)) return promised
  const because = `${asked.origin.name} is in no source range`
  return { ...promised, expectation: { kind: 'silence', because }, tries: { most: 2, least: 2 } }
}

/** Ranges of the other family say nothing of this one. */
function isAllowed(origin: Origin, { family }: ServiceTarget, ranges: readonly string[]): boolean {
  const parsed = ranges.flatMap((range) => parseCIDR(range.trim()) ?? []).filter((range) => range.family === family)
  const own = origin.kind === 'node' ? origin.nodeIPs : origin.addresses
  const address = parseAddress(addressOf(own, family) ?? '')
  return parsed.length === 0 || address === undefined || parsed.some((range) => cidrContains(range, address))
}
