import type { Json } from './access.ts'
import type { Allocations } from './allocations.ts'
import type { FieldError } from './field-errors.ts'
import type { Complaints } from './names.ts'
import type { Shape } from './shapes.ts'

/** One column of `kubectl get` (metav1.TableColumnDefinition) and how its cell is made. */
export interface Column {
  name: string
  type: 'string' | 'integer'
  format?: 'name'
  /** 1: only with `-o wide`. */
  priority?: 1
  cell(object: Json, now: Date): string | number
}

/** How lists inside of an object merge in a strategic merge patch: by path below a field. See `merge-keys.ts`. */
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
}

/** Served by another version's objects: how to read and write them (events.k8s.io shows the Events of core/v1). */
export interface View {
  /** Resource whose objects are stored. */
  stored: string
  fromStored(object: Json): Json
  toStored(object: Json): Json
}

/** Everything that tells one kind from another. The table is `kinds.ts`. */
export interface Kind {
  group: string
  version: string
  kind: string
  plural: string
  singular: string
  shortNames: readonly string[]
  categories: readonly string[]
  namespaced: boolean
  nameErrors(name: string): Complaints
  /** PUT and PATCH on the object leave status alone, and …/status leaves the rest alone. */
  statusSubresource: boolean
  /** …/status may also change labels and annotations. */
  statusTakesMetadata: boolean
  scaleSubresource: boolean
  /** metadata.generation counts changes of the spec. */
  generation: boolean
  /** PUT of an object that is not there creates it. */
  createOnUpdate: boolean
  /** DELETE answers with the object even when it is gone at once; most kinds answer with a Status. */
  deleteReturnsObject: boolean
  /** DELETE on the collection. */
  deleteCollection: boolean
  /** Field selectors besides metadata.name and metadata.namespace. */
  fieldSelectors: Readonly<Record<string, (object: Json) => string>>
  mergeTree: MergeTree
  shape: Shape
  /** Names of lists that are written even when they are empty. */
  keepEmpty: ReadonlySet<string>
  columns: readonly Column[]
  view?: View
  /** Fills in what was left out, on create and update. */
  defaults?(object: Json): void
  /** Defaults of admission, on create only. */
  admit?(object: Json): void
  /** The status of a new object; without it the status that was given is kept. */
  initialStatus?(object: Json): Json | undefined
  /** Carries over and clears what depends on the object before. */
  beforeUpdate?(object: Json, old: Json): void
  validate?(object: Json, old: Json | undefined, fromClient: boolean): FieldError[]
  validateStatus?(object: Json): FieldError[]
  statusDefaults?(object: Json): void
  /** Chooses addresses and ports; takes nothing yet. */
  allocate?(object: Json, old: Json | undefined, context: HookContext): FieldError[]
  /** What an object holds of the allocations: taken on commit, released with the object. */
  held?(object: Json): { addresses: string[]; ports: number[] }
}
