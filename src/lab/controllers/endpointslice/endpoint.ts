import { isIPv6 } from 'node:net'
import type { Endpoint, EndpointPort, Node, Pod, Service, ServicePort } from '../kinds.ts'
import { compareText, isTerminating } from '../objects.ts'
import { isPodFinished, isPodReady } from '../pods.ts'

const zoneLabel = 'topology.kubernetes.io/zone'

/** Address types that a Service's slices come in: its families; of a Service without families, that of its address. */
export const addressTypesOf = ({ spec }: Service): string[] =>
  spec.ipFamilies !== undefined && spec.ipFamilies.length > 0
    ? spec.ipFamilies
    : [isIPv6(spec.clusterIP ?? '') ? 'IPv6' : 'IPv4']

/** Pods with an address take part until they are finished or gone, ready or not. */
export const takesPart = (pod: Pod): boolean => !isPodFinished(pod) && addressesOf(pod).length > 0

function addressesOf({ status }: Pod): string[] {
  if (status?.podIPs !== undefined && status.podIPs.length > 0) return status.podIPs.map(({ ip }) => ip)
  return status?.podIP ? [status.podIP] : []
}

/**
 * The pod as an endpoint of one address type; undefined if it has no such address.
 *
 * `ready` is never true while the pod terminates, unless the Service publishes addresses that are not ready (EndpointSlice API,
 * EndpointConditions).
 */
export function endpointOf(
  service: Service,
  pod: Pod,
  node: Node | undefined,
  addressType: string,
): Endpoint | undefined {
  const addresses = addressesOf(pod).filter((address) => isIPv6(address) === (addressType === 'IPv6'))
  if (addresses.length === 0) return undefined
  const serving = isPodReady(pod)
  const terminating = isTerminating(pod)
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const { namespace = '', name, uid } = pod.metadata
  const zone = node?.metadata.labels?.[zoneLabel]
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hasNameIn(service, pod) ? { hostname: pod.spec.hostname ?? '' } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(ready ? hintsOf(service, zone, pod.spec.nodeName) : {}),
  }
}

/** The pod has a DNS name of its own below the Service's. */
export const hasNameIn = (service: Service, { spec }: Pod): boolean =>
  (spec.hostname ?? '') !== '' && spec.subdomain === service.metadata.name

/** Where an endpoint should be used from, by the Service's trafficDistribution. */
function hintsOf({ spec }: Service, zone: string | undefined, nodeName: string | undefined): Pick<Endpoint, 'hints'> {
  const forZones = zone ? { forZones: [{ name: zone }] } : {}
  switch (spec.trafficDistribution ?? '') {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone ? { hints: forZones } : {}
    case 'PreferSameNode':
      return nodeName ? { hints: { ...forZones, forNodes: [{ name: nodeName }] } } : {}
    default:
      return {}
  }
}

/** The Service's ports as this pod has them, by name; a port whose target the pod does not have is left out. */
export function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? [])
    .flatMap((servicePort): EndpointPort[] => {
      const port = portOf(servicePort, pod)
      return port === undefined ? [] : [{ ...port, name: port.name ?? '' }]
    })
    .sort((a, b) => compareText(a.name ?? '', b.name ?? ''))
}

/** A Service's port as the pod has it; undefined if the pod has none of that name. */
export function portOf(servicePort: ServicePort, pod: Pod): EndpointPort | undefined {
  const port = targetOf(servicePort, pod)
  const { name, protocol = 'TCP', appProtocol } = servicePort
  if (port === undefined) return undefined
  return { ...(name ? { name } : {}), protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }
}

/** The number that targetPort stands for; a name may be a port of a container or of a sidecar (an init container that keeps running). */
function targetOf({ port, targetPort = port, protocol = 'TCP' }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...spec.containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .find((candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol)?.containerPort
}
