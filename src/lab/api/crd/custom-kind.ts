import type { Json } from '../access.ts'
import type { Schema } from './schema.ts'

/** Paths of the subresource `scale`, as the definition writes them: `.spec.replicas`. */
export interface ScalePaths {
  specReplicasPath: string
  statusReplicasPath: string
  labelSelectorPath?: string
}

/** What a CustomResourceDefinition says of one of its versions, besides what every kind has. */
export interface CustomKind {
  /** Name of the definition: `widgets.fx.example`. */
  definition: string
  /** Kind of a list of its objects. */
  listKind: string
  schema: Schema
  /** False: the version is only what objects are stored as. */
  served: boolean
  scale: ScalePaths | undefined
  /** A stored object as this version has it: what has been made a default since, and another storage version, are seen at once. */
  shown(this: void, object: Json): Json
  /** The definition is being deleted: no object may be made any more. */
  terminating: boolean
  /** The warning of a deprecated version. */
  deprecation: string | undefined
}
