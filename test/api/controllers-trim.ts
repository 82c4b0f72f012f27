import type { KubeObject } from '../../src/lab/api/types.ts'

type Fields = Record<string, unknown>

/** The fields of `spec` that the recordings have, by resource; all of them where nothing stands here. */
const specFields: Record<string, readonly string[]> = {
  pods: ['nodeName', 'hostname', 'subdomain', 'tolerations'],
  deployments: ['replicas', 'selector', 'strategy', 'revisionHistoryLimit', 'progressDeadlineSeconds'],
  replicasets: ['replicas', 'selector'],
  statefulsets: ['replicas', 'serviceName', 'podManagementPolicy', 'updateStrategy'],
  daemonsets: ['updateStrategy'],
}

/** Fields beside metadata, by resource; all of them where nothing stands here. */
const topFields: Record<string, readonly string[]> = {
  controllerrevisions: ['revision'],
  configmaps: [],
  serviceaccounts: [],
}

/** An object as the recordings have it: without versions, and only the telling part of what is long. */
export function trimmed(resource: string, object: KubeObject): Fields {
  const { apiVersion: _version, kind: _kind, metadata, ...fields } = structuredClone(object) as Fields & KubeObject
  const {
    namespace: _namespace,
    resourceVersion: _rv,
    creationTimestamp: _time,
    managedFields: _fields,
    ...meta
  } = metadata as typeof metadata & { managedFields?: unknown }
  const description = 'kubernetes.io/description'
  if (meta.annotations?.[description] !== undefined) meta.annotations[description] = ''
  // The recordings are read without it too.
  if (resource === 'endpointslices') delete meta.generation
  const kept = pick(fields, topFields[resource])
  if (resource === 'nodes') kept['status'] = pick((kept['status'] ?? {}) as Fields, ['conditions', 'addresses'])
  const named = specFields[resource]
  const spec =
    named && pick((kept['spec'] ?? {}) as Fields, [...named, ...(pinned(resource, kept) ? ['affinity'] : [])])
  return { metadata: meta, ...kept, ...(spec === undefined ? {} : { spec }) }
}

/** Pods of DaemonSets are recorded with what binds them to their node. */
const pinned = (resource: string, { spec }: Fields): boolean =>
  resource === 'pods' && (spec as { affinity?: unknown }).affinity !== undefined

const pick = (fields: Fields, names: readonly string[] | undefined): Fields =>
  names === undefined ? fields : Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)))

/** An Event as the recordings have it. */
export function trimmedEvent(event: KubeObject): Fields {
  const { kind, apiVersion, name } = event['involvedObject']
  const names = ['type', 'reason', 'action', 'message', 'count', 'source', 'reportingComponent']
  return { involvedObject: { kind, apiVersion, name }, ...pick(event, names) }
}
