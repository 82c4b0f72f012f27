import type { KubeObject, NewObject, OwnerReference } from '../api/types.ts'

/** `namespace/name`, or the name alone for what has no namespace. */
export const keyOf = (object: Pick<KubeObject, 'metadata'>): string =>
  joinKey(object.metadata.namespace, object.metadata.name)

export const joinKey = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`

export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The one owner that manages the object, if any. */
export const controllerOf = (object: Pick<NewObject, 'metadata'>): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((reference) => reference.controller === true)

/** A reference as controllers give it to what they create. */
export const controllerReference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
})

export const isTerminating = (object: Pick<NewObject, 'metadata'>): boolean =>
  object.metadata.deletionTimestamp !== undefined

/** Milliseconds since the epoch; 0 for a time that is absent or unreadable. */
export const timeOf = (time: string | null | undefined): number => (time ? Date.parse(time) || 0 : 0)

/** Older first; names decide between objects of the same second. */
export const byCreation = (a: KubeObject, b: KubeObject): number =>
  timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp) ||
  compareText(a.metadata.name, b.metadata.name)

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
