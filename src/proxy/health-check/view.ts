import { canonicalIP, type Family } from '../../model/ip.ts'
import { sameFamily, serviceKey } from '../../model/services.ts'
import { bySlicesService, type ServiceView } from '../view.ts'
import type { HealthCheckPort } from './types.ts'

/** The health checks of the Services that have an address of the family, oldest first: of two that want one port the older has it. */
export function healthCheckPorts(view: ServiceView, family: Family): HealthCheckPort[] {
  const services = [...view.services.values()].filter(
    ({ healthCheckNodePort, externalTrafficPolicy, type, clusterIPs }) =>
      healthCheckNodePort !== 0 &&
      type === 'LoadBalancer' &&
      externalTrafficPolicy === 'Local' &&
      clusterIPs.some(sameFamily(family)),
  )
  return services
    .toSorted((a, b) => a.createdMs - b.createdMs || (serviceKey(a) < serviceKey(b) ? -1 : 1))
    .map((one) => ({
      service: serviceKey(one),
      port: one.healthCheckNodePort,
      localEndpoints: localEndpoints(view, family, serviceKey(one)),
    }))
}

/** Ready ones on this node; an endpoint of several ports or slices counts once. */
function localEndpoints(view: ServiceView, family: Family, service: string): number {
  const addresses = new Set<string>()
  for (const slice of view.slices.byIndex(bySlicesService, service)) {
    if (slice.family !== family) continue
    for (const { ready, terminating, nodeName, address } of slice.endpoints) {
      if (ready && !terminating && nodeName === view.config.nodeName) addresses.add(canonicalIP(address) ?? address)
    }
  }
  return addresses.size
}
