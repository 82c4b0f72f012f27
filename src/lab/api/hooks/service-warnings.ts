import { isIP } from 'node:net'
import { type Json, mapOf } from '../access.ts'
import { canonicalIp } from '../addresses.ts'
import { isHeadless } from './service-defaults.ts'

const isOddIp = (address: string): boolean => isIP(address) !== 0 && canonicalIp(address) !== address

const oddIpWarnings = (addresses: readonly string[], path: (i: number) => string): string[] =>
  addresses.flatMap((address, i) =>
    isOddIp(address)
      ? [`${path(i)}: IPv6 address "${address}" should be in RFC 5952 canonical format ("${canonicalIp(address)}")`]
      : [],
  )

/** What a Service says that will not do what its writer thinks, or not for long. */
export function serviceWarnings(service: Json): string[] {
  const spec = mapOf(service['spec'])
  const { type, externalIPs = [], loadBalancerIP, trafficDistribution } = spec
  const headless = isHeadless(spec)
  const external = externalIPs.length > 0
  const ignored = (field: string): string => `spec.${field} is ignored for headless services`
  return [
    ...(headless || type === 'ExternalName'
      ? []
      : oddIpWarnings(spec['clusterIPs'] ?? [], (i) => `spec.clusterIPs[${i}]`)),
    ...(headless && loadBalancerIP ? [ignored('loadBalancerIP')] : []),
    ...(headless && external ? [ignored('externalIPs')] : []),
    ...(headless && spec['sessionAffinity'] !== 'None' ? [ignored('SessionAffinity')] : []),
    ...oddIpWarnings(externalIPs, (i) => `spec.externalIPs[${i}]`),
    ...(external && !headless && type !== 'ExternalName'
      ? ['spec.externalIPs is deprecated and may no longer be implemented in some clusters']
      : []),
    ...oddIpWarnings(loadBalancerIP ? [loadBalancerIP] : [], () => 'spec.loadBalancerIP'),
    ...(type === 'ExternalName' && external ? ['spec.externalIPs is ignored when spec.type is "ExternalName"'] : []),
    ...(type !== 'ExternalName' && spec['externalName']
      ? ['spec.externalName is ignored when spec.type is not "ExternalName"']
      : []),
    ...(trafficDistribution === 'PreferClose'
      ? ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']
      : []),
  ]
}
