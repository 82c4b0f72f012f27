import type { KubeObject } from './types.ts'

export interface Placed {
  resource: string
  object: KubeObject
}

/** Who lives, by uid, and who names whom as an owner. */
export class Owners {
  readonly #living = new Map<string, Placed>()
  /** Uids of dependents, by the uid of the owner. */
  readonly #dependents = new Map<string, Set<string>>()

  living(uid: string): Placed | undefined {
    return this.#living.get(uid)
  }

  set(resource: string, object: KubeObject): void {
    const { uid, ownerReferences = [] } = object.metadata
    this.#forget(uid)
    this.#living.set(uid, { resource, object })
    for (const owner of ownerReferences)
      this.#dependents.set(owner.uid, (this.#dependents.get(owner.uid) ?? new Set()).add(uid))
  }

  delete(object: KubeObject): void {
    this.#forget(object.metadata.uid)
    this.#living.delete(object.metadata.uid)
  }

  /** The objects that name an owner, as they are now. */
  dependentsOf(uid: string): Placed[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#living.get(dependent) ?? [])
  }

  #forget(uid: string): void {
    for (const owner of this.#living.get(uid)?.object.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid)
      dependents?.delete(uid)
      if (dependents?.size === 0) this.#dependents.delete(owner.uid)
    }
  }
}
