import { fieldAt, isMap, type Json, setField } from '../access.ts'
import { type FieldTree, isEmpty, isMember } from './field-set.ts'
import { anything, type ListSchema, type Schema } from './schema-types.ts'
import { fieldOf, isAtomic, keyOrWhole, size } from './typed.ts'

/** A configuration laid over an object. */
export function merge(live: unknown, config: unknown, schema: Schema): unknown {
  if (config === undefined) return live
  if (live === undefined || live === null || config === null || isAtomic(schema)) return config
  if (schema.is === 'list') return mergeLists(live, config, schema)
  if (schema.is === 'scalar' || !isMap(live) || !isMap(config)) return config
  const result: Json = { ...live }
  for (const [name, value] of Object.entries(config))
    setField(result, name, merge(fieldAt(live, name), value, fieldOf(schema, name) ?? anything))
  return result
}

/** Items of both; those that only the object has stay before what followed them, the configuration's come in its order. */
function mergeLists(live: unknown, config: unknown, schema: ListSchema): unknown {
  if (!Array.isArray(live) || !Array.isArray(config)) return config
  const left = live.map((item) => [keyOrWhole(schema, item), item] as const)
  const right = config.map((item) => [keyOrWhole(schema, item), item] as const)
  const inLeft = new Map(left)
  const inRight = new Set(right.map(([key]) => key))
  const shared = right.map(([key]) => key).filter((key) => inLeft.has(key))
  const result: unknown[] = []
  const take = ([key, item]: readonly [string, unknown]): void => {
    if (shared[0] === key) shared.shift()
    result.push(schema.set === true ? item : merge(inLeft.get(key), item, schema.items))
  }
  let [l, r] = [0, 0]
  while (l < left.length || r < right.length) {
    const [a, b] = [left[l], right[r]]
    if (a !== undefined && a[0] === b?.[0]) {
      take(b)
      l++
      r++
    } else if (a !== undefined && !inRight.has(a[0])) {
      result.push(a[1])
      l++
    } else if (a !== undefined && a[0] !== shared[0]) l++
    else if (b !== undefined) {
      take(b)
      r++
    } else l++
  }
  return result
}

/** An object without the members of a set; maps and lists that become empty go too. */
export function withoutFields(value: unknown, fields: FieldTree, schema: Schema): unknown {
  if (isEmpty(fields) || schema.is === 'scalar') return value
  if (schema.is === 'list' && Array.isArray(value)) {
    const kept = value.flatMap((item) => {
      const node = fields[keyOrWhole(schema, item)]
      if (node === undefined) return [item]
      return isMember(node) ? [] : [withoutFields(item, node, schema.items) ?? {}]
    })
    return kept.length === 0 ? undefined : kept
  }
  if (schema.is === 'list' || !isMap(value)) return value
  const result: Json = { ...value }
  for (const [element, node] of Object.entries(fields)) {
    const name = element.slice(2)
    if (!element.startsWith('f:') || !Object.hasOwn(result, name)) continue
    const rest = isMember(node) ? undefined : withoutFields(result[name], node, fieldOf(schema, name) ?? anything)
    if (rest === undefined) delete result[name]
    else result[name] = rest
  }
  return size(result) === 0 ? undefined : result
}
