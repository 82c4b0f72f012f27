import type { Placed } from './owners.ts'
import type { DeleteOptions, KubeObject, OwnerReference, StoreEvent } from './types.ts'

/** What the collector needs of the store. */
export interface CollectedStore {
  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined
  living(uid: string): Placed | undefined
  dependentsOf(uid: string): Placed[]
  isServed(apiVersion: string, kind: string): boolean
  setMetadata(resource: string, object: KubeObject): KubeObject
  remove(resource: string, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject
}

export const foreground = 'foregroundDeletion'
export const orphan = 'orphan'

const has = ({ metadata }: KubeObject, finalizer: string): boolean => metadata.finalizers?.includes(finalizer) === true

const isGoing = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined

/**
 * The garbage collector: dependents go with their owners, wait for each other, or lose them (kube-controller-manager's, without its graph: the
 * store knows who names whom). It acts on events of the store, one at a time.
 */
export class GarbageCollector {
  readonly #store: CollectedStore

  constructor(store: CollectedStore) {
    this.#store = store
  }

  onEvent({ type, resource, object }: StoreEvent): void {
    if (type === 'DELETED') {
      for (const dependent of this.#store.dependentsOf(object.metadata.uid)) this.#judge(dependent)
      for (const owner of object.metadata.ownerReferences ?? []) this.#finishOwner(owner)
      return
    }
    this.look({ resource, object })
  }

  /** An object as it is now: is it on its way out, or without an owner? */
  look({ resource, object }: Placed): void {
    if (isGoing(object) && has(object, orphan)) this.#release({ resource, object })
    else if (isGoing(object) && has(object, foreground)) this.#clear({ resource, object })
    else if (!isGoing(object)) this.#judge({ resource, object })
  }

  /** Orphaning: dependents forget their owner, then it may go. */
  #release({ resource, object }: Placed): void {
    for (const dependent of this.#store.dependentsOf(object.metadata.uid))
      this.#disown(dependent, (owner) => owner.uid === object.metadata.uid)
    this.#unfinalize(resource, object, orphan)
  }

  /** Foreground deletion: dependents are deleted; the owner stays as long as one of them blocks it. */
  #clear({ resource, object }: Placed): void {
    for (const dependent of this.#store.dependentsOf(object.metadata.uid)) this.#judge(dependent)
    if (!this.#isBlocked(object)) this.#unfinalize(resource, object, foreground)
  }

  #isBlocked({ metadata: { uid } }: KubeObject): boolean {
    return this.#store
      .dependentsOf(uid)
      .some(({ object }) =>
        object.metadata.ownerReferences?.some((o) => o.uid === uid && o.blockOwnerDeletion === true),
      )
  }

  /** An owner that waits in foreground deletion may be free now. */
  #finishOwner({ uid }: OwnerReference): void {
    const owner = this.#store.living(uid)
    if (owner === undefined || !isGoing(owner.object) || !has(owner.object, foreground)) return
    if (!this.#isBlocked(owner.object)) this.#unfinalize(owner.resource, owner.object, foreground)
  }

  /** Deletes an object none of whose owners stays; one that keeps an owner forgets the others. */
  #judge({ resource, object: seen }: Placed): void {
    const { namespace, name, uid, ownerReferences = [] } = seen.metadata
    if (ownerReferences.length === 0) return
    const object = this.#store.get(resource, namespace, name)
    const owners = object?.metadata.ownerReferences ?? []
    if (object === undefined || object.metadata.uid !== uid || owners.length === 0) return
    const states = new Map(owners.map((owner) => [owner.uid, this.#stateOf(owner, namespace)]))
    const all = [...states.values()]
    if (all.every((state) => state === 'solid' || state === 'unknown')) return
    if (all.some((state) => state !== 'gone' && state !== 'waiting')) {
      this.#disown({ resource, object }, (owner) => ['gone', 'waiting'].includes(states.get(owner.uid) ?? ''))
      return
    }
    if (isGoing(object)) return
    const cascades = all.includes('waiting') && this.#store.dependentsOf(uid).length > 0
    const policy = has(object, orphan) ? 'Orphan' : cascades || has(object, foreground) ? 'Foreground' : 'Background'
    this.#store.remove(resource, namespace, name, { propagationPolicy: policy })
  }

  /** `place`: the namespace of the dependent, in which alone a namespaced owner can be. */
  #stateOf(
    { uid, apiVersion, kind }: OwnerReference,
    place: string | undefined,
  ): 'solid' | 'gone' | 'waiting' | 'unknown' {
    const owner = this.#store.living(uid)?.object
    if (owner === undefined) return this.#store.isServed(apiVersion, kind) ? 'gone' : 'unknown'
    const { namespace } = owner.metadata
    if (namespace !== undefined && namespace !== place) return place === undefined ? 'unknown' : 'gone'
    return isGoing(owner) && has(owner, foreground) ? 'waiting' : 'solid'
  }

  #disown({ resource, object }: Placed, drops: (owner: OwnerReference) => boolean): void {
    const { ownerReferences = [], ...metadata } = object.metadata
    const kept = ownerReferences.filter((owner) => !drops(owner))
    if (kept.length === ownerReferences.length) return
    this.#store.setMetadata(resource, { ...object, metadata: { ...metadata, ownerReferences: kept } })
  }

  #unfinalize(resource: string, object: KubeObject, finalizer: string): void {
    const { namespace, name, uid } = object.metadata
    const now = this.#store.get(resource, namespace, name)
    if (now === undefined || now.metadata.uid !== uid) return
    const finalizers = (now.metadata.finalizers ?? []).filter((one) => one !== finalizer)
    this.#store.setMetadata(resource, { ...now, metadata: { ...now.metadata, finalizers } })
  }
}
