import { randomUUID } from 'node:crypto'
import { copyJson, freeze, listOf, mapOf, sameJson } from './access.ts'
import { withSharedFields } from './apply/managed-fields.ts'
import { ownChanged, ownNew, type Tracked } from './apply/track.ts'
import { definitionController } from './crd/controller.ts'
import { definitionResource } from './crd/definition-defaults.ts'
import { isDeletable, markDeleted, preconditionError } from './deletion.ts'
import { carryOver, checkVersion, checkVersionGiven, draftOf, takeMetadata } from './drafts.ts'
import type { FieldError } from './field-errors.ts'
import { GarbageCollector } from './garbage.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import { NamespaceEnd } from './namespace-end.ts'
import { changedMetaErrors, generatedName, newMetaErrors, orderedObject } from './object-meta.ts'
import { Objects, type StoreOptions } from './objects.ts'
import type { Placed } from './owners.ts'
import type { Saved } from './persist/saved.ts'
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  noSuchResource,
  notFound,
  StatusError,
} from './status.ts'
import type { ApiStore, DeleteOptions, KubeObject, NewObject, StoreEvent } from './types.ts'

export type { StoreOptions } from './objects.ts'

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

/** The life of objects by the rules of a real API server: created, changed, bound, deleted, and taken over from an earlier store. */
export class MemoryStore extends Objects implements ApiStore {
  readonly #define: (event: StoreEvent) => void
  #garbage: GarbageCollector | undefined
  #namespaceEnd: NamespaceEnd | undefined

