import { fieldAt, type Json, listOf, mapOf, sameJson, stringsOf, textOf, textsOf } from '../access.ts'
import { cidrErrors } from '../addresses.ts'
import { type FieldError, forbiddenField, invalidValue, oneOf, required } from '../field-errors.ts'
import { configKeyErrors, labelValueErrors, qualifiedNameErrors } from '../names.ts'
import { fill, firstOf } from './pod-defaults.ts'

/** Namespaces carry their own name as a label, and a finalizer that the namespace controller takes off. */
export function defaultNamespace(namespace: Json): void {
  const metadata = namespace['metadata'] as Json
  metadata['labels'] = { ...stringsOf(metadata['labels']), 'kubernetes.io/metadata.name': metadata['name'] }
}

export function admitNamespace(namespace: Json): void {
  namespace['spec'] = { finalizers: ['kubernetes'] }
}

export function carryOverNamespace(namespace: Json, old: Json): void {
  namespace['spec'] = structuredClone(old['spec'])
}

/** `stringData` is written into `data`, base64 encoded. */
export function defaultSecret(secret: Json): void {
  fill(secret, 'type', 'Opaque')
  const plain = Object.entries(stringsOf(secret['stringData']))
  delete secret['stringData']
  if (plain.length === 0) return
  const encoded = plain.map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  secret['data'] = { ...mapOf(secret['data']), ...Object.fromEntries(encoded) }
}

const requiredKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
])

export function secretErrors(secret: Json, old: Json | undefined): FieldError[] {
  const data = mapOf(secret['data'])
  return [
    ...(old !== undefined && old['type'] !== secret['type']
      ? [invalidValue('type', secret['type'], 'field is immutable')]
      : []),
    ...keyErrors(data, 'data'),
    ...(requiredKeys.get(textOf(secret['type'])) ?? [])
      .filter((key) => data[key] === undefined)
      .map((key) => required(`data[${key}]`)),
    ...immutableErrors(secret, old, ['data']),
  ]
}

export function configMapErrors(configMap: Json, old: Json | undefined): FieldError[] {
  const binary = mapOf(configMap['binaryData'])
  const both = Object.keys(mapOf(configMap['data'])).filter((key) => fieldAt(binary, key) !== undefined)
  return [
    ...keyErrors(mapOf(configMap['data']), 'data'),
    ...both.map((key) => invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')),
    ...keyErrors(binary, 'binaryData'),
    ...immutableErrors(configMap, old, ['data', 'binaryData']),
  ]
}

const keyErrors = (data: Json, path: string): FieldError[] =>
  Object.keys(data).flatMap((key) => configKeyErrors(key).map((words) => invalidValue(`${path}[${key}]`, key, words)))

function immutableErrors(object: Json, old: Json | undefined, fields: readonly string[]): FieldError[] {
  if (old?.['immutable'] !== true) return []
  const words = 'field is immutable when `immutable` is set'
  return [
    ...(object['immutable'] === true ? [] : [forbiddenField('immutable', words)]),
    ...fields.filter((field) => !sameJson(object[field], old[field])).map((field) => forbiddenField(field, words)),
  ]
}

const nodeInfoFields = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
] as const

/** Fields of Node.status that Go writes even when nobody set them. */
export function defaultNode(node: Json): void {
  node['spec'] = mapOf(node['spec'])
  node['status'] = mapOf(node['status'])
  firstOf(node['spec'] as Json, 'podCIDR', 'podCIDRs', [mapOf(node['spec'])['podCIDR']])
  const status = node['status'] as Json
  fill(status, 'daemonEndpoints', { kubeletEndpoint: { Port: 0 } })
  const blank = Object.fromEntries(nodeInfoFields.map((field) => [field, '']))
  status['nodeInfo'] = { ...blank, ...mapOf(status['nodeInfo']) }
}

const notReady = 'node.kubernetes.io/not-ready'

/** A new node takes no pods before it is Ready (admission plugin TaintNodesByCondition). */
export function admitNode(node: Json): void {
  const spec = node['spec'] as Json
  const taints = listOf(spec['taints'])
  if (taints.some((taint) => taint['key'] === notReady && taint['effect'] === 'NoSchedule')) return
  spec['taints'] = [...taints, { key: notReady, effect: 'NoSchedule' }]
}

