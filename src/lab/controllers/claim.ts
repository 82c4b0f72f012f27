import type { KubeObject, OwnerReference } from '../api/types.ts'
import type { LabelSelector } from './kinds.ts'
import { controllerOf, controllerReference, isTerminating } from './objects.ts'
import { matchesSelector } from './selector.ts'

export interface Claims<T> {
  /** What the owner controls and selects; what is about to be adopted is among it, not yet with its reference. */
  owned: T[]
  adopt: T[]
  release: T[]
}

/**
 * Sorts what an owner may control: its own that still match, matching orphans to adopt, its own that no longer match to release. An owner on
 * its way out neither adopts nor releases; an object on its way out is not adopted.
 */
export function planClaims<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector,
  candidates: Iterable<T>,
): Claims<T> {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] }
  for (const object of candidates) {
    const controller = controllerOf(object)
    const matches = matchesSelector(selector, object.metadata.labels)
    if (controller?.uid === owner.metadata.uid) {
      if (matches) claims.owned.push(object)
      else if (!isTerminating(owner)) claims.release.push(object)
    } else if (controller === undefined && matches && !isTerminating(owner) && !isTerminating(object)) {
      claims.adopt.push(object)
      claims.owned.push(object)
    }
  }
  return claims
}

/** The owner references of an object that is adopted. */
export const withController = (object: KubeObject, owner: KubeObject): OwnerReference[] => [
  ...(object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== owner.metadata.uid),
  controllerReference(owner),
]

/** The owner references of an object that is released. */
export const withoutOwner = (object: KubeObject, owner: KubeObject): OwnerReference[] =>
  (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== owner.metadata.uid)
