import { isMap, type Json, prune, sameJson } from './access.ts'
import type { Kind } from './kind.ts'
import { metadataShape, shapeError } from './shapes.ts'
import { badRequest, conflict, staleVersion } from './status.ts'
import type { KubeObject, NewObject } from './types.ts'

/** A copy that the hooks may change: types checked, nulls and empty lists gone. @throws StatusError 400 */
export function draftOf(kind: Kind, object: KubeObject | NewObject): KubeObject {
  const wrong =
    shapeError(object.metadata, metadataShape, `${kind.kind}.metadata`) ?? shapeError(object, kind.shape, kind.kind)
  if (wrong !== undefined)
    throw badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${wrong}`)
  const draft = structuredClone(object) as KubeObject
  prune(draft, kind.keepEmpty)
  draft.metadata ??= {} as KubeObject['metadata']
  delete (draft.metadata as Json)['managedFields']
  delete (draft.metadata as Json)['selfLink']
  if (!kind.namespaced) delete draft.metadata.namespace
  return draft
}

/** @throws StatusError 409 if the object was made of another version, or another object, than the one that is there */
export function checkVersion(kind: Kind, object: KubeObject, old: KubeObject): void {
  const { uid, resourceVersion } = object.metadata
  const { name, namespace } = old.metadata
  if (uid && uid !== old.metadata.uid) {
    const key = `/registry/${kind.plural}/${namespace === undefined ? '' : `${namespace}/`}${name}`
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`
    const error = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`
    throw conflict(kind, name, error)
  }
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw staleVersion(kind, name)
}

/** What a client cannot change by PUT on the object. */
export function carryOver(kind: Kind, draft: KubeObject, old: KubeObject): void {
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation } = old.metadata
  const kept: Json = { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation }
  Object.assign(draft.metadata, kept)
  if (kind.statusSubresource) draft['status'] = structuredClone(old['status'])
}

/** metadata.generation counts changes of everything but metadata and status; a slice's labels count too. Binding a pod does not. */
export function changesSpec(draft: KubeObject, old: KubeObject): boolean {
  const part = (object: KubeObject): Json => {
    const { metadata, status: _status, ...rest } = object
    const spec: unknown = rest['spec']
    if (object.kind === 'Pod' && isMap(spec)) return { ...rest, spec: { ...spec, nodeName: undefined } }
    return object.kind === 'EndpointSlice' ? { ...rest, labels: metadata.labels ?? {} } : rest
  }
  return !sameJson(part(draft), part(old))
}
