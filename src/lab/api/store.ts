import { randomUUID } from 'node:crypto'
import { copyJson, freeze, listOf, mapOf, sameJson } from './access.ts'
import { Allocations } from './allocations.ts'
import { withSharedFields } from './apply/managed-fields.ts'
import { ownChanged, ownNew, type Tracked } from './apply/track.ts'
import { Collection } from './collection.ts'
import { definitionController } from './crd/controller.ts'
import { definitionResource } from './crd/definition-defaults.ts'
import { kindsOf } from './crd/kinds.ts'
import { isDeletable, markDeleted, preconditionError } from './deletion.ts'
import { carryOver, changesSpec, checkVersion, checkVersionGiven, draftOf } from './drafts.ts'
import { bytesOf } from './encoding.ts'
import type { FieldError } from './field-errors.ts'
import { GarbageCollector } from './garbage.ts'
import { History } from './history.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import { NamespaceEnd } from './namespace-end.ts'
import { changedMetaErrors, generatedName, newMetaErrors, orderedObject } from './object-meta.ts'
import { Owners, type Placed } from './owners.ts'
import type { Saved } from './persist/saved.ts'
import { KindRegistry } from './registry.ts'
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  forbidden,
  invalid,
  noSuchResource,
  notFound,
  StatusError,
} from './status.ts'
import type { ApiStore, DeleteOptions, KubeObject, NewObject, StoreEvent } from './types.ts'

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

export interface WriteOptions extends Tracked {
  /** Answers as if it had been done. */
  dryRun?: boolean
  /** The call comes over HTTP: rules that hold for clients alone hold too (a pod is bound by its subresource). */
  fromClient?: boolean
}

/** Namespaces that may not be deleted (admission plugin NamespaceLifecycle). */
const immortal = new Set(['default', 'kube-system', 'kube-public'])

/** Labels of its node that a pod gets when it is bound (admission plugin PodTopologyLabels). */
const topologyLabels = new Set(['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'])

/** Objects in memory, with the rules of a real API server. Everything is synchronous; objects that come out are frozen. */
export class MemoryStore implements ApiStore {
  readonly allocations: Allocations
  /** What is served: the table, and custom resources. */
  readonly kinds = new KindRegistry()
  readonly #historyLimit: number
  readonly #define: (event: StoreEvent) => void
  readonly #collections = new Map<string, Collection>()
  readonly #histories = new Map<string, History>()
  readonly #owners = new Owners()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  readonly #queue: StoreEvent[] = []
  readonly #now: () => Date
  readonly #random: () => number
  #onHold: ((object: KubeObject) => void) | undefined
  #garbage: GarbageCollector | undefined
  #namespaceEnd: NamespaceEnd | undefined
  #delivering = false
  #version = 0

