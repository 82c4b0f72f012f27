import { familyOf } from '../../model/ip.ts'
import type { Service, ServicePort } from '../../model/services.ts'
import type { Refusal } from '../../reconcile/types.ts'

/** What a Service port asks for and does not get in this mode, each with a reason; nothing is left out silently. */
export function refusalsOf(service: Service, port: ServicePort): Omit<Refusal, 'subject'>[] {
  const at = `${port.port}/${port.protocol}`
  const refusals: Omit<Refusal, 'subject'>[] = []
  const refuse = (reason: string, message: string): void => void refusals.push({ reason, message })
  for (const ip of service.externalIPs) refuse('ExternalIPNotTranslated', `external IP ${ip}:${at} is not translated`)
  for (const ip of service.loadBalancerIPs) {
    refuse('LoadBalancerIPNotTranslated', `load-balancer address ${ip}:${at} is not translated`)
  }
  for (const ip of service.clusterIPs) {
    if (familyOf(ip) === 'IPv6') refuse('FamilyNotTranslated', `ClusterIP [${ip}]:${at} is not translated: IPv4 only`)
  }
  if (service.sessionAffinity !== 'None') {
    refuse(
      'SessionAffinityNotApplied',
      'sessionAffinity ClientIP is not applied: each connection may reach another endpoint',
    )
  }
  return refusals
}
