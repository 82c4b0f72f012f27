import { apiTime } from '../../kube/times.ts'
import { freeze, sameJson } from './access.ts'
import { Allocations } from './allocations.ts'
import { Collection } from './collection.ts'
import { definitionResource } from './crd/definition-defaults.ts'
import { kindsOf } from './crd/kinds.ts'
import { isDeletable } from './deletion.ts'
import { changesSpec } from './drafts.ts'
import { bytesOf } from './encoding.ts'
import { History } from './history.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import { orderedObject } from './object-meta.ts'
import { Owners, type Placed } from './owners.ts'
import { KindRegistry } from './registry.ts'
import { expired, noSuchResource, StatusError } from './status.ts'
import type { KubeObject, StoreEvent } from './types.ts'

export interface StoreOptions {
  /** Range of cluster IPs, or one of each family joined by a comma; the first is the primary one. */
  serviceCIDR?: string
  /** Events kept a resource, for watches that resume. */
  historyLimit?: number
  now?: () => Date
  /** 0 ≤ x < 1; for generated names, addresses and ports. */
  random?: () => number
  /** False: dependents outlive their owners, and content its namespace, as with an API server that no controllers watch. */
  collect?: boolean
}

/** What follows from events by itself, after all who listen. */
interface Follower {
  onEvent(event: StoreEvent): void
}

/**
 * Objects in memory as they are, with their past, their owners and what they hold; and how one version follows another: committed, indexed, told. What may
 * be written is not decided here. Everything is synchronous; objects that come out are frozen.
 */
export class Objects {
  readonly allocations: Allocations
  /** What is served: the table, and custom resources. */
  readonly kinds = new KindRegistry()
  protected readonly clock: () => Date
  protected readonly random: () => number
  readonly #historyLimit: number
  readonly #collections = new Map<string, Collection>()
  readonly #histories = new Map<string, History>()
  readonly #owners = new Owners()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  readonly #followers: Follower[] = []
  readonly #queue: StoreEvent[] = []
  #onHold: ((object: KubeObject) => void) | undefined
  #delivering = false
  #version = 0

  constructor(options: StoreOptions = {}) {
    this.clock = options.now ?? (() => new Date())
    this.random = options.random ?? Math.random
    this.allocations = new Allocations((options.serviceCIDR ?? '10.43.0.0/16').split(','), this.random)
    this.#historyLimit = options.historyLimit ?? 10_000
    for (const { resource } of this.kinds.stored()) this.#open(resource)
  }

  get resourceVersion(): string {
    return String(this.#version)
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.collection(resource).list(namespace)
  }

  /** Objects with a label, by index. */
  listLabelled(resource: string, key: string, value: string, namespace?: string): KubeObject[] {
    return this.collection(resource).labelled(key, value, namespace)
  }

  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.collection(resource).get(namespace ?? '', name)
  }

  /** An object that lives, by its uid. */
  byUid(uid: string): KubeObject | undefined {
    return this.#owners.living(uid)?.object
  }

  /** An object that lives and its resource, by its uid. */
  living(uid: string): Placed | undefined {
    return this.#owners.living(uid)
  }

  /** Objects that name an owner. */
  dependentsOf(uid: string): Placed[] {
    return this.#owners.dependentsOf(uid)
  }

  isServed(apiVersion: string, kind: string): boolean {
    return this.kinds.isServed(apiVersion, kind)
  }

