import { type Json, listOf, mapOf, textOf } from './access.ts'
import { ageSince } from './ages.ts'
import {
  age,
  type Cell,
  count,
  labelText,
  name,
  number,
  numberOf,
  orNone,
  orUnknown,
  podColumnsOf,
  selectorColumn,
  templateSpec,
  text,
  wide,
} from './columns/cells.ts'
import type { Column } from './kind.ts'
import { selectorText } from './label-selectors.ts'
import { podReady, podRestarts, podStatus } from './pod-columns.ts'

export const plainColumns: readonly Column[] = [name, age]

export const namespaceColumns: readonly Column[] = [
  name,
  text('Status', (o) => textOf(mapOf(o['status'])['phase'])),
  age,
]

export const configMapColumns: readonly Column[] = [
  name,
  text('Data', (o) => count(o['data']) + count(o['binaryData'])),
  age,
]

export const secretColumns: readonly Column[] = [
  name,
  text('Type', (o) => textOf(o['type'])),
  text('Data', (o) => count(o['data'])),
  age,
]

export const leaseColumns: readonly Column[] = [
  name,
  text('Holder', (o) => textOf(mapOf(o['spec'])['holderIdentity'])),
  age,
]

const nodeStatus: Cell = (node) => {
  const ready = listOf(mapOf(node['status'])['conditions']).find((condition) => condition['type'] === 'Ready')
  const state = ready?.['status'] === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady'
  return mapOf(node['spec'])['unschedulable'] === true ? `${state},SchedulingDisabled` : state
}

const rolePrefix = 'node-role.kubernetes.io/'

const nodeRoles: Cell = (node) => {
  const roles = Object.entries(mapOf(mapOf(node['metadata'])['labels'])).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix)) return [key.slice(rolePrefix.length)]
    return key === 'kubernetes.io/role' && value !== '' ? [String(value)] : []
  })
  return orNone(
    [...new Set(roles)]
      .filter((role) => role !== '')
      .sort()
      .join(','),
  )
}

const nodeAddress =
  (type: string): Cell =>
  (node) =>
    orNone(textOf(listOf(mapOf(node['status'])['addresses']).find((a) => a['type'] === type)?.['address']))

const nodeInfo =
  (field: string): Cell =>
  (node) =>
    orUnknown(mapOf(mapOf(node['status'])['nodeInfo'])[field])

export const nodeColumns: readonly Column[] = [
  name,
  text('Status', nodeStatus),
  text('Roles', nodeRoles),
  age,
  text('Version', (o) => textOf(mapOf(mapOf(o['status'])['nodeInfo'])['kubeletVersion'])),
  wide('Internal-IP', nodeAddress('InternalIP')),
  wide('External-IP', nodeAddress('ExternalIP')),
  wide('OS-Image', nodeInfo('osImage')),
  wide('Kernel-Version', nodeInfo('kernelVersion')),
  wide('Container-Runtime', nodeInfo('containerRuntimeVersion')),
]

export const podColumns: readonly Column[] = [
  name,
  text('Ready', podReady),
  text('Status', podStatus),
  text('Restarts', podRestarts),
  age,
  wide('IP', (o) => orNone(textOf(mapOf(o['status'])['podIP']))),
  wide('Node', (o) => orNone(textOf(mapOf(o['spec'])['nodeName']))),
  wide('Nominated Node', (o) => orNone(textOf(mapOf(o['status'])['nominatedNodeName']))),
  wide('Readiness Gates', readinessGates),
]

function readinessGates(pod: Json): string {
  const gates = listOf(mapOf(pod['spec'])['readinessGates'])
  if (gates.length === 0) return '<none>'
  const conditions = listOf(mapOf(pod['status'])['conditions'])
  const met = gates.filter((gate) =>
    conditions.some((c) => c['type'] === gate['conditionType'] && c['status'] === 'True'),
  )
  return `${met.length}/${gates.length}`
}

const externalAddress: Cell = (service) => {
  const spec = mapOf(service['spec'])
  const external: string[] = spec['externalIPs'] ?? []
  if (spec['type'] === 'ExternalName') return textOf(spec['externalName'])
  if (spec['type'] !== 'LoadBalancer') return orNone(external.join(','))
  const ingress = listOf(mapOf(mapOf(service['status'])['loadBalancer'])['ingress'])
  const all = [...ingress.map((i) => textOf(i['ip']) || textOf(i['hostname'])), ...external]
  return all.length === 0 ? '<pending>' : all.join(',')
}

const servicePorts: Cell = (service) => {
  const ports = listOf(mapOf(service['spec'])['ports'])
  const texts = ports.map((p) => `${p['port']}${p['nodePort'] ? `:${p['nodePort']}` : ''}/${p['protocol']}`)
  return orNone(texts.join(','))
}

export const serviceColumns: readonly Column[] = [
  name,
  text('Type', (o) => textOf(mapOf(o['spec'])['type'])),
  text('Cluster-IP', (o) => orNone(textOf(mapOf(o['spec'])['clusterIP']))),
  text('External-IP', externalAddress),
  text('Port(s)', servicePorts),
  age,
  wide('Selector', (o) => orNone(selectorText({ matchLabels: mapOf(o['spec'])['selector'] }))),
]

