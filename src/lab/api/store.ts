import { randomUUID } from 'node:crypto'
import { freeze, listOf, mapOf, sameJson } from './access.ts'
import { carryOver, changesSpec, checkVersion, draftOf } from './drafts.ts'
import { Allocations } from './allocations.ts'
import { Collection } from './collection.ts'
import type { FieldError } from './field-errors.ts'
import { isDeletable, markDeleted, preconditionError } from './deletion.ts'
import { History } from './history.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, storedKinds } from './kinds.ts'
import { changedMetaErrors, generatedName, newMetaErrors, orderedObject } from './object-meta.ts'
import { Owners } from './owners.ts'
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
  /** IPv4 range of cluster IPs. */
  serviceCIDR?: string
  /** Events kept a resource, for watches that resume. */
  historyLimit?: number
  now?: () => Date
  /** 0 ≤ x < 1; for generated names, addresses and ports. */
  random?: () => number
}

export interface WriteOptions {
  /** Answers as if it had been done. */
  dryRun?: boolean
  /** The call comes over HTTP: rules that hold for clients alone hold too (a pod is bound by its subresource). */
  fromClient?: boolean
}

/** Namespaces that may not be deleted (admission plugin NamespaceLifecycle). */
const immortal = new Set(['default', 'kube-system', 'kube-public'])

/** Objects in memory, with the rules of a real API server. Everything is synchronous; objects that come out are frozen. */
export class MemoryStore implements ApiStore {
  readonly allocations: Allocations
  readonly #collections = new Map<string, Collection>()
  readonly #histories = new Map<string, History>()
  readonly #owners = new Owners()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  readonly #queue: StoreEvent[] = []
  readonly #now: () => Date
  readonly #random: () => number
  #delivering = false
  #version = 0

