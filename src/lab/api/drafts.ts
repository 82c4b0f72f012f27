import { copyJson, isMap, type Json, mapOf, prune, sameJson } from './access.ts'
import { invalidValue } from './field-errors.ts'
import type { Kind } from './kind.ts'
import { conflict, invalid, staleVersion } from './status.ts'
import type { KubeObject, NewObject } from './types.ts'

/** A copy that the hooks may change: nulls and empty lists gone. The types are known to be right. */
export function draftOf(kind: Kind, object: KubeObject | NewObject): KubeObject {
  // Not copied, since they are long and the store says anew what they are.
  const { managedFields: _fields, ...metadata } = mapOf(object.metadata)
  const draft = copyJson({ ...object, metadata }) as KubeObject
  // A custom resource keeps what it was given, also null and what is empty.
  if (kind.custom === undefined) prune(draft, kind.keepEmpty)
  else prune(draft.metadata)
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

/** @throws StatusError 422 if the kind wants to be told what version a client has changed */
export function checkVersionGiven(kind: Kind, object: KubeObject): void {
  if (!kind.needsVersion || object.metadata.resourceVersion) return
  const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update')
  throw invalid({ group: kind.group, kind: kind.plural }, object.metadata.name, [error])
}

/** What a client cannot change by PUT on the object. */
export function carryOver(kind: Kind, draft: KubeObject, old: KubeObject): void {
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation } = old.metadata
  const kept: Json = { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation }
  Object.assign(draft.metadata, kept)
  if (kind.statusSubresource) draft['status'] = copyJson(old['status'])
}

/** What of metadata a client can change by PUT on …/status. */
export function takeMetadata(kind: Kind, draft: KubeObject, given: KubeObject): void {
  const metadata: Json = draft.metadata
  for (const field of kind.statusMetadata) {
    if (given.metadata[field] === undefined) delete metadata[field]
    else metadata[field] = given.metadata[field]
  }
}

/**
 * metadata.generation counts changes of everything but metadata and status (which is a field like others in a custom resource without
 * the subresource); a slice's labels and a Deployment's annotations count too. Binding a pod does not.
 */
export function changesSpec(kind: Kind, draft: KubeObject, old: KubeObject): boolean {
  const part = (object: KubeObject): Json => {
    const { metadata, status, ...rest } = object
    if (kind.custom !== undefined && !kind.statusSubresource) return { ...rest, status, apiVersion: undefined }
    if (kind.custom !== undefined) return { ...rest, apiVersion: undefined }
    const spec: unknown = rest['spec']
    if (object.kind === 'Pod' && isMap(spec)) return { ...rest, spec: { ...spec, nodeName: undefined } }
    if (object.kind === 'Deployment') return { ...rest, annotations: metadata.annotations ?? {} }
    return object.kind === 'EndpointSlice' ? { ...rest, labels: metadata.labels ?? {} } : rest
  }
  return !sameJson(part(draft), part(old))
}
