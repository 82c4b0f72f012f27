import { availableParallelism, totalmem } from 'node:os'
import { allContainers, type Container, type FieldRef, type Pod, type ResourceFieldRef } from './pod.ts'

/** What of a pod is known on its node only. Primary family first. */
export interface PodAddresses {
  podIPs: readonly string[]
  hostIPs: readonly string[]
}

/**
 * A field of the pod as its containers get to see it (downward API, "Available fields").
 *
 * @returns undefined for a field that there is not
 */
export function downwardField(pod: Pod, { fieldPath }: FieldRef, addresses: PodAddresses): string | undefined {
  const { metadata, spec } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath)
  if (keyed)
    return new Map(Object.entries(metadata[keyed[1] as 'labels' | 'annotations'] ?? {})).get(keyed[2] ?? '') ?? ''
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'metadata.labels': lines(metadata.labels),
    'metadata.annotations': lines(metadata.annotations),
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.hostIP': addresses.hostIPs[0],
    'status.hostIPs': addresses.hostIPs.join(','),
    'status.podIP': addresses.podIPs[0],
    'status.podIPs': addresses.podIPs.join(','),
  }
  return Object.hasOwn(fields, fieldPath) ? fields[fieldPath] : undefined
}

/** As files of a downward API volume have it: sorted, values quoted. */
const lines = (map: Record<string, string> = {}): string =>
  Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n')

/** A container's request or limit, divided and rounded up; without a limit what the node has. */
export function downwardResource(pod: Pod, self: Container | undefined, ref: ResourceFieldRef): string {
  const container = allContainers(pod).find(({ name }) => name === ref.containerName) ?? self
  const [kind = '', ...rest] = ref.resource.split('.')
  const resource = rest.join('.')
  const limit = container?.resources?.limits?.[resource]
  const given = kind === 'requests' ? (container?.resources?.requests?.[resource] ?? limit) : limit
  const amount = given === undefined ? (kind === 'limits' ? capacity(resource) : 0) : parseQuantity(given)
  const divisor = parseQuantity(String(ref.divisor ?? '1')) || 1
  return String(Math.ceil(Number((amount / divisor).toFixed(6))))
}

const capacity = (resource: string): number =>
  ({ cpu: availableParallelism(), memory: totalmem() })[resource as 'cpu' | 'memory'] ?? 0

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** A quantity (`100m`, `1.5Gi`, `1e3`) as a number; what is none counts as 0. */
export function parseQuantity(text: string): number {
  const [, number = '0', suffix = ''] = /^([+-]?[0-9.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(text) ?? []
  return Number(number) * (suffixes[suffix] ?? 0)
}
