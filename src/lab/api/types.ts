import type { ManagedFieldsEntry } from './apply/managed-fields.ts'

/** Any Kubernetes object as JSON has it. The embedded API does not type kinds one by one. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind
  [field: string]: any
}

export interface ObjectMeta {
  name: string
  namespace?: string
  generateName?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
  /** Who owns which fields; shared between objects and never changed in place. */
  managedFields?: readonly ManagedFieldsEntry[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** An object as a caller gives it: what the store fills in may be absent. */
export type NewObject = Omit<KubeObject, 'metadata'> & { metadata: Partial<ObjectMeta> }

export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** Plural resource name, e.g. `endpointslices`; unique over the groups that are served. */
  resource: string
  object: KubeObject
  /** The object before a MODIFIED or DELETED. */
  old?: KubeObject
}

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  preconditions?: { uid?: string; resourceVersion?: string }
}

/**
 * The store behind the embedded API, as the HTTP server and the controllers see it. All calls are synchronous; objects that come out are the
 * store's own and must never be changed in place (copy with structuredClone first). Errors are `StatusError`s, in a real API server's words.
 */
export interface ApiStore {
  list(resource: string, namespace?: string): KubeObject[]
  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined
  /** Defaults, validates, allocates (cluster IP, node port), gives uid and resourceVersion. */
  create(resource: string, object: NewObject): KubeObject
  /** PUT: replaces all but status (where the kind has a status subresource). 409 if metadata.resourceVersion is given and stale. No change: no new version. */
  update(resource: string, object: KubeObject): KubeObject
  /** PUT on the status subresource: replaces status only. */
  updateStatus(resource: string, object: KubeObject): KubeObject
  /** DELETE: with finalizers or a pod's grace period it only sets deletionTimestamp. Returns the object as it is then. */
  remove(resource: string, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject
  /** POST …/binding: gives a pod its node, that node's topology labels and the condition PodScheduled, in one event. */
  bind(namespace: string, name: string, nodeName: string): KubeObject
  /** Called after each commit, in order, synchronously; must not throw. Returns the unsubscribe function. */
  subscribe(listener: (event: StoreEvent) => void): () => void
}
