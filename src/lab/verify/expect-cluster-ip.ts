import type { Service } from '../../kube/types.ts'
import { join, omit } from './claims.ts'
import type { Facts } from './claim-source.ts'
import { onePodEachNode } from './origins.ts'
import { claimOf, effortFor, nodeOf, nodesAsking, podsAsking, type ServiceTarget } from './service-target.ts'
import { sourceFromPod, sourceOfAnyNode, sourceOfNode } from './sources.ts'
import { type Claim, type Claims, formatTarget, nameOf } from './types.ts'

/** A Service port at its cluster IP: from pods, from nodes, from outside. */
export function expectClusterIP(target: ServiceTarget): Claims {
  const { origins } = target
  const at = { address: target.clusterIP, port: target.port.port }
  const group = `${target.name} ${formatTarget({ ...at, protocol: target.protocol })}`
  const isLocal = target.service.spec.internalTrafficPolicy === 'Local'
  const ask = { ...at, group }
  const pods = podsAsking(target).map((pod, index) =>
    claimOf(target, {
      ...ask,
      check: 'ClusterIP from pod',
      origin: pod,
      via: nodeOf(origins, pod),
      onlyOn: isLocal ? pod.node : undefined,
      effort: effortFor(target, index),
      sourceFor: (endpoint) => sourceFromPod(pod, endpoint, origins),
    }),
  )
  const nodes = nodesAsking(target).map((node, index) =>
    claimOf(target, {
      ...ask,
      check: 'ClusterIP from node',
      origin: node,
      via: node,
      onlyOn: isLocal ? node.name : undefined,
      effort: effortFor(target, index),
      sourceFor: () => sourceOfNode(node),
    }),
  )
  const check = 'ClusterIP from outside'
  if (isLocal) {
    const reason = 'internalTrafficPolicy Local: it is for the router to choose the node'
    return join([{ claims: [...pods, ...nodes], omissions: [] }, omit(check, group, reason)])
  }
  const outside = claimOf(target, {
    ...ask,
    check,
    origin: origins.outside,
    effort: effortFor(target, 0),
    sourceFor: () => sourceOfAnyNode(origins),
  })
  const { gateway } = target.facts
  return {
    claims: [...pods, ...nodes, gateway === undefined ? outside : { ...outside, via: gateway }],
    omissions: [],
  }
}

/** A port of a cluster IP that no Service has: refused, from a pod, a node and outside. */
export function expectUnserved(service: Service, address: string, { origins, gateway }: Facts): Claim[] {
  const from = [...onePodEachNode(origins).slice(0, 1), ...origins.nodes.slice(0, 1), origins.outside]
  const target = { address, port: unservedPort(service), protocol: 'TCP' } as const
  const what = `${nameOf(service)} ${formatTarget(target)}`
  return from.map((origin) => {
    const via = origin.kind === 'outside' ? gateway : origin.node
    return {
      check: 'unserved port',
      what,
      group: 'every ClusterIP',
      origin,
      target,
      service: nameOf(service),
      ...(via === undefined ? {} : { via }),
      tries: { most: 1, least: 1 },
      expectation: { kind: 'refused', because: 'no such port' },
    }
  })
}

/** The first from 9 (discard, RFC 863) on that the Service does not have under TCP. */
function unservedPort(service: Service): number {
  const taken = new Set((service.spec.ports ?? []).map(({ port }) => port))
  let port = 9
  while (taken.has(port)) port += 1
  return port
}
