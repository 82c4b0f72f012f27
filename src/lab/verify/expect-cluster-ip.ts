import type { Service } from '../../kube/types.ts'
import { join, omit } from './claims.ts'
import type { NamedEndpoint } from './endpoints.ts'
import { type Origins, onePodEachNode } from './origins.ts'
import { promiseOf } from './promise.ts'
import { clusterIPsOf, podsAsking, type ServiceTarget } from './service-target.ts'
import { sourceFromPod, sourceOfAnyNode, sourceOfNode } from './sources.ts'
import { type Check, type Claim, type Claims, formatTarget, nameOf, type Origin, type SourceRule } from './types.ts'

/** A Service port at its cluster IP: from pods, from every node, from outside. */
export function expectClusterIP(target: ServiceTarget): Claims {
  const { origins } = target
  const pods = podsAsking(target).map((pod) =>
    claim(target, 'ClusterIP from pod', pod, (endpoint) => sourceFromPod(pod, endpoint, origins), pod.node),
  )
  const nodes = origins.nodes.map((node) =>
    claim(target, 'ClusterIP from node', node, () => sourceOfNode(node), node.name),
  )
  return join([{ claims: [...pods, ...nodes], omissions: [] }, fromOutside(target)])
}

function fromOutside(target: ServiceTarget): Claims {
  const { origins, service, name } = target
  const check = 'ClusterIP from outside'
  if (service.spec.internalTrafficPolicy === 'Local')
    return omit(check, name, 'internalTrafficPolicy Local: it is for the router to choose the node')
  return { claims: [claim(target, check, origins.outside, () => sourceOfAnyNode(origins))], omissions: [] }
}

function claim(
  service: ServiceTarget,
  check: Check,
  origin: Origin,
  sourceFor: (endpoint: NamedEndpoint) => SourceRule,
  node?: string,
): Claim {
  const target = { address: service.clusterIP, port: service.port.port, protocol: service.protocol }
  const what = `${service.name} ${formatTarget(target)}`
  const { internalTrafficPolicy, sessionAffinity } = service.service.spec
  const promise = promiseOf({
    endpoints: service.endpoints,
    onlyOn: internalTrafficPolicy === 'Local' ? node : undefined,
    affinity: sessionAffinity === 'ClientIP',
    sourceFor,
  })
  return { check, what, group: what, origin, target, ...promise }
}

/** A port of each cluster IP that no Service has: refused, from a pod, a node and outside. */
export function expectUnserved(services: readonly Service[], origins: Origins): Claim[] {
  const from = [...onePodEachNode(origins).slice(0, 1), ...origins.nodes.slice(0, 1), origins.outside]
  return services.flatMap((service) =>
    clusterIPsOf(service).flatMap((address) => {
      const target = { address, port: unservedPort(service), protocol: 'TCP' } as const
      const what = `${nameOf(service)} ${formatTarget(target)}`
      const common = { check: 'unserved port', what, group: what, target, tries: { most: 1, least: 1 } } as const
      return from.map((origin) => ({ ...common, origin, expectation: { kind: 'refused', because: 'no such port' } }))
    }),
  )
}

/** The first from 9 (discard, RFC 863) on that the Service does not have under TCP. */
function unservedPort(service: Service): number {
  const taken = new Set((service.spec.ports ?? []).map(({ port }) => port))
  let port = 9
  while (taken.has(port)) port += 1
  return port
}