  constructor(options: StoreOptions = {}) {
    super(options)
    this.#define = definitionController(this, () => this.now())
    this.subscribe(this.#define)
    if (options.collect === false) return
    this.#garbage = new GarbageCollector(this)
    this.#namespaceEnd = new NamespaceEnd(this)
    this.follow(this.#garbage)
    this.follow(this.#namespaceEnd)
  }

  /** Changes metadata alone, for the collector: an object that would not be valid any more can still lose an owner or a finalizer. */
  setMetadata(resource: string, object: KubeObject): KubeObject {
    const kind = this.kindOf(resource)
    const old = this.existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    return this.replace(kind, { ...structuredClone(old), metadata: structuredClone(object.metadata) }, old, {})
  }

  /** PUT …/finalize: replaces the finalizers in the spec of a namespace; one that terminates goes with its last one. */
  finalizeNamespace(object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = this.kindOf('namespaces')
    const old = this.existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    checkVersion(kind, object, old)
    const draft = copyJson(old)
    const finalizers: string[] = mapOf(object['spec'])['finalizers'] ?? []
    draft['spec'] = finalizers.length === 0 ? {} : { finalizers }
    return this.replace(kind, draft, old, options)
  }

  create(resource: string, object: NewObject, options: WriteOptions = {}): KubeObject {
    const kind = this.kindOf(resource)
    const draft = draftOf(kind, object)
    if (draft.metadata.resourceVersion !== undefined)
      throw new StatusError(500, undefined, 'resourceVersion should not be set on objects to be created')
    const { generateName } = draft.metadata
    if (!draft.metadata.name) draft.metadata.name = generateName ? generatedName(generateName, this.random) : ''
    this.#stampNew(kind, draft)
    kind.defaults?.(draft)
    ownNew(kind, draft, options, this.now())
    kind.admit?.(draft, this)
    if (kind.namespaced) this.#checkNamespace(kind, draft)
    const { namespace = '', name } = draft.metadata
    const errors = [...newMetaErrors(kind, draft.metadata), ...(kind.validate?.(draft, undefined, true) ?? [])]
    refuse(kind, name, errors)
    const existing = this.collection(resource).get(namespace, name)
    if (existing !== undefined) throw alreadyExists(kind, name, existing.metadata.deletionTimestamp !== undefined)
    refuse(kind, name, kind.allocate?.(draft, undefined, this) ?? [])
    if (options.dryRun === true) return freeze(orderedObject(draft, kind, apiVersionOf(kind)))
    return this.commit(kind, draft, undefined)
  }

  update(resource: string, object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = this.kindOf(resource)
    const old = this.existing(kind, object)
    if (old === undefined) return this.#createByUpdate(kind, object, options)
    checkVersion(kind, object, old)
    if (options.fromClient === true) checkVersionGiven(kind, object)
    const draft = draftOf(kind, object)
    carryOver(kind, draft, old)
    kind.beforeUpdate?.(draft, old)
    kind.defaults?.(draft)
    ownChanged(kind, draft, old, object.metadata.managedFields, options, this.now())
    // A real server looks twice at the metadata of its own kinds, and says twice what is wrong.
    const once = changedMetaErrors(kind, draft.metadata, old.metadata)
    const errors = kind.custom === undefined ? [...once, ...once] : once
    const fromClient = options.fromClient === true
    refuse(kind, old.metadata.name, [...errors, ...(kind.validate?.(draft, old, fromClient) ?? [])])
    refuse(kind, old.metadata.name, kind.allocate?.(draft, old, this) ?? [])
    return this.replace(kind, draft, old, options)
  }

  updateStatus(resource: string, object: KubeObject, options: WriteOptions = {}): KubeObject {
    const kind = this.kindOf(resource)
    if (!kind.statusSubresource) throw noSuchResource()
    const old = this.existing(kind, object)
    if (old === undefined) throw notFound(kind, object.metadata.name)
    checkVersion(kind, object, old)
    if (options.fromClient === true) checkVersionGiven(kind, object)
    const given = draftOf(kind, object)
    const draft = copyJson(old)
    draft['status'] = kind.custom === undefined ? mapOf(given['status']) : given['status']
    if (kind.custom !== undefined) draft.apiVersion = given.apiVersion
    takeMetadata(kind, draft, given)
    kind.statusDefaults?.(draft)
    const writer = { manager: 'kube-controller-manager', subresource: 'status', ...options.writer }
    const sent = object.metadata.managedFields
    ownChanged(kind, draft, old, sent, { ...options, writer }, this.now())
    const errors = [...changedMetaErrors(kind, draft.metadata, old.metadata), ...(kind.validateStatus?.(draft) ?? [])]
    refuse(kind, old.metadata.name, errors)
    return this.replace(kind, draft, old, { ...options, ofStatus: true })
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
    const kind = this.kindOf(resource)
    const old = this.get(resource, namespace, name)
    if (old === undefined) throw notFound(kind, name)
    const refused = preconditionError(kind, old, options.preconditions)
    if (refused !== undefined) throw refused
    if (resource === 'namespaces') return this.#deleteNamespace(kind, old, write)
    const marked = markDeleted(kind, old, options, this.clock())
    const gone = isDeletable(marked)
    // Only a pod's last version carries the marks of deletion.
    const last = gone && resource !== 'pods' ? old : marked
    if (write.dryRun === true) return { object: freeze(last), gone }
    if (gone) return { object: this.erase(kind, last, old), gone }
    return { object: sameJson(marked, old) ? old : this.commit(kind, marked, old), gone }
  }

  /** POST …/binding: assigns a pod to a node. @throws StatusError 409 if it has one, or is being deleted */
  bind(namespace: string, name: string, nodeName: string, options: WriteOptions = {}): KubeObject {
    const kind = this.kindOf('pods')
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
    const time = this.now()
    const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: time }
    const others = listOf(mapOf(draft['status'])['conditions']).filter((c) => c['type'] !== 'PodScheduled')
    draft['status'] = { ...mapOf(draft['status']), conditions: [...others, scheduled] }
    const writer = { manager: 'kube-scheduler', subresource: 'binding' }
    ownChanged(kind, draft, old, undefined, { writer }, time)
    return this.replace(kind, draft, old, options)
  }

  /**
   * Fills an empty store with what an earlier one held. What happened until then is forgotten: watches from older versions get 410. Returns
   * resources that are not served any more, whose objects are left out.
   */
  restore({ version, objects }: Saved): Set<string> {
    const unknown = new Set<string>()
    this.fill(version, this.#served([...objects], unknown))
    // What was under way when the other process ended goes on.
    for (const { resource, object } of this.contents()) {
      this.#garbage?.look({ resource, object })
      if (resource === 'namespaces') this.#namespaceEnd?.look(object)
      if (resource === definitionResource) this.#define({ type: 'MODIFIED', resource, object })
    }
    return unknown
  }

  /** Those of which there is a kind by the time that they are taken. Definitions first: they say what else there can be. */
  *#served(all: readonly Placed[], unknown: Set<string>): Generator<{ kind: Kind; object: KubeObject }> {
    const defines = ({ resource }: Placed): boolean => resource === definitionResource
    for (const { resource, object } of [...all.filter(defines), ...all.filter((one) => !defines(one))]) {
      const kind = this.kinds.storedKind(resource)
      if (kind === undefined) unknown.add(resource)
      else yield { kind, object: freeze(withSharedFields(object)) }
    }
  }

  #stampNew(kind: Kind, draft: KubeObject): void {
    draft.metadata.uid = randomUUID()
    draft.metadata.creationTimestamp = this.now()
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
    if (object === undefined) throw notFound(this.kindOf('namespaces'), namespace)
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

  #createByUpdate(kind: Kind, object: KubeObject, options: WriteOptions): KubeObject {
    if (!kind.createOnUpdate) throw notFound(kind, object.metadata.name)
    const { uid: _uid, resourceVersion: _version, ...metadata } = object.metadata
    return this.create(kind.resource, { ...object, metadata }, options)
  }

  #deleteNamespace(kind: Kind, old: KubeObject, write: WriteOptions): { object: KubeObject; gone: boolean } {
    const { name } = old.metadata
    if (immortal.has(name)) throw forbidden(kind, name, 'this namespace may not be deleted')
    if (old.metadata.deletionTimestamp !== undefined) return { object: old, gone: false }
    const draft = copyJson(old)
    draft.metadata.deletionTimestamp = this.now()
    draft['status'] = { ...mapOf(draft['status']), phase: 'Terminating' }
    if (write.dryRun === true) return { object: freeze(draft), gone: false }
    if (isDeletable(draft)) return { object: this.erase(kind, draft, old), gone: true }
    return { object: this.commit(kind, draft, old), gone: false }
  }
}

function refuse(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(kind, name, errors)
}