/** At most three, then how many more there are. */
function firstThree(items: readonly string[]): string {
  if (items.length === 0) return '<none>'
  if (items.length <= 3) return items.join(',')
  return `${items.slice(0, 3).join(',')} + ${items.length - 3} more...`
}

export const endpointsColumns: readonly Column[] = [
  name,
  text('Endpoints', (o) =>
    firstThree(
      listOf(o['subsets']).flatMap((subset) => {
        const ports = listOf(subset['ports'])
        const addresses = listOf(subset['addresses']).map((address) => textOf(address['ip']))
        if (ports.length === 0) return addresses
        return ports.flatMap((port) => addresses.map((address) => `${address}:${port['port']}`))
      }),
    ),
  ),
  age,
]

export const endpointSliceColumns: readonly Column[] = [
  name,
  text('AddressType', (o) => textOf(o['addressType'])),
  text('Ports', (o) => slicePorts(listOf(o['ports']))),
  text('Endpoints', (o) => {
    const addresses = listOf(o['endpoints']).flatMap((endpoint): string[] => endpoint['addresses'] ?? [])
    return addresses.length === 0 ? '<unset>' : firstThree(addresses)
  }),
  age,
]

const slicePorts = (ports: readonly Json[]): string =>
  ports.length === 0
    ? '<unset>'
    : firstThree(ports.map((port) => (port['port'] === undefined ? '*' : `${port['port']}`)))

const templateColumns: readonly Column[] = [...podColumnsOf(templateSpec), selectorColumn]

const statusNumber = (o: Json, field: string): number => numberOf(mapOf(o['status'])[field])

export const deploymentColumns: readonly Column[] = [
  name,
  text('Ready', (o) => `${statusNumber(o, 'readyReplicas')}/${numberOf(mapOf(o['spec'])['replicas'])}`),
  text('Up-to-date', (o) => statusNumber(o, 'updatedReplicas')),
  text('Available', (o) => statusNumber(o, 'availableReplicas')),
  age,
  ...templateColumns,
]

export const replicaSetColumns: readonly Column[] = [
  name,
  number('Desired', (o) => numberOf(mapOf(o['spec'])['replicas'])),
  number('Current', (o) => statusNumber(o, 'replicas')),
  number('Ready', (o) => statusNumber(o, 'readyReplicas')),
  age,
  ...templateColumns,
]

export const statefulSetColumns: readonly Column[] = [
  name,
  text('Ready', (o) => `${statusNumber(o, 'readyReplicas')}/${numberOf(mapOf(o['spec'])['replicas'])}`),
  age,
  ...templateColumns.slice(0, 2),
]

export const daemonSetColumns: readonly Column[] = [
  name,
  number('Desired', (o) => statusNumber(o, 'desiredNumberScheduled')),
  number('Current', (o) => statusNumber(o, 'currentNumberScheduled')),
  number('Ready', (o) => statusNumber(o, 'numberReady')),
  number('Up-to-date', (o) => statusNumber(o, 'updatedNumberScheduled')),
  number('Available', (o) => statusNumber(o, 'numberAvailable')),
  text('Node Selector', (o) => labelText(mapOf(mapOf(mapOf(o['spec'])['template'])['spec'])['nodeSelector'])),
  age,
  ...templateColumns,
]

export const controllerRevisionColumns: readonly Column[] = [
  name,
  text('Controller', (o) => {
    const owner = listOf(mapOf(o['metadata'])['ownerReferences']).find((one) => one['controller'] === true)
    if (owner === undefined) return '<none>'
    const group = textOf(owner['apiVersion']).includes('/') ? `.${textOf(owner['apiVersion']).split('/')[0]}` : ''
    return `${textOf(owner['kind']).toLowerCase()}${group}/${textOf(owner['name'])}`
  }),
  number('Revision', (o) => numberOf(o['revision'])),
  age,
]

const about = (event: Json): Json => mapOf(event['involvedObject'])
const firstOf = (...values: unknown[]): string | undefined =>
  values.find((value): value is string => typeof value === 'string' && value !== '')

const eventSource: Cell = (event) => {
  const source = mapOf(event['source'])
  const component = firstOf(source['component'], event['reportingComponent'])
  const host = firstOf(source['host'], event['reportingInstance'])
  return [component, host].filter((part) => part !== undefined).join(', ')
}

export const eventColumns: readonly Column[] = [
  text('Last Seen', (o, now) =>
    ageSince(firstOf(mapOf(o['series'])['lastObservedTime'], o['lastTimestamp'], o['eventTime']), now),
  ),
  text('Type', (o) => textOf(o['type'])),
  text('Reason', (o) => textOf(o['reason'])),
  text('Object', (o) => `${textOf(about(o)['kind']).toLowerCase()}/${textOf(about(o)['name'])}`),
  wide('Subobject', (o) => textOf(about(o)['fieldPath'])),
  wide('Source', eventSource),
  text('Message', (o) => textOf(o['message']).trim()),
  wide('First Seen', (o, now) => ageSince(firstOf(o['firstTimestamp'], o['eventTime']), now)),
  wide('Count', (o) => numberOf(mapOf(o['series'])['count']) || numberOf(o['count']) || 1),
  { ...name, priority: 1 },
]