  /** Objects in a namespace, by resource; those with none are left out. */
  countsIn(namespace: string): Map<string, number> {
    const counts = [...this.#collections].map(([resource, all]) => [resource, all.countIn(namespace)] as const)
    return new Map(counts.filter(([, count]) => count > 0))
  }

  /** `configmaps.` or `deployments.apps`. */
  qualifiedName(resource: string): string {
    const { plural, group } = this.kindOf(resource)
    return `${plural}.${group}`
  }

  /** The time, as objects have it. */
  now(): string {
    return apiTime(this.clock().getTime())
  }

  /** Events of a resource after a version. @throws StatusError 410 if some of them are forgotten */
  eventsSince(resource: string, version: number): StoreEvent[] {
    const events = this.#histories.get(resource)?.since(version)
    if (events === undefined) throw expired(`too old resource version: ${version} (${this.#version})`)
    return events
  }

  /** The objects of a resource as they were at an earlier version, in order; undefined if that is forgotten. */
  listAt(resource: string, namespace: string | undefined, version: number): KubeObject[] | undefined {
    const events = this.#histories.get(resource)?.since(version)
    if (events === undefined) return undefined
    const past = new Collection()
    for (const object of this.list(resource, namespace)) past.set(object)
    for (const { type, object, old } of events.toReversed()) {
      if (namespace !== undefined && object.metadata.namespace !== namespace) continue
      if (type === 'ADDED') past.delete(object)
      else if (old !== undefined) past.set(old)
    }
    return past.list(namespace)
  }

  /** Forgets the past, as a real server does every five minutes: older versions get 410 from now on. */
  compact(): void {
    for (const history of this.#histories.values()) history.forget(this.#version)
  }

  /** An object as it is stored, as JSON. */
  jsonOf(resource: string, object: KubeObject): Buffer {
    const kind = this.kinds.storedKind(resource)
    // The definition of a custom resource may have gone since.
    return kind === undefined ? Buffer.from(JSON.stringify(object)) : bytesOf(kind, object)
  }

  /** All objects, for a snapshot. */
  contents(): { resource: string; object: KubeObject }[] {
    return [...this.#collections].flatMap(([resource, collection]) =>
      collection.list().map((object) => ({ resource, object })),
    )
  }

  /** `listener` is called before an object that holds addresses or ports is committed. */
  beforeHold(listener: (object: KubeObject) => void): void {
    this.#onHold = listener
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** As `subscribe`, after all listeners; a refusal of what it writes is no error of the write that led to it. */
  protected follow(follower: Follower): void {
    this.#followers.push(follower)
  }

  /** Objects of an earlier store; its past is forgotten. Nobody is told. */
  protected fill(version: number, objects: Iterable<{ kind: Kind; object: KubeObject }>): void {
    this.#version = version
    for (const { kind, object } of objects) this.place(kind, object, undefined)
    for (const history of this.#histories.values()) history.forget(version)
  }

  protected kindOf(resource: string): Kind {
    const kind = this.kinds.storedKind(resource)
    if (kind === undefined) throw noSuchResource()
    return kind
  }

  #open(resource: string): void {
    this.#collections.set(resource, new Collection())
    this.#histories.set(resource, new History(this.#historyLimit))
  }

  protected collection(resource: string): Collection {
    const collection = this.#collections.get(resource)
    if (collection === undefined) throw noSuchResource()
    return collection
  }

  protected existing(kind: Kind, object: KubeObject): KubeObject | undefined {
    const { namespace, name } = object.metadata
    return this.get(kind.resource, kind.namespaced ? namespace : undefined, name)
  }

  /** Commits an update, unless it changes nothing; erases the object if it was waiting for just that. `ofStatus`: it counts as no change of the spec. */
  protected replace(
    kind: Kind,
    draft: KubeObject,
    old: KubeObject,
    options: { dryRun?: boolean; ofStatus?: boolean },
  ): KubeObject {
    draft.metadata.resourceVersion = old.metadata.resourceVersion
    if (kind.generation && options.ofStatus !== true && changesSpec(kind, draft, old))
      draft.metadata.generation = (old.metadata.generation ?? 0) + 1
    const next = orderedObject(draft, kind, apiVersionOf(kind))
    if (sameJson(next, old)) return old
    if (options.dryRun === true) return freeze(next)
    if (isDeletable(next)) {
      // Watchers see the object as it was last stored, with what held it.
      this.erase(kind, old, old)
      return freeze(next)
    }
    return this.commit(kind, next, old)
  }

  protected commit(kind: Kind, draft: KubeObject, old: KubeObject | undefined): KubeObject {
    if (kind.held !== undefined) this.#onHold?.(draft)
    draft.metadata.resourceVersion = String(++this.#version)
    const object = freeze(orderedObject(draft, kind, apiVersionOf(kind)))
    this.place(kind, object, old)
    const event: StoreEvent = { type: old === undefined ? 'ADDED' : 'MODIFIED', resource: kind.resource, object }
    this.#publish(old === undefined ? event : { ...event, old })
    return object
  }

  protected place(kind: Kind, object: KubeObject, old: KubeObject | undefined): void {
    this.#hold(kind, object, old)
    this.collection(kind.resource).set(object)
    this.#owners.set(kind.resource, object)
    if (kind.resource === definitionResource) this.#serve(object.metadata.name, kindsOf(object))
  }

  /** What a definition says is served from the moment it is stored until it is gone. */
  #serve(resource: string, kinds: Kind[]): void {
    this.kinds.replace(resource, kinds)
    if (kinds.length > 0) {
      if (!this.#collections.has(resource)) this.#open(resource)
      return
    }
    this.#collections.delete(resource)
    this.#histories.delete(resource)
  }

  protected erase(kind: Kind, last: KubeObject, old: KubeObject): KubeObject {
    const object = freeze(
      orderedObject(
        { ...last, metadata: { ...last.metadata, resourceVersion: String(++this.#version) } },
        kind,
        apiVersionOf(kind),
      ),
    )
    this.#hold(kind, undefined, old)
    this.collection(kind.resource).delete(old)
    this.#owners.delete(old)
    if (kind.resource === definitionResource) this.#serve(old.metadata.name, [])
    this.#publish({ type: 'DELETED', resource: kind.resource, object, old })
    return object
  }

  #hold(kind: Kind, next: KubeObject | undefined, old: KubeObject | undefined): void {
    if (kind.held === undefined) return
    const before = old === undefined ? undefined : kind.held(old)
    const after = next === undefined ? undefined : kind.held(next)
    if (before !== undefined) this.allocations.release(before.addresses, before.ports)
    if (after !== undefined) this.allocations.take(after.addresses, after.ports)
  }

  /** Listeners see events in the order of commits, also when one of them writes. */
  #publish(event: StoreEvent): void {
    this.#histories.get(event.resource)?.add(event)
    this.#queue.push(event)
    if (this.#delivering) return
    this.#delivering = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#deliver(next)
    } finally {
      this.#delivering = false
    }
  }

  #deliver(event: StoreEvent): void {
    for (const listener of this.#listeners) listener(event)
    try {
      for (const follower of this.#followers) follower.onEvent(event)
    } catch (error) {
      // What may not be deleted stays; the write that led here has been done all the same.
      if (!(error instanceof StatusError)) throw error
    }
  }
}
