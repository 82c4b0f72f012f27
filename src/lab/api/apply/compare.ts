import { isMap, sameJson } from '../access.ts'
import { asMember, type FieldTree, isEmpty, leaf } from './field-set.ts'
import { anything, type Schema } from './schema-types.ts'
import { fieldOf, isAtomic, keyOrWhole, size } from './typed.ts'

/** What differs between two versions of an object. */
export interface Difference {
  /** Added or modified. */
  changed: FieldTree
  removed: FieldTree
}

const nothing: Difference = { changed: leaf, removed: leaf }

interface Diff {
  changed: FieldTree | undefined
  removed: FieldTree | undefined
}

/** Compares field by field; lists with keys item by item, whatever their order. */
export function compare(before: unknown, after: unknown, schema: Schema): Difference {
  const { changed, removed } = diff(before, after, schema)
  return { changed: changed ?? nothing.changed, removed: removed ?? nothing.removed }
}

function diff(before: unknown, after: unknown, schema: Schema): Diff {
  if (before === after) return { changed: undefined, removed: undefined }
  const missing = before === undefined || before === null
  const gone = after === undefined || after === null
  if (missing && gone) return { changed: undefined, removed: undefined }
  if (isAtomic(schema) || (size(before) === 0 && size(after) === 0)) {
    if (missing) return { changed: leaf, removed: undefined }
    if (gone) return { changed: undefined, removed: leaf }
    return { changed: sameJson(before, after) ? undefined : leaf, removed: undefined }
  }
  return diffBelow(before, after, schema, missing, gone)
}

function diffBelow(before: unknown, after: unknown, schema: Schema, missing: boolean, gone: boolean): Diff {
  const [old, next] = [childrenOf(before, schema), childrenOf(after, schema)]
  const changed: FieldTree = {}
  const removed: FieldTree = {}
  const visit = (element: string, field: Schema, a: unknown, b: unknown): void => {
    const below = diff(a, b, field)
    if (below.changed !== undefined) changed[element] = below.changed
    if (below.removed !== undefined) removed[element] = below.removed
  }
  for (const [element, [field, value]] of next) visit(element, field, old.get(element)?.[1], value)
  for (const [element, [field, value]] of old) if (!next.has(element)) visit(element, field, value, undefined)
  return {
    changed: missing ? asMember(changed) : isEmpty(changed) ? undefined : changed,
    removed: gone ? asMember(removed) : isEmpty(removed) ? undefined : removed,
  }
}

/** Path elements of what is below a value, with schema and value. Items of which two have one key: the last. */
function childrenOf(value: unknown, schema: Schema): Map<string, readonly [Schema, unknown]> {
  const children = new Map<string, readonly [Schema, unknown]>()
  if (schema.is === 'list' && Array.isArray(value))
    for (const item of value) {
      const element = keyOrWhole(schema, item)
      children.set(element, [schema.set === true ? anything : schema.items, item])
    }
  else if (schema.is !== 'list' && schema.is !== 'scalar' && isMap(value))
    for (const [name, child] of Object.entries(value))
      if (child !== undefined) children.set(`f:${name}`, [fieldOf(schema, name) ?? anything, child])
  return children
}
