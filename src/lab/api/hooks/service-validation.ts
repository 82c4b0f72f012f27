import { isIP } from 'node:net'
import { type Json, listOf, mapOf, sameJson, textOf } from '../access.ts'
import { familyOf } from '../../../model/ip.ts'
import { cidrErrors, ipErrors, specialIpErrors } from '../addresses.ts'
import { duplicate, type FieldError, forbiddenField, invalidValue, oneOf, required } from '../field-errors.ts'
import { dnsLabelErrors, dnsSubdomainErrors, portNameErrors, qualifiedNameErrors } from '../names.ts'
import { labelErrors, numberErrors, protocols } from './pod-validation.ts'
import { isExternal, isHeadless, mayHaveNodePorts, needsClusterIP, needsHealthCheckPort } from './service-defaults.ts'

/** ValidateService and ValidateServiceUpdate of pkg/apis/core/validation, as far as the network depends on it. */
export function serviceErrors(service: Json, oldService: Json | undefined): FieldError[] {
  const spec = mapOf(service['spec'])
  const old = oldService === undefined ? undefined : mapOf(oldService['spec'])
  // A real server looks at families and addresses before all else, and stops there.
  const related = [...familyErrors(spec), ...addressErrors(spec)]
  if (related.length > 0) return related
  return [
    ...typeErrors(spec),
    ...portsErrors(spec),
    ...labelErrors(spec['selector'], 'spec.selector'),
    ...oneOf('spec.sessionAffinity', spec['sessionAffinity'], ['ClientIP', 'None']),
    ...affinityErrors(spec),
    ...externalAddressErrors(spec),
    ...oneOf('spec.type', spec['type'], ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...(old === undefined ? [] : addressChangeErrors(spec, old)),
    ...policyErrors(spec, old),
    ...loadBalancerErrors(spec, old),
  ]
}

function typeErrors(spec: Json): FieldError[] {
  if (spec['type'] !== 'ExternalName') return []
  const errors =
    (spec['clusterIPs'] ?? []).length > 0
      ? [forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services')]
      : []
  const name = textOf(spec['externalName'])
  if (name === '') return [...errors, required('spec.externalName')]
  const words = dnsSubdomainErrors(name.endsWith('.') ? name.slice(0, -1) : name)
  return [...errors, ...words.map((w) => invalidValue('spec.externalName', name, w))]
}

function portsErrors(spec: Json): FieldError[] {
  const ports = listOf(spec['ports'])
  const mayBePortless = isHeadless(spec) || spec['type'] === 'ExternalName'
  if (ports.length === 0) return mayBePortless ? [] : [required('spec.ports')]
  const names = new Set<string>()
  return [
    ...ports.flatMap((port, i) => portErrors(port, `spec.ports[${i}]`, ports.length > 1, names)),
    ...nodePortTypeErrors(spec, ports),
    ...duplicatePorts(ports),
  ]
}

function portErrors(port: Json, path: string, nameNeeded: boolean, names: Set<string>): FieldError[] {
  return [
    ...portNameFieldErrors(textOf(port['name']), `${path}.name`, nameNeeded, names),
    ...numberErrors(`${path}.port`, port['port'] ?? 0),
    ...oneOf(`${path}.protocol`, port['protocol'], protocols),
    ...targetPortErrors(port['targetPort'], `${path}.targetPort`),
    ...(port['appProtocol'] === undefined
      ? []
      : qualifiedNameErrors(textOf(port['appProtocol'])).map((w) =>
          invalidValue(`${path}.appProtocol`, port['appProtocol'], w),
        )),
  ]
}

function portNameFieldErrors(name: string, field: string, needed: boolean, names: Set<string>): FieldError[] {
  if (name === '') return needed ? [required(field)] : []
  const words = dnsLabelErrors(name)
  if (words.length > 0) return words.map((w) => invalidValue(field, name, w))
  if (names.has(name)) return [duplicate(field, name)]
  names.add(name)
  return []
}

const targetPortErrors = (target: unknown, field: string): FieldError[] =>
  typeof target === 'string'
    ? portNameErrors(target).map((words) => invalidValue(field, target, words))
    : numberErrors(field, target ?? 0)

function nodePortTypeErrors(spec: Json, ports: readonly Json[]): FieldError[] {
  if (mayHaveNodePorts(spec) || (spec['type'] !== 'ClusterIP' && spec['type'] !== 'ExternalName')) return []
  return ports.flatMap((port, i) =>
    port['nodePort'] === undefined
      ? []
      : [forbiddenField(`spec.ports[${i}].nodePort`, `may not be used when \`type\` is '${spec['type']}'`)],
  )
}

/** The same protocol and port twice; the value is written as Go prints the internal type. */
function duplicatePorts(ports: readonly Json[]): FieldError[] {
  const seen = new Set<string>()
  return ports.flatMap((port, i) => {
    const key = `${port['protocol']}/${port['port']}`
    if (!seen.has(key)) {
      seen.add(key)
      return []
    }
    const shown = {
      Name: '',
      Protocol: port['protocol'],
      AppProtocol: null,
      Port: port['port'],
      TargetPort: 0,
      NodePort: 0,
    }
    return [duplicate(`spec.ports[${i}]`, shown)]
  })
}

function affinityErrors(spec: Json): FieldError[] {
  const seconds = mapOf(mapOf(spec['sessionAffinityConfig'])['clientIP'])['timeoutSeconds']
  return spec['sessionAffinity'] === 'ClientIP' && (seconds <= 0 || seconds > 86_400)
    ? [
        invalidValue(
          'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
          seconds,
          'must be greater than 0 and less than 86400',
        ),
      ]
    : []
}

const externalAddressErrors = (spec: Json): FieldError[] =>
  (spec['externalIPs'] ?? []).flatMap((address: string, i: number) =>
    specialIpErrors(address).map((words) => invalidValue(`spec.externalIPs[${i}]`, address, words)),
  )

/** Addresses and families do not change once set; a second one may come and go (validateUpgradeDowngradeClusterIPs). */
function addressChangeErrors(spec: Json, old: Json): FieldError[] {
  if (!needsClusterIP(spec) || !needsClusterIP(old)) return []
  const changed = (field: 'clusterIPs' | 'ipFamilies', i: number): FieldError[] => {
    const before: string | undefined = (old[field] ?? [])[i]
    const now: string[] = spec[field] ?? []
    // The first one may not even be taken away; families that are left out are filled in again.
    if (before === undefined || now[i] === before) return []
    if (now[i] === undefined && (i === 1 || field === 'ipFamilies')) return []
    return [invalidValue(`spec.${field}[${i}]`, spec[field] ?? null, 'may not change once set')]
  }
  return [
    ...changed('clusterIPs', 0),
    ...changed('clusterIPs', 1),
    ...changed('ipFamilies', 0),
    ...changed('ipFamilies', 1),
  ]
}

const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const

function familyErrors(spec: Json): FieldError[] {
  if (!needsClusterIP(spec)) return []
  const families: string[] = spec['ipFamilies'] ?? []
  const errors = families.flatMap((family, i) => {
    if (family !== 'IPv4' && family !== 'IPv6') return oneOf(`spec.ipFamilies[${i}]`, family, ['IPv4', 'IPv6'])
    return families.indexOf(family) < i ? [duplicate(`spec.ipFamilies[${i}]`, family)] : []
  })
  const policy = spec['ipFamilyPolicy']
  if (policy !== undefined) errors.push(...oneOf('spec.ipFamilyPolicy', policy, policies))
  return errors
}

function addressErrors(spec: Json): FieldError[] {
  if (!needsClusterIP(spec)) return []
  const addresses: string[] = spec['clusterIPs'] ?? []
  const { clusterIP } = spec
  if (addresses.length === 0) return []
  const whole = (words: string): FieldError[] => [invalidValue('spec.clusterIPs', addresses, words)]
  if (clusterIP === undefined) return whole('must be empty when `clusterIP` is not specified')
  if (addresses[0] !== clusterIP) return whole('first value must match `clusterIP`')
  if (addresses.length > 2) return whole('may only hold up to 2 values')
  const single = addresses.flatMap((address, i) => oneAddressErrors(spec, address, i))
  if (single.length > 0 || addresses.length < 2) return single
  return familyOf(addresses[0] ?? '') === familyOf(addresses[1] ?? '')
    ? whole('may specify no more than one IP for each IP family')
    : []
}

function oneAddressErrors(spec: Json, address: string, i: number): FieldError[] {
  const field = `spec.clusterIPs[${i}]`
  if (address === 'None')
    return spec['type'] === 'ClusterIP'
      ? []
      : [invalidValue(field, 'None', `may not be set to 'None' for ${spec['type']} services`)]
  const words = ipErrors(address)
  if (words.length > 0) return words.map((w) => invalidValue(field, address, w))
  const family = (spec['ipFamilies'] ?? [])[i]
  return family === undefined || family === familyOf(address)
    ? []
    : [invalidValue(field, address, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``)]
}

function policyErrors(spec: Json, old: Json | undefined): FieldError[] {
  const errors: FieldError[] = []
  const { externalTrafficPolicy, internalTrafficPolicy, trafficDistribution, healthCheckNodePort } = spec
  if (externalTrafficPolicy !== undefined && !isExternal(spec))
    errors.push(
      invalidValue(
        'spec.externalTrafficPolicy',
        externalTrafficPolicy,
        'may only be set for externally-accessible services',
      ),
    )
  else if (externalTrafficPolicy !== undefined)
    errors.push(...oneOf('spec.externalTrafficPolicy', externalTrafficPolicy, ['Cluster', 'Local']))
  if (internalTrafficPolicy !== undefined)
    errors.push(...oneOf('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']))
  if (trafficDistribution !== undefined)
    errors.push(...oneOf('spec.trafficDistribution', trafficDistribution, distributions))
  return [...errors, ...healthCheckErrors(spec, old, healthCheckNodePort)]
}

const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'] as const

function healthCheckErrors(spec: Json, old: Json | undefined, port: unknown): FieldError[] {
  const field = 'spec.healthCheckNodePort'
  if (old !== undefined && needsHealthCheckPort(old) && needsHealthCheckPort(spec))
    return port === old['healthCheckNodePort'] ? [] : [forbiddenField(field, 'field is immutable')]
  if (port === undefined || needsHealthCheckPort(spec)) return []
  const words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
  return [invalidValue(field, port, words)]
}

function loadBalancerErrors(spec: Json, old: Json | undefined): FieldError[] {
  const balanced = spec['type'] === 'LoadBalancer'
  const only = "may only be used when `type` is 'LoadBalancer'"
  const errors: FieldError[] = []
  const { loadBalancerClass, loadBalancerSourceRanges, allocateLoadBalancerNodePorts } = spec
  if (loadBalancerClass !== undefined) {
    if (!balanced) errors.push(forbiddenField('spec.loadBalancerClass', only))
    else if (old?.['type'] === 'LoadBalancer' && !sameJson(old['loadBalancerClass'], loadBalancerClass))
      errors.push(invalidValue('spec.loadBalancerClass', loadBalancerClass, 'may not change once set'))
    else
      for (const words of qualifiedNameErrors(textOf(loadBalancerClass)))
        errors.push(invalidValue('spec.loadBalancerClass', loadBalancerClass, words))
  }
  if (Array.isArray(loadBalancerSourceRanges)) {
    if (!balanced) errors.push(forbiddenField('spec.LoadBalancerSourceRanges', only))
    loadBalancerSourceRanges.forEach((range: string, i) => {
      if (balanced)
        errors.push(
          ...cidrErrors(range.trim()).map((w) => invalidValue(`spec.LoadBalancerSourceRanges[${i}]`, range, w)),
        )
    })
  }
  if (allocateLoadBalancerNodePorts !== undefined && !balanced)
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', only))
  return errors
}

/** Status of a load balancer: addresses, names and modes of its ingress. */
export function serviceStatusErrors(service: Json): FieldError[] {
  const ingress = listOf(mapOf(mapOf(service['status'])['loadBalancer'])['ingress'])
  const path = 'status.loadBalancer.ingress'
  if (ingress.length > 0 && mapOf(service['spec'])['type'] !== 'LoadBalancer')
    return [forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")]
  return ingress.flatMap(({ ip, hostname, ipMode }, i) => {
    const errors: FieldError[] = []
    if (ip !== undefined) errors.push(...ipErrors(String(ip)).map((w) => invalidValue(`${path}[${i}].ip`, ip, w)))
    if (ip === undefined && ipMode !== undefined)
      errors.push(forbiddenField(`${path}[${i}].ipMode`, 'may not be specified when `ip` is not set'))
    if (ip !== undefined && ipMode !== undefined)
      errors.push(...oneOf(`${path}[${i}].ipMode`, ipMode, ['Proxy', 'VIP']))
    if (hostname !== undefined) errors.push(...hostnameErrors(String(hostname), `${path}[${i}].hostname`))
    return errors
  })
}

function hostnameErrors(hostname: string, field: string): FieldError[] {
  if (isIP(hostname) !== 0) return [invalidValue(field, hostname, 'must be a DNS name, not an IP address')]
  return dnsSubdomainErrors(hostname).map((words) => invalidValue(field, hostname, words))
}
