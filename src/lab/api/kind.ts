import type { Json } from './access.ts'
import type { Allocations } from './allocations.ts'
import type { CustomKind } from './crd/custom-kind.ts'
import type { FieldError } from './field-errors.ts'
import type { Complaints } from './names.ts'
import type { Verb } from './request.ts'
import type { Review } from './reviews.ts'

/** One column of `kubectl get` (metav1.TableColumnDefinition) and how its cell is made. */
export interface Column {
  name: string
  type: string
  format?: string
  /** Empty for kinds of the table: a real server's are documentation. */
  description?: string
  /** 1: only with `-o wide`. */
  priority?: number
  /** Null: the field is not there (custom resources). */
  cell(object: Json, now: Date): unknown
}

/** A subresource that leads to a node, to the issuer of tokens or to a part that is not here: discovery names it, as a real one's does; whoever asks for the last gets a 400. */
export interface Elsewhere {
  name: string
  kind: string
  verbs: readonly Verb[]
  /** Of `kind`, where they are not the resource's own. */
  group?: string
  version?: string
}

/** How lists inside of an object merge in a strategic merge patch: by path below a field. See `merge-trees.ts`. */
export interface MergeTree {
  [field: string]: MergeNode
}

export interface MergeNode {
  /** The list's items are matched by this field; `set` for lists of plain values. */
  key?: string
  set?: true
  /** Below the field, or below each item of the list. */
  fields?: MergeTree
}

/** What the hooks of a kind may use besides the object. */
export interface HookContext {
  allocations: Allocations
  /** Objects that are stored. */
  list(resource: string, namespace?: string): readonly Json[]
}

/** Served by another version's objects: how to read and write them (events.k8s.io shows the Events of core/v1). */
export interface View {
  /** Resource whose objects are stored. */
  stored: string
  fromStored(object: Json): Json
  toStored(object: Json): Json
}

/** Fields of metadata that clients write. */
export type MetadataField = 'labels' | 'annotations' | 'finalizers' | 'ownerReferences'

/** Everything that tells one kind from another. The table is `kinds.ts`. */
export interface Kind {
  group: string
  version: string
  kind: string
  plural: string
  /** Its name in the store: the plural, and for custom resources `plural.group`, so that it is unique over all groups. A view has that of what is stored. */
  resource: string
  singular: string
  shortNames: readonly string[]
  categories: readonly string[]
  namespaced: boolean
  nameErrors(name: string): Complaints
  /** PUT and PATCH on the object leave status alone, and …/status leaves the rest alone. */
  statusSubresource: boolean
  /** What of metadata …/status may change too. */
  statusMetadata: readonly MetadataField[]
  scaleSubresource: boolean
  /** metadata.generation counts changes of the spec. */
  generation: boolean
  /** PUT of an object that is not there creates it. */
  createOnUpdate: boolean
  /** PUT without metadata.resourceVersion is refused. */
  needsVersion: boolean
  /** DELETE answers with the object even when it is gone at once; most kinds answer with a Status. */
  deleteReturnsObject: boolean
  /** DELETE on the collection. */
  deleteCollection: boolean
  elsewhere: readonly Elsewhere[]
  /** Field selectors besides metadata.name and metadata.namespace. */
  fieldSelectors: Readonly<Record<string, (object: Json) => string>>
  /** Names of lists that are written even when they are empty. */
  keepEmpty: ReadonlySet<string>
  columns: readonly Column[]
  view?: View
  /** Verbs of discovery, where they are not all. */
  verbs?: readonly Verb[]
  /** A question: POST is answered by this and nothing is stored. */
  review?: Review
  /** Of a custom resource: what its definition says. */
  custom?: CustomKind
  /** Fills in what was left out, on create and update. */
  defaults?(object: Json): void
  /** Defaults of admission, on create only. */
  admit?(object: Json, context: HookContext): void
  /** The status of a new object; without it the status that was given is kept. */
  initialStatus?(object: Json): Json | undefined
  /** Carries over and clears what depends on the object before. */
  beforeUpdate?(object: Json, old: Json): void
  validate?(object: Json, old: Json | undefined, fromClient: boolean): FieldError[]
  /** What DELETE adds to an object that it only marks. `now`: RFC 3339. */
  markDeleted?(object: Json, now: string): void
  validateStatus?(object: Json): FieldError[]
  statusDefaults?(object: Json): void
  /** Chooses addresses and ports; takes nothing yet. */
  allocate?(object: Json, old: Json | undefined, context: HookContext): FieldError[]
  /** A warning that every answer about this kind carries. */
  deprecation?: string
  /** Warnings about an object that was written. */
  warnings?(object: Json): string[]
  /** What an object holds of the allocations: taken on commit, released with the object. */
  held?(object: Json): { addresses: string[]; ports: number[] }
}
