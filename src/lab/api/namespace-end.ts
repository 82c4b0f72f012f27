import { type Json, listOf, mapOf } from './access.ts'
import type { DeleteOptions, KubeObject, StoreEvent } from './types.ts'

/** What the end of a namespace needs of the store. */
export interface EmptiedStore {
  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined
  list(resource: string, namespace?: string): KubeObject[]
  /** Objects in a namespace, by resource; those with none are left out. */
  countsIn(namespace: string): Map<string, number>
  remove(resource: string, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject
  updateStatus(resource: string, object: KubeObject): KubeObject
  finalizeNamespace(object: KubeObject): KubeObject
  /** `configmaps.` or `deployments.apps`. */
  qualifiedName(resource: string): string
  now(): string
}

const outcomes = {
  NamespaceDeletionDiscoveryFailure: ['ResourcesDiscovered', 'All resources successfully discovered'],
  NamespaceDeletionGroupVersionParsingFailure: ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  NamespaceDeletionContentFailure: [
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  NamespaceContentRemaining: ['ContentRemoved', 'All content successfully removed'],
  NamespaceFinalizersRemaining: ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
} as const

/**
 * The namespace controller: empties a namespace that terminates, pods first and the rest when they are gone, says in its conditions what
 * remains, and lets it go when it is empty.
 */
export class NamespaceEnd {
  readonly #store: EmptiedStore
  /** Namespaces that terminate: whether everything in them has been told to go. */
  readonly #ending = new Map<string, boolean>()

  constructor(store: EmptiedStore) {
    this.#store = store
  }

  onEvent({ type, resource, object, old }: StoreEvent): void {
    if (resource === 'namespaces') {
      if (type === 'DELETED') this.#ending.delete(object.metadata.name)
      else if (old?.metadata.deletionTimestamp === undefined) this.look(object)
      return
    }
    const { namespace } = object.metadata
    if (namespace === undefined || !this.#ending.has(namespace)) return
    if (type === 'DELETED') this.#proceed(namespace)
  }

  /** A namespace as it is now. */
  look({ metadata }: KubeObject): void {
    if (metadata.deletionTimestamp === undefined || this.#ending.has(metadata.name)) return
    this.#ending.set(metadata.name, false)
    this.#empty(metadata.name, ['pods'])
    this.#proceed(metadata.name)
  }

  #proceed(name: string): void {
    let counts = this.#store.countsIn(name)
    if (this.#ending.get(name) === false && !counts.has('pods')) {
      this.#ending.set(name, true)
      this.#empty(name, [...counts.keys()])
      counts = this.#store.countsIn(name)
    }
    const namespace = this.#store.get('namespaces', undefined, name)
    if (namespace === undefined) return
    if (counts.size === 0) {
      const spec = { ...mapOf(namespace['spec']) }
      const finalizers = (spec['finalizers'] ?? []).filter((finalizer: string) => finalizer !== 'kubernetes')
      this.#store.finalizeNamespace({ ...namespace, spec: { ...spec, finalizers } })
    } else this.#report(namespace, this.#ending.get(name) === true ? counts : new Map<string, number>())
  }

  #empty(name: string, resources: readonly string[]): void {
    for (const resource of resources)
      for (const { metadata } of this.#store.list(resource, name))
        if (metadata.deletionTimestamp === undefined && this.#store.get(resource, name, metadata.name) !== undefined)
          this.#store.remove(resource, name, metadata.name, { propagationPolicy: 'Background' })
  }

  #report(namespace: KubeObject, remaining: ReadonlyMap<string, number>): void {
    const status = mapOf(namespace['status'])
    const before = new Map(listOf(status['conditions']).map((condition) => [condition['type'], condition]))
    const conditions = Object.entries(outcomes).map(([type, [reason, message]]): Json => {
      const found = this.#complaint(type, namespace.metadata.name, remaining)
      const next = found === undefined ? { status: 'False', reason, message } : { status: 'True', ...found }
      const old = before.get(type)
      const lastTransitionTime = old?.['status'] === next.status ? old['lastTransitionTime'] : this.#store.now()
      return { type, status: next.status, lastTransitionTime, reason: next.reason, message: next.message }
    })
    this.#store.updateStatus('namespaces', { ...namespace, status: { ...status, conditions } })
  }

  #complaint(
    type: string,
    name: string,
    remaining: ReadonlyMap<string, number>,
  ): { reason: string; message: string } | undefined {
    if (remaining.size === 0) return undefined
    if (type === 'NamespaceContentRemaining') {
      const shown = [...remaining].map(
        ([resource, count]) => `${this.#store.qualifiedName(resource)} has ${count} resource instances`,
      )
      return { reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${shown.sort().join(', ')}` }
    }
    if (type !== 'NamespaceFinalizersRemaining') return undefined
    const held = new Map<string, number>()
    for (const resource of remaining.keys())
      for (const { metadata } of this.#store.list(resource, name))
        for (const one of metadata.finalizers ?? []) held.set(one, (held.get(one) ?? 0) + 1)
    if (held.size === 0) return undefined
    const shown = [...held].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
    const message = `Some content in the namespace has finalizers remaining: ${shown.sort().join(', ')}`
    return { reason: 'SomeFinalizersRemain', message }
  }
}
