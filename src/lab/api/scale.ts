import { type Json, mapOf } from './access.ts'
import { customScale, withReplicas } from './crd/scale.ts'
import { invalidValue } from './field-errors.ts'
import type { Kind } from './kind.ts'
import { selectorText } from './label-selectors.ts'
import { invalid } from './status.ts'
import type { KubeObject } from './types.ts'

export const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const

/** The subresource `scale` of a workload (autoscaling/v1). */
export function scaleOf(kind: Kind, object: KubeObject, lenient = false): Json {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const { replicas, current, selector } = numbersOf(kind, object, lenient)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas ? { replicas } : {},
    status: { replicas: current, ...(selector === '' ? {} : { selector }) },
  }
}

interface Numbers {
  replicas: unknown
  current: unknown
  selector: string
}

/** `lenient`: an object without replicas has none, and is no error. */
function numbersOf(kind: Kind, object: KubeObject, lenient: boolean): Numbers {
  const paths = kind.custom?.scale
  if (paths !== undefined) return customScale(object, paths, lenient)
  const { replicas, selector } = mapOf(object['spec'])
  // A ReplicationController has a map of labels in the place of a selector.
  const labels = kind.kind === 'ReplicationController' ? { matchLabels: selector } : selector
  return { replicas, current: mapOf(object['status'])['replicas'] ?? 0, selector: selectorText(labels) }
}

/** The workload with the replicas that a Scale asks for. @throws StatusError 422 */
export function scaled(kind: Kind, object: KubeObject, scale: Json): KubeObject {
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
  const paths = kind.custom?.scale
  if (paths !== undefined) return { ...withReplicas(object, paths, replicas), metadata }
  return { ...object, metadata, spec: { ...mapOf(object['spec']), replicas } }
}
