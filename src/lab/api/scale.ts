import { type Json, mapOf } from './access.ts'
import { invalidValue } from './field-errors.ts'
import { selectorText } from './label-selectors.ts'
import { invalid } from './status.ts'
import type { KubeObject } from './types.ts'

export const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const

/** The subresource `scale` of a workload (autoscaling/v1). */
export function scaleOf(object: KubeObject): Json {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const { replicas, selector } = mapOf(object['spec'])
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas ? { replicas } : {},
    status: { replicas: mapOf(object['status'])['replicas'] ?? 0, selector: selectorText(selector) },
  }
}

/** The workload with the replicas that a Scale asks for. @throws StatusError 422 */
export function scaled(object: KubeObject, scale: Json): KubeObject {
  const replicas: unknown = mapOf(scale['spec'])['replicas'] ?? 0
  const { name } = object.metadata
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    throw invalid(scaleKind, name, [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')])
  const { resourceVersion, uid } = mapOf(scale['metadata'])
  const metadata = {
    ...object.metadata,
    uid: uid ?? object.metadata.uid,
    resourceVersion: resourceVersion ?? object.metadata.resourceVersion,
  }
  return { ...object, metadata, spec: { ...mapOf(object['spec']), replicas } }
}