  constructor(options: StoreOptions = {}) {
    this.#now = options.now ?? (() => new Date())
    this.#random = options.random ?? Math.random
    this.allocations = new Allocations((options.serviceCIDR ?? '10.43.0.0/16').split(','), this.#random)
    this.#historyLimit = options.historyLimit ?? 10_000
    for (const { resource } of this.kinds.stored()) this.#open(resource)
    this.#define = definitionController(this, () => seconds(this.#now()))
    this.subscribe(this.#define)
    if (options.collect === false) return
    this.#garbage = new GarbageCollector(this)
    this.#namespaceEnd = new NamespaceEnd(this)
  }

  get resourceVersion(): string {
    return String(this.#version)
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.#collection(resource).list(namespace)
  }

  /** Objects with a label, by index. */
  listLabelled(resource: string, key: string, value: string, namespace?: string): KubeObject[] {
    return this.#collection(resource).labelled(key, value, namespace)
  }

  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#collection(resource).get(namespace ?? '', name)
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
    const { plural, group } = this.#kindOf(resource)
    return `${plural}.${group}`
  }

  /** The time, as objects have it. */
  now(): string {
    return seconds(this.#now())
  }

  /** Changes metadata alone, for the collector: an object that would not be valid any more can still lose an owner or a finalizer. */
  setMetadata(resource: string, object: KubeObject): KubeObject {
    const kind = this.#kindOf(resource)
    const old = this.#existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    return this.#replace(kind, { ...structuredClone(old), metadata: structuredClone(object.metadata) }, old, {})
  }

  /** PUT …/finalize: replaces the finalizers in the spec of a namespace; one that terminates goes with its last one. */
  finalizeNamespace(object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = this.#kindOf('namespaces')
    const old = this.#existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    checkVersion(kind, object, old)
    const draft = copyJson(old)
    const finalizers: string[] = mapOf(object['spec'])['finalizers'] ?? []
    draft['spec'] = finalizers.length === 0 ? {} : { finalizers }
    return this.#replace(kind, draft, old, options)
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

  create(resource: string, object: NewObject, options: WriteOptions = {}): KubeObject {
    const kind = this.#kindOf(resource)
    const draft = draftOf(kind, object)
    if (draft.metadata.resourceVersion !== undefined)
      throw new StatusError(500, undefined, 'resourceVersion should not be set on objects to be created')
    const { generateName } = draft.metadata
    if (!draft.metadata.name) draft.metadata.name = generateName ? generatedName(generateName, this.#random) : ''
    this.#stampNew(kind, draft)
    kind.defaults?.(draft)
    ownNew(kind, draft, options, seconds(this.#now()))
    kind.admit?.(draft, this)
    if (kind.namespaced) this.#checkNamespace(kind, draft)
    const { namespace = '', name } = draft.metadata
    const errors = [...newMetaErrors(kind, draft.metadata), ...(kind.validate?.(draft, undefined, true) ?? [])]
    refuse(kind, name, errors)
    const existing = this.#collection(resource).get(namespace, name)
    if (existing !== undefined) throw alreadyExists(kind, name, existing.metadata.deletionTimestamp !== undefined)
    refuse(kind, name, kind.allocate?.(draft, undefined, this) ?? [])
    if (options.dryRun === true) return freeze(orderedObject(draft, kind, apiVersionOf(kind)))
    return this.#commit(kind, draft, undefined)
  }

  update(resource: string, object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = this.#kindOf(resource)
    const old = this.#existing(kind, object)
    if (old === undefined) return this.#createByUpdate(kind, object, options)
    checkVersion(kind, object, old)
    if (options.fromClient === true) checkVersionGiven(kind, object)
    const draft = draftOf(kind, object)
    carryOver(kind, draft, old)
    kind.beforeUpdate?.(draft, old)
    kind.defaults?.(draft)
    ownChanged(kind, draft, old, object.metadata.managedFields, options, seconds(this.#now()))
    // A real server looks twice at the metadata of its own kinds, and says twice what is wrong.
    const once = changedMetaErrors(draft.metadata, old.metadata)
    const errors = kind.custom === undefined ? [...once, ...once] : once
    const fromClient = options.fromClient === true
    refuse(kind, old.metadata.name, [...errors, ...(kind.validate?.(draft, old, fromClient) ?? [])])
    refuse(kind, old.metadata.name, kind.allocate?.(draft, old, this) ?? [])
    return this.#replace(kind, draft, old, options)
  }

  updateStatus(resource: string, object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = this.#kindOf(resource)
    if (!kind.statusSubresource) throw noSuchResource()
    const old = this.#existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    checkVersion(kind, object, old)
    if (options.fromClient === true) checkVersionGiven(kind, object)
    const given = draftOf(kind, object)
    const draft = copyJson(old)
    draft['status'] = kind.custom === undefined ? mapOf(given['status']) : given['status']
    if (kind.custom !== undefined) draft.apiVersion = given.apiVersion
    if (kind.statusTakesMetadata) {
      const { labels = {}, annotations = {} } = given.metadata
      Object.assign(draft.metadata, { labels, annotations })
    }
    kind.statusDefaults?.(draft)
    const writer = { manager: 'kube-controller-manager', subresource: 'status', ...options.writer }
    const sent = object.metadata.managedFields
    ownChanged(kind, draft, old, sent, { ...options, writer }, seconds(this.#now()))
    refuse(kind, old.metadata.name, kind.validateStatus?.(draft) ?? [])
    return this.#replace(kind, draft, old, options)
  }

  remove(resource: string, namespace: string | undefined, name: string, options: DeleteOptions = {}): KubeObject {
    return this.delete(resource, namespace, name, options).object
  }

  /** As `remove`, and whether the object is gone. */
  delete(
    resource: string,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
    write: WriteOptions = {},
  ): { object: KubeObject; gone: boolean } {
    const kind = this.#kindOf(resource)
    const old = this.get(resource, namespace, name)
    if (old === undefined) throw notFound(kind, name)
    const refused = preconditionError(kind, old, options.preconditions)
    if (refused !== undefined) throw refused
    if (resource === 'namespaces') return this.#deleteNamespace(kind, old, write)
    const marked = markDeleted(kind, old, options, this.#now())
    const gone = isDeletable(marked)
    // Only a pod's last version carries the marks of deletion.
    const last = gone && resource !== 'pods' ? old : marked
    if (write.dryRun === true) return { object: freeze(last), gone }
    if (gone) return { object: this.#erase(kind, last, old), gone }
    return { object: sameJson(marked, old) ? old : this.#commit(kind, marked, old), gone }
  }

  /** POST …/binding: assigns a pod to a node. @throws StatusError 409 if it has one, or is being deleted */
  bind(namespace: string, name: string, nodeName: string, options: WriteOptions = {}): KubeObject {
    const kind = this.#kindOf('pods')
    const old = this.get('pods', namespace, name)
    if (old === undefined) throw notFound(kind, name)
    const binding = { ...kind, plural: 'pods/binding' }
    if (old.metadata.deletionTimestamp !== undefined)
      throw conflict(binding, name, `pod ${name} is being deleted, cannot be assigned to a host`)
    if (old['spec'].nodeName !== undefined)
      throw conflict(binding, name, `pod ${name} is already assigned to node "${old['spec'].nodeName}"`)
    if ((old['spec'].schedulingGates ?? []).length > 0)
      throw conflict(binding, name, `pod ${name} has non-empty .spec.schedulingGates`)
    const draft = copyJson(old)
    draft['spec'].nodeName = nodeName
    const node = this.get('nodes', undefined, nodeName)
    const topology = Object.entries(node?.metadata.labels ?? {}).filter(([name]) => topologyLabels.has(name))
    if (topology.length > 0) draft.metadata.labels = { ...draft.metadata.labels, ...Object.fromEntries(topology) }
    const time = seconds(this.#now())
    const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: time }
    const others = listOf(mapOf(draft['status'])['conditions']).filter((c) => c['type'] !== 'PodScheduled')
    draft['status'] = { ...mapOf(draft['status']), conditions: [...others, scheduled] }
    const writer = { manager: 'kube-scheduler', subresource: 'binding' }
    ownChanged(kind, draft, old, undefined, { writer }, time)
    return this.#replace(kind, draft, old, options)
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

  /**
   * Fills an empty store with what an earlier one held. What happened until then is forgotten: watches from older versions get 410. Returns
   * resources that are not served any more, whose objects are left out.
   */
  restore({ version, objects }: Saved): Set<string> {
    this.#version = version
    const unknown = new Set<string>()
    const all = [...objects]
    const defines = ({ resource }: Placed): boolean => resource === definitionResource
    // Definitions first: they say what else there can be.
    for (const { resource, object } of [...all.filter(defines), ...all.filter((one) => !defines(one))]) {
      const kind = this.kinds.storedKind(resource)
      if (kind === undefined) unknown.add(resource)
      else this.#place(kind, freeze(withSharedFields(object)), undefined)
    }
    for (const history of this.#histories.values()) history.forget(version)
    // What was under way when the other process ended goes on.
    for (const { resource, object } of this.contents()) {
      this.#garbage?.look({ resource, object })
      if (resource === 'namespaces') this.#namespaceEnd?.look(object)
      if (resource === definitionResource) this.#define({ type: 'MODIFIED', resource, object })
    }
    return unknown
  }

  /** `listener` is called before an object that holds addresses or ports is committed. */
  beforeHold(listener: (object: KubeObject) => void): void {
    this.#onHold = listener
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #kindOf(resource: string): Kind {
    const kind = this.kinds.storedKind(resource)
    if (kind === undefined) throw noSuchResource()
    return kind
  }

  #open(resource: string): void {
    this.#collections.set(resource, new Collection())
    this.#histories.set(resource, new History(this.#historyLimit))
  }

  #collection(resource: string): Collection {
    const collection = this.#collections.get(resource)
    if (collection === undefined) throw noSuchResource()
    return collection
  }

  #stampNew(kind: Kind, draft: KubeObject): void {
    draft.metadata.uid = randomUUID()
    draft.metadata.creationTimestamp = seconds(this.#now())
    delete draft.metadata.deletionTimestamp
    delete draft.metadata.deletionGracePeriodSeconds
    if (kind.generation) draft.metadata.generation = 1
    const status = kind.initialStatus?.(draft)
    if (kind.initialStatus !== undefined) draft['status'] = status
  }

  #checkNamespace(kind: Kind, draft: KubeObject): void {
    const { namespace, name } = draft.metadata
    if (!namespace) throw badRequest('an empty namespace may not be set during creation')
    const object = this.get('namespaces', undefined, namespace)
    if (object === undefined) throw notFound(this.#kindOf('namespaces'), namespace)
    if (object.metadata.deletionTimestamp === undefined) return
    throw forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    )
  }

  #existing(kind: Kind, object: KubeObject): KubeObject | undefined {
    const { namespace, name } = object.metadata
    return this.get(kind.resource, kind.namespaced ? namespace : undefined, name)
  }

  #createByUpdate(kind: Kind, object: KubeObject, options: WriteOptions): KubeObject {
    if (!kind.createOnUpdate) throw notFound(kind, object.metadata.name)
    const { uid: _uid, resourceVersion: _version, ...metadata } = object.metadata
    return this.create(kind.resource, { ...object, metadata }, options)
  }

  /** Commits an update, unless it changes nothing; erases the object if it was waiting for just that. */
  #replace(kind: Kind, draft: KubeObject, old: KubeObject, options: WriteOptions): KubeObject {
    draft.metadata.resourceVersion = old.metadata.resourceVersion
    if (kind.generation && changesSpec(kind, draft, old)) draft.metadata.generation = (old.metadata.generation ?? 0) + 1
    const next = orderedObject(draft, kind, apiVersionOf(kind))
    if (sameJson(next, old)) return old
    if (options.dryRun === true) return freeze(next)
    if (isDeletable(next)) {
      // Watchers see the object as it was last stored, with what held it.
      this.#erase(kind, old, old)
      return freeze(next)
    }
    return this.#commit(kind, next, old)
  }

  #commit(kind: Kind, draft: KubeObject, old: KubeObject | undefined): KubeObject {
    if (kind.held !== undefined) this.#onHold?.(draft)
    draft.metadata.resourceVersion = String(++this.#version)
    const object = freeze(orderedObject(draft, kind, apiVersionOf(kind)))
    this.#place(kind, object, old)
    const event: StoreEvent = { type: old === undefined ? 'ADDED' : 'MODIFIED', resource: kind.resource, object }
    this.#publish(old === undefined ? event : { ...event, old })
    return object
  }

  #place(kind: Kind, object: KubeObject, old: KubeObject | undefined): void {
    this.#hold(kind, object, old)
    this.#collection(kind.resource).set(object)
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

  #erase(kind: Kind, last: KubeObject, old: KubeObject): KubeObject {
    const object = freeze(
      orderedObject(
        { ...last, metadata: { ...last.metadata, resourceVersion: String(++this.#version) } },
        kind,
        apiVersionOf(kind),
      ),
    )
    this.#hold(kind, undefined, old)
    this.#collection(kind.resource).delete(old)
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

  #deleteNamespace(kind: Kind, old: KubeObject, write: WriteOptions): { object: KubeObject; gone: boolean } {
    const { name } = old.metadata
    if (immortal.has(name)) throw forbidden(kind, name, 'this namespace may not be deleted')
    if (old.metadata.deletionTimestamp !== undefined) return { object: old, gone: false }
    const draft = copyJson(old)
    draft.metadata.deletionTimestamp = seconds(this.#now())
    draft['status'] = { ...mapOf(draft['status']), phase: 'Terminating' }
    if (write.dryRun === true) return { object: freeze(draft), gone: false }
    if (isDeletable(draft)) return { object: this.#erase(kind, draft, old), gone: true }
    return { object: this.#commit(kind, draft, old), gone: false }
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
      this.#garbage?.onEvent(event)
      this.#namespaceEnd?.onEvent(event)
    } catch (error) {
      // What may not be deleted stays; the write that led here has been done all the same.
      if (!(error instanceof StatusError)) throw error
    }
  }
}

function refuse(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(kind, name, errors)
}

/** Times of objects have no fractions. */
export const seconds = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`