  constructor(options: StoreOptions = {}) {
    this.#now = options.now ?? (() => new Date())
    this.#random = options.random ?? Math.random
    this.allocations = new Allocations(options.serviceCIDR ?? '10.43.0.0/16', this.#random)
    for (const resource of storedKinds.keys()) {
      this.#collections.set(resource, new Collection())
      this.#histories.set(resource, new History(options.historyLimit ?? 10_000))
    }
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

  /** Events of a resource after a version. @throws StatusError 410 if some of them are forgotten */
  eventsSince(resource: string, version: number): StoreEvent[] {
    const events = this.#histories.get(resource)?.since(version)
    if (events === undefined) throw expired(`too old resource version: ${version} (${this.#version})`)
    return events
  }

  create(resource: string, object: NewObject, options: WriteOptions = {}): KubeObject {
    const kind = kindOf(resource)
    const draft = draftOf(kind, object)
    if (draft.metadata.resourceVersion !== undefined)
      throw new StatusError(500, undefined, 'resourceVersion should not be set on objects to be created')
    const { generateName } = draft.metadata
    if (!draft.metadata.name) draft.metadata.name = generateName ? generatedName(generateName, this.#random) : ''
    this.#stampNew(kind, draft)
    kind.defaults?.(draft)
    kind.admit?.(draft)
    if (kind.namespaced) this.#checkNamespace(kind, draft)
    const { namespace = '', name } = draft.metadata
    const errors = [...newMetaErrors(kind, draft.metadata), ...(kind.validate?.(draft, undefined, true) ?? [])]
    refuse(kind, name, errors)
    const existing = this.#collection(resource).get(namespace, name)
    if (existing !== undefined) throw alreadyExists(kind, name, existing.metadata.deletionTimestamp !== undefined)
    refuse(kind, name, kind.allocate?.(draft, undefined, this) ?? [])
    if (options.dryRun === true) return freeze(orderedObject(draft, kind, apiVersionOf(kind)))
    const created = this.#commit(kind, draft, undefined)
    this.#collectIfOrphaned(kind, created)
    return created
  }

  update(resource: string, object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = kindOf(resource)
    const old = this.#existing(kind, object)
    if (old === undefined) return this.#createByUpdate(kind, object, options)
    checkVersion(kind, object, old)
    const draft = draftOf(kind, object)
    carryOver(kind, draft, old)
    kind.beforeUpdate?.(draft, old)
    kind.defaults?.(draft)
    const errors = changedMetaErrors(draft.metadata, old.metadata)
    const fromClient = options.fromClient === true
    refuse(kind, old.metadata.name, [...errors, ...(kind.validate?.(draft, old, fromClient) ?? [])])
    refuse(kind, old.metadata.name, kind.allocate?.(draft, old, this) ?? [])
    return this.#replace(kind, draft, old, options)
  }

  updateStatus(resource: string, object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = kindOf(resource)
    if (!kind.statusSubresource) throw noSuchResource()
    const old = this.#existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    checkVersion(kind, object, old)
    const given = draftOf(kind, object)
    const draft = structuredClone(old)
    draft['status'] = mapOf(given['status'])
    if (kind.statusTakesMetadata) {
      const { labels = {}, annotations = {} } = given.metadata
      Object.assign(draft.metadata, { labels, annotations })
    }
    kind.statusDefaults?.(draft)
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
    const kind = kindOf(resource)
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
    if (gone) return { object: this.#erase(kind, last, old, options.propagationPolicy), gone }
    return { object: sameJson(marked, old) ? old : this.#commit(kind, marked, old), gone }
  }

  /** POST …/binding: assigns a pod to a node. @throws StatusError 409 if it has one, or is being deleted */
  bind(namespace: string, name: string, nodeName: string, options: WriteOptions = {}): KubeObject {
    const kind = kindOf('pods')
    const old = this.get('pods', namespace, name)
    if (old === undefined) throw notFound(kind, name)
    const binding = { ...kind, plural: 'pods/binding' }
    if (old.metadata.deletionTimestamp !== undefined)
      throw conflict(binding, name, `pod ${name} is being deleted, cannot be assigned to a host`)
    if (old['spec'].nodeName !== undefined)
      throw conflict(binding, name, `pod ${name} is already assigned to node "${old['spec'].nodeName}"`)
    const draft = structuredClone(old)
    draft['spec'].nodeName = nodeName
    const time = seconds(this.#now())
    const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: time }
    const others = listOf(mapOf(draft['status'])['conditions']).filter((c) => c['type'] !== 'PodScheduled')
    draft['status'] = { ...mapOf(draft['status']), conditions: [...others, scheduled] }
    return this.#replace(kind, draft, old, options)
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
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
    if (object === undefined) throw notFound(kindOf('namespaces'), namespace)
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
    return this.get(kind.plural, kind.namespaced ? namespace : undefined, name)
  }

  #createByUpdate(kind: Kind, object: KubeObject, options: WriteOptions): KubeObject {
    if (!kind.createOnUpdate) throw notFound(kind, object.metadata.name)
    const { uid: _uid, resourceVersion: _version, ...metadata } = object.metadata
    return this.create(kind.plural, { ...object, metadata }, options)
  }

  /** Commits an update, unless it changes nothing; erases the object if it was waiting for just that. */
  #replace(kind: Kind, draft: KubeObject, old: KubeObject, options: WriteOptions): KubeObject {
    draft.metadata.resourceVersion = old.metadata.resourceVersion
    if (kind.generation && changesSpec(draft, old)) draft.metadata.generation = (old.metadata.generation ?? 0) + 1
    const next = orderedObject(draft, kind, apiVersionOf(kind))
    if (sameJson(next, old)) return old
    if (options.dryRun === true) return freeze(next)
    if (kind.plural !== 'namespaces' && isDeletable(next)) {
      this.#erase(kind, next, old, undefined)
      return freeze(next)
    }
    const committed = this.#commit(kind, next, old)
    if (kind.plural === 'namespaces') this.#finishNamespace(next.metadata.name)
    return committed
  }

  #commit(kind: Kind, draft: KubeObject, old: KubeObject | undefined): KubeObject {
    draft.metadata.resourceVersion = String(++this.#version)
    const object = freeze(orderedObject(draft, kind, apiVersionOf(kind)))
    this.#hold(kind, object, old)
    this.#collection(kind.plural).set(object)
    this.#owners.set(kind.plural, object)
    const event: StoreEvent = { type: old === undefined ? 'ADDED' : 'MODIFIED', resource: kind.plural, object }
    this.#publish(old === undefined ? event : { ...event, old })
    return object
  }

  #erase(
    kind: Kind,
    last: KubeObject,
    old: KubeObject,
    policy: DeleteOptions['propagationPolicy'] = 'Background',
  ): KubeObject {
    const object = freeze(
      orderedObject(
        { ...last, metadata: { ...last.metadata, resourceVersion: String(++this.#version) } },
        kind,
        apiVersionOf(kind),
      ),
    )
    this.#hold(kind, undefined, old)
    this.#collection(kind.plural).delete(old)
    this.#owners.delete(old)
    this.#publish({ type: 'DELETED', resource: kind.plural, object, old })
    this.#releaseDependents(old.metadata.uid, policy)
    const { namespace } = old.metadata
    if (namespace !== undefined) this.#finishNamespace(namespace)
    return object
  }

  #hold(kind: Kind, next: KubeObject | undefined, old: KubeObject | undefined): void {
    if (kind.held === undefined) return
    const before = old === undefined ? undefined : kind.held(old)
    const after = next === undefined ? undefined : kind.held(next)
    if (before !== undefined) this.allocations.release(before.addresses, before.ports)
    if (after !== undefined) this.allocations.take(after.addresses, after.ports)
  }

  /** What the garbage collector does when an owner is gone. */
  #releaseDependents(uid: string, policy: DeleteOptions['propagationPolicy']): void {
    for (const { resource, object } of this.#owners.dependentsOf(uid)) {
      const others = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid)
      const keeps = policy === 'Orphan' || others.some((owner) => this.byUid(owner.uid) !== undefined)
      const { namespace, name } = object.metadata
      if (keeps) this.#disown(kindOf(resource), object, others)
      else if (this.get(resource, namespace, name)?.metadata.uid === object.metadata.uid)
        this.delete(resource, namespace, name, { propagationPolicy: 'Background' })
    }
  }

  #disown(
    kind: Kind,
    object: KubeObject,
    ownerReferences: NonNullable<KubeObject['metadata']['ownerReferences']>,
  ): void {
    this.#commit(kind, { ...object, metadata: { ...object.metadata, ownerReferences } }, object)
  }

  /** An object all of whose owners are of kinds served here, and gone, goes too. */
  #collectIfOrphaned(kind: Kind, object: KubeObject): void {
    const owners = object.metadata.ownerReferences ?? []
    const gone = owners.every((owner) => isServed(owner.apiVersion, owner.kind) && this.byUid(owner.uid) === undefined)
    if (owners.length > 0 && gone) this.delete(kind.plural, object.metadata.namespace, object.metadata.name)
  }