/** A pod range and a provider's id are given to a node once. */
export function nodeErrors(node: Json, old: Json | undefined): FieldError[] {
  const [spec, before] = [mapOf(node['spec']), mapOf(old?.['spec'])]
  const changed = (field: string): boolean => Boolean(before[field]) && spec[field] !== before[field]
  const once = (field: string, shown: string, words: string): FieldError[] =>
    changed(field) ? [forbiddenField(shown, `node updates may not change ${words} except from "" to valid`)] : []
  return [
    ...listOf(spec['taints']).flatMap((taint, i) => taintErrors(taint, `metadata.taints[${i}]`)),
    ...textsOf(spec['podCIDRs']).flatMap((cidr, i) =>
      cidrErrors(cidr).map((words) => invalidValue(`spec.podCIDRs[${i}]`, cidr, words)),
    ),
    ...once('podCIDR', 'spec.podCIDRs', 'podCIDR'),
    ...once('providerID', 'spec.providerID', 'providerID'),
  ]
}

const taintErrors = (taint: Json, path: string): FieldError[] => [
  ...qualifiedNameErrors(textOf(taint['key'])).map((words) => invalidValue(`${path}.key`, taint['key'], words)),
  ...labelValueErrors(textOf(taint['value'])).map((words) => invalidValue(`${path}.value`, taint['value'], words)),
  ...oneOf(`${path}.effect`, taint['effect'], ['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
]

/** Numbers of a Lease (pkg/apis/coordination/validation). */
export function leaseErrors(lease: Json): FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = mapOf(lease['spec'])
  const tooShort = typeof duration === 'number' && duration <= 0
  const negative = typeof transitions === 'number' && transitions < 0
  return [
    ...(tooShort ? [invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0')] : []),
    ...(negative ? [invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0')] : []),
  ]
}

export function defaultEndpoints(endpoints: Json): void {
  for (const subset of listOf(endpoints['subsets']))
    for (const port of listOf(subset['ports'])) fill(port, 'protocol', 'TCP')
}

/** Fields of an Event that are written even when empty. */
export function defaultEvent(event: Json): void {
  event['source'] = mapOf(event['source'])
  fill(event, 'firstTimestamp', null)
  fill(event, 'lastTimestamp', null)
  fill(event, 'eventTime', null)
  fill(event, 'reportingComponent', '')
  fill(event, 'reportingInstance', '')
}

/** An Event belongs to the namespace of its object; one about a cluster-scoped object is kept in `default`. */
export function eventErrors(event: Json): FieldError[] {
  const namespace = mapOf(event['metadata'])['namespace']
  const about = textOf(mapOf(event['involvedObject'])['namespace'])
  if (about === '' ? namespace === 'default' || namespace === 'kube-system' : about === namespace) return []
  return [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')]
}

/** Names of the same fields in core/v1 and in events.k8s.io/v1. */
const eventFields = {
  involvedObject: 'regarding',
  message: 'note',
  reportingComponent: 'reportingController',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
} as const

export function eventToNew(event: Json): Json {
  const later = renamed(event, Object.entries(eventFields), 'events.k8s.io/v1')
  for (const field of ['reportingController', 'reportingInstance']) if (later[field] === '') delete later[field]
  return later
}

export const eventToCore = (event: Json): Json =>
  renamed(
    event,
    Object.entries(eventFields).map(([core, later]) => [later, core]),
    'v1',
  )

function renamed(event: Json, names: ReadonlyArray<readonly [string, string]>, apiVersion: string): Json {
  const map = new Map(names)
  const fields = Object.entries(event).map(([field, value]) => [map.get(field) ?? field, value])
  return { ...Object.fromEntries(fields), apiVersion }
}

export function defaultEndpointSlice(slice: Json): void {
  // Both are written even when nothing was given: a slice of a Service without pods has neither.
  fill(slice, 'endpoints', null)
  fill(slice, 'ports', null)
  for (const endpoint of listOf(slice['endpoints'])) fill(endpoint, 'conditions', {})
  for (const port of listOf(slice['ports'])) {
    fill(port, 'name', '')
    fill(port, 'protocol', 'TCP')
  }
}
