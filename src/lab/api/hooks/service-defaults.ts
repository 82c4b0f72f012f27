import { type Json, listOf, mapOf, sameJson, textOf } from '../access.ts'
import { fill } from './pod-defaults.ts'

/** Types whose Services have a cluster IP. */
export const needsClusterIP = (spec: Json): boolean =>
  spec['type'] === 'ClusterIP' || spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer'

export const isHeadless = (spec: Json): boolean => spec['clusterIP'] === 'None'

export const needsNodePorts = (spec: Json): boolean =>
  spec['type'] === 'NodePort' || (spec['type'] === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false)

/** Whether node ports may be set at all. */
export const mayHaveNodePorts = (spec: Json): boolean => spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer'

export const needsHealthCheckPort = (spec: Json): boolean =>
  spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local'

export const isExternal = (spec: Json): boolean =>
  mayHaveNodePorts(spec) ||
  (spec['type'] === 'ClusterIP' && Array.isArray(spec['externalIPs']) && spec['externalIPs'].length > 0)

const defaultAffinitySeconds = 10_800

/** What the API fills in before it looks at addresses (pkg/apis/core/v1/defaults.go). */
export function defaultService(service: Json): void {
  service['spec'] = mapOf(service['spec'])
  const spec = service['spec'] as Json
  if (spec['clusterIP'] === '') delete spec['clusterIP']
  if (spec['clusterIP'] !== undefined && spec['clusterIPs'] === undefined) spec['clusterIPs'] = [spec['clusterIP']]
  fill(spec, 'type', 'ClusterIP')
  fill(spec, 'sessionAffinity', 'None')
  if (Object.keys(mapOf(spec['selector'])).length === 0) delete spec['selector']
  defaultAffinity(spec)
  for (const port of listOf(spec['ports'])) {
    fill(port, 'protocol', 'TCP')
    if (!port['targetPort']) port['targetPort'] = port['port'] ?? 0
    if (port['nodePort'] === 0) delete port['nodePort']
  }
  if (spec['healthCheckNodePort'] === 0) delete spec['healthCheckNodePort']
  if (spec['type'] === 'ExternalName') return
  fill(spec, 'internalTrafficPolicy', 'Cluster')
  if (isExternal(spec)) fill(spec, 'externalTrafficPolicy', 'Cluster')
  if (spec['type'] === 'LoadBalancer') fill(spec, 'allocateLoadBalancerNodePorts', true)
}

function defaultAffinity(spec: Json): void {
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig']
  if (spec['sessionAffinity'] !== 'ClientIP') return
  if (mapOf(mapOf(spec['sessionAffinityConfig'])['clientIP'])['timeoutSeconds'] === undefined)
    spec['sessionAffinityConfig'] = { clientIP: { timeoutSeconds: defaultAffinitySeconds } }
}

/** `clusterIP` is `clusterIPs[0]`: whoever changes one of them means both (NormalizeClusterIPs). */
function normalizeAddresses(spec: Json, old: Json): void {
  if (spec['clusterIP'] === '') delete spec['clusterIP']
  const addresses: unknown[] = spec['clusterIPs'] ?? []
  if (!sameJson(addresses, old['clusterIPs'] ?? [])) return
  if (spec['clusterIP'] === undefined && old['clusterIP'] !== undefined) delete spec['clusterIPs']
  else if (spec['clusterIP'] !== old['clusterIP']) spec['clusterIPs'] = [spec['clusterIP'], ...addresses.slice(1)]
}

/** Runs before the defaults of an update: keeps what was allocated, clears what the new type does not have. */
export function carryOverService(service: Json, oldService: Json): void {
  const spec = mapOf(service['spec'])
  service['spec'] = spec
  const old = mapOf(oldService['spec'])
  fill(spec, 'type', 'ClusterIP')
  normalizeAddresses(spec, old)
  keepAllocated(spec, old)
  clearForType(spec, old)
  if (spec['type'] !== 'LoadBalancer' && old['type'] === 'LoadBalancer') service['status'] = { loadBalancer: {} }
}

function keepAllocated(spec: Json, old: Json): void {
  if (needsClusterIP(spec) && needsClusterIP(old)) {
    if (spec['clusterIP'] === undefined) spec['clusterIP'] = old['clusterIP']
    if (spec['clusterIPs'] === undefined && spec['clusterIP'] === old['clusterIP'])
      spec['clusterIPs'] = old['clusterIPs']
  }
  if (needsNodePorts(spec) && mayHaveNodePorts(old)) keepNodePorts(listOf(spec['ports']), listOf(old['ports']))
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(old))
    fill(spec, 'healthCheckNodePort', old['healthCheckNodePort'])
}

/** Ports are known by their names: one without a name keeps its node port when its number changes. */
function keepNodePorts(ports: readonly Json[], oldPorts: readonly Json[]): void {
  const held = new Map(oldPorts.map((port) => [textOf(port['name']), port['nodePort']]))
  const named = new Set(ports.map((port) => port['nodePort']))
  for (const port of ports) {
    const before = held.get(textOf(port['name']))
    if (!port['nodePort'] && before !== undefined && !named.has(before)) port['nodePort'] = before
  }
}

/** dropTypeDependentFields of pkg/registry/core/service: a field goes with its type, unless the caller changed it too. */
function clearForType(spec: Json, old: Json): void {
  const drop = (needs: (s: Json) => boolean, fields: readonly string[]): void => {
    if (!needs(old) || needs(spec)) return
    if (fields.every((field) => sameJson(spec[field], old[field]))) for (const field of fields) delete spec[field]
  }
  if (needsClusterIP(old) && !needsClusterIP(spec) && sameOrUnset(spec, old))
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'])
      delete spec[field]
  drop(isExternal, ['externalTrafficPolicy'])
  drop((s) => s['type'] === 'LoadBalancer', ['allocateLoadBalancerNodePorts'])
  drop((s) => s['type'] === 'LoadBalancer', ['loadBalancerClass'])
  drop(needsHealthCheckPort, ['healthCheckNodePort'])
  if (mayHaveNodePorts(old) && !mayHaveNodePorts(spec) && samePorts(spec, old))
    for (const port of listOf(spec['ports'])) delete port['nodePort']
}

const sameOrUnset = (spec: Json, old: Json): boolean =>
  spec['clusterIP'] === undefined || sameJson(spec['clusterIPs'], old['clusterIPs'])

const samePorts = (spec: Json, old: Json): boolean => {
  const held = new Set(listOf(old['ports']).map((port) => port['nodePort']))
  return listOf(spec['ports']).every((port) => port['nodePort'] === undefined || held.has(port['nodePort']))
}

/** An ingress address without a mode is one that the node answers for. */
export function defaultServiceStatus(service: Json): void {
  fill(mapOf(service['status']), 'loadBalancer', {})
  for (const ingress of listOf(mapOf(mapOf(service['status'])['loadBalancer'])['ingress']))
    if (ingress['ip'] !== undefined) fill(ingress, 'ipMode', 'VIP')
}
