/** What a value may be, and how two of it merge. */
export type Schema = ScalarSchema | ListSchema | MapSchema | StructSchema

/** A single value; `any` is JSON of every kind, taken as one value. */
export interface ScalarSchema {
  is: 'scalar'
  type: Scalar
}

export type Scalar =
  | 'string'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'bool'
  | 'time'
  | 'microtime'
  | 'bytes'
  | 'intOrString'
  | 'quantity'
  | 'any'

export interface ListSchema {
  is: 'list'
  items: Schema
  /** Type map: the fields that tell items apart, with the value of one left out. */
  keys?: ReadonlyArray<{ name: string; default?: string }>
  /** Type set. Neither: atomic. */
  set?: true
}

export interface MapSchema {
  is: 'map'
  values: Schema
  atomic?: true
}

export interface StructSchema {
  is: 'struct'
  /** Name of the Go type, for messages. */
  name: string
  fields: ReadonlyMap<string, Schema>
  atomic?: true
  /** Fields that are not named are kept (x-kubernetes-preserve-unknown-fields). */
  open?: true
}

/** Any text. */
export const text: ScalarSchema = { is: 'scalar', type: 'string' }

/** JSON of every kind, which changes as a whole. */
export const anything: ScalarSchema = { is: 'scalar', type: 'any' }