  #deleteNamespace(kind: Kind, old: KubeObject, write: WriteOptions): { object: KubeObject; gone: boolean } {
    const { name } = old.metadata
    if (immortal.has(name)) throw forbidden(kind, name, 'this namespace may not be deleted')
    if (old.metadata.deletionTimestamp !== undefined) return { object: old, gone: false }
    const draft = structuredClone(old)
    draft.metadata.deletionTimestamp = seconds(this.#now())
    draft['status'] = { ...mapOf(draft['status']), phase: 'Terminating' }
    if (write.dryRun === true) return { object: freeze(draft), gone: false }
    const object = this.#commit(kind, draft, old)
    for (const { plural, namespaced } of storedKinds.values())
      if (namespaced)
        for (const content of this.list(plural, name))
          if (this.get(plural, name, content.metadata.name) !== undefined)
            this.delete(plural, name, content.metadata.name)
    this.#finishNamespace(name)
    return { object, gone: false }
  }

  /** A namespace that terminates goes when it is empty and nobody else's finalizer holds it. */
  #finishNamespace(name: string): void {
    const namespace = this.get('namespaces', undefined, name)
    if (namespace?.metadata.deletionTimestamp === undefined) return
    if ([...this.#collections.values()].some((collection) => collection.countIn(name) > 0)) return
    const kind = kindOf('namespaces')
    if ((namespace.metadata.finalizers ?? []).length === 0) this.#erase(kind, namespace, namespace, undefined)
  }

  /** Listeners see events in the order of commits, also when one of them writes. */
  #publish(event: StoreEvent): void {
    this.#histories.get(event.resource)?.add(event)
    this.#queue.push(event)
    if (this.#delivering) return
    this.#delivering = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
        for (const listener of this.#listeners) listener(next)
    } finally {
      this.#delivering = false
    }
  }
}

function kindOf(resource: string): Kind {
  const kind = storedKinds.get(resource)
  if (kind === undefined) throw noSuchResource()
  return kind
}

const isServed = (apiVersion: string, name: string): boolean =>
  [...storedKinds.values()].some((kind) => kind.kind === name && apiVersionOf(kind) === apiVersion)

function refuse(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(kind, name, errors)
}

/** Times of objects have no fractions. */
export const seconds = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`
