import { apiTime } from '../../kube/times.ts'
import { mapOf, sameJson } from './access.ts'
import { foreground, orphan } from './garbage.ts'
import type { Kind } from './kind.ts'
import { conflict, type StatusError } from './status.ts'
import type { DeleteOptions, KubeObject } from './types.ts'

/** Why a DELETE's preconditions do not hold, or undefined. */
export function preconditionError(
  kind: Kind,
  object: KubeObject,
  preconditions: DeleteOptions['preconditions'] = {},
): StatusError | undefined {
  const { uid, resourceVersion, name } = object.metadata
  if (kind.plural === 'namespaces') return namespacePreconditionError(kind, object, preconditions)
  const named = { ...kind, plural: kind.kind }
  if (preconditions.uid && preconditions.uid !== uid) {
    const words = `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid})`
    return conflict(named, name, `${words}. The object might have been deleted and then recreated`)
  }
  if (preconditions.resourceVersion && preconditions.resourceVersion !== resourceVersion) {
    const given = `the ResourceVersion in the precondition (${preconditions.resourceVersion})`
    const words = `${given} does not match the ResourceVersion in record (${resourceVersion})`
    return conflict(named, name, `${words}. The object might have been modified`)
  }
  return undefined
}

/** Namespaces are compared by their storage, which says it in other words. */
function namespacePreconditionError(
  kind: Kind,
  { metadata }: KubeObject,
  preconditions: NonNullable<DeleteOptions['preconditions']>,
): StatusError | undefined {
  const wrong = (what: string, wanted: string, found: string): StatusError =>
    conflict(
      kind,
      metadata.name,
      `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
    )
  const { uid, resourceVersion } = preconditions
  if (uid && uid !== metadata.uid) return wrong('UID', uid, metadata.uid)
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    return wrong('ResourceVersion', resourceVersion, metadata.resourceVersion)
  return undefined
}

/** Seconds that a pod gets to end: none for one that no node has, or that has ended. */
function podGrace(pod: KubeObject, wanted: number | undefined): number {
  const spec = mapOf(pod['spec'])
  const phase = mapOf(pod['status'])['phase']
  if (!spec['nodeName'] || phase === 'Succeeded' || phase === 'Failed') return 0
  const grace = wanted ?? spec['terminationGracePeriodSeconds'] ?? 30
  return grace < 0 ? 1 : grace
}

/** Finalizers that have the garbage collector care for dependents first; without a policy, what the object has been told already holds. */
function finalizersFor({ metadata }: KubeObject, policy: DeleteOptions['propagationPolicy']): string[] {
  const given = metadata.finalizers ?? []
  const others = given.filter((finalizer) => finalizer !== orphan && finalizer !== foreground)
  if (policy === 'Orphan' || (policy === undefined && given.includes(orphan))) return [...others, orphan]
  return policy === 'Foreground' || (policy === undefined && given.includes(foreground))
    ? [...others, foreground]
    : others
}

/** The last time that RFC 3339 can tell: an int64 of seconds leads far beyond. */
const lastMs = Date.parse('9999-12-31T23:59:59Z')

/**
 * A copy with the marks of deletion: a later DELETE may shorten a pod's grace, never lengthen it (then it is the object itself).
 */
export function markDeleted(kind: Kind, object: KubeObject, options: DeleteOptions, now: Date): KubeObject {
  if (kind.markDeleted !== undefined) return markedByKind(kind, object, now)
  const isPod = kind.plural === 'pods'
  const grace = isPod ? podGrace(object, options.gracePeriodSeconds) : 0
  const before = object.metadata.deletionGracePeriodSeconds
  const finalizers = finalizersFor(object, options.propagationPolicy)
  const marked = structuredClone(object)
  const { metadata } = marked
  if (finalizers.length > 0) metadata.finalizers = finalizers
  else delete metadata.finalizers
  if (before !== undefined && before <= grace)
    return sameJson(finalizers, object.metadata.finalizers ?? []) ? object : marked
  const since = Date.parse(metadata.deletionTimestamp ?? '') - (before ?? 0) * 1000
  // A grace that no time can tell has been cut: when it began is not known any more.
  const asked = before === undefined || !(since > 0) ? now.getTime() : since
  metadata.deletionTimestamp = apiTime(Math.min(asked + grace * 1000, lastMs))
  metadata.deletionGracePeriodSeconds = grace
  if (before === undefined && kind.generation) metadata.generation = (metadata.generation ?? 0) + 1
  return marked
}

function markedByKind(kind: Kind, object: KubeObject, now: Date): KubeObject {
  if (object.metadata.deletionTimestamp !== undefined) return object
  const marked = structuredClone(object)
  const time = apiTime(now.getTime())
  marked.metadata.deletionTimestamp = time
  kind.markDeleted?.(marked, time)
  return marked
}

/** Whether nothing holds an object that is to be deleted. */
export const isDeletable = (object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined &&
  (object.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
  (object.metadata.finalizers ?? []).length === 0 &&
  (object.kind !== 'Namespace' || (mapOf(object['spec'])['finalizers'] ?? []).length === 0)
