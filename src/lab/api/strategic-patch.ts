import { fieldAt, isMap, type Json, mapOf, sameJson, setField } from './access.ts'
import { goText } from './go-text.ts'
import type { MergeNode, MergeTree } from './kind.ts'
import { badRequest, StatusError } from './status.ts'

const broken = (message: string): StatusError => new StatusError(500, undefined, message)

const orderPrefix = '$setElementOrder/'
const removePrefix = '$deleteFromPrimitiveList/'
const directives = new Set(['$patch', '$retainKeys'])

/**
 * Strategic merge patch: maps merge, null deletes, lists merge by the keys of the kind's tree or are replaced
 * (design in kubernetes/community, contributors/devel/sig-api-machinery/strategic-merge-patch.md).
 * @throws StatusError 400 if the patch is no object; 500 for a directive or an item that is not understood
 */
export function applyStrategicPatch(document: Json, patch: unknown, tree: MergeTree): Json {
  if (!isMap(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}')
  return mergeMaps(structuredClone(document), patch, tree)
}

function mergeMaps(target: Json, patch: Json, tree: MergeTree): Json {
  const directive = patch['$patch']
  if (directive === 'replace') return without(patch, directives)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge')
    throw broken(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`)
  const result = { ...target }
  if (Array.isArray(patch['$retainKeys'])) retain(result, patch['$retainKeys'])
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(removePrefix)) removeValues(result, key.slice(removePrefix.length), value)
    else if (!key.startsWith('$')) mergeField(result, key, value, nodeAt(tree, key))
  }
  for (const [field, order] of orders(patch, tree)) {
    const [merged, before] = [fieldAt(result, field), fieldAt(target, field)]
    if (Array.isArray(merged))
      setField(result, field, arrange(merged, Array.isArray(before) ? before : [], order, nodeAt(tree, field)?.key))
  }
  return result
}

const nodeAt = (tree: MergeTree, field: string): MergeNode | undefined =>
  Object.hasOwn(tree, field) ? tree[field] : undefined

const isMerged = (list: MergeNode | undefined): boolean => list?.key !== undefined || list?.set === true

/** The lists that are put in order: by `$setElementOrder`, or by the order of the patch itself. */
function orders(patch: Json, tree: MergeTree): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [key, value] of Object.entries(patch))
    if (Array.isArray(value) && isMerged(nodeAt(tree, key))) found.set(key, value)
  for (const [key, value] of Object.entries(patch))
    if (key.startsWith(orderPrefix)) found.set(key.slice(orderPrefix.length), value)
  return found
}

const without = (map: Json, names: ReadonlySet<string>): Json =>
  Object.fromEntries(Object.entries(map).filter(([key]) => !names.has(key)))

function retain(map: Json, names: readonly unknown[]): void {
  for (const key of Object.keys(map)) if (!names.includes(key)) delete map[key]
}

function removeValues(map: Json, field: string, values: unknown): void {
  const list = fieldAt(map, field)
  if (!Array.isArray(list) || !Array.isArray(values)) return
  const kept = list.filter((item) => !values.includes(item))
  setField(map, field, kept)
}

function mergeField(result: Json, key: string, value: unknown, node: MergeNode | undefined): void {
  if (value === null) delete result[key]
  else if (isMap(value)) {
    if (value['$patch'] === 'delete') delete result[key]
    else setField(result, key, mergeMaps(mapOf(fieldAt(result, key)), value, node?.fields ?? {}))
  } else if (Array.isArray(value)) setField(result, key, mergeLists(fieldAt(result, key), value, node))
  else setField(result, key, value)
}

function mergeLists(target: unknown, patch: readonly unknown[], node: MergeNode | undefined): unknown[] {
  const list = Array.isArray(target) ? target : []
  if (node?.set === true) return [...list, ...patch.filter((item) => !list.includes(item))]
  if (node?.key === undefined) return structuredClone([...patch])
  return mergeItems(list, patch, node.key, node.fields ?? {})
}

function mergeItems(list: readonly unknown[], patch: readonly unknown[], key: string, fields: MergeTree): unknown[] {
  const replaces = patch.some((item) => isMap(item) && item['$patch'] === 'replace' && item[key] === undefined)
  let result: Json[] = replaces ? [] : list.filter(isMap)
  const added: Json[] = []
  for (const item of patch.filter(isMap)) {
    if (item['$patch'] === 'replace' && item[key] === undefined) continue
    if (item[key] === undefined) throw broken(`map: ${goText(item)} does not contain declared merge key: ${key}`)
    if (item['$patch'] === 'delete') {
      result = result.filter((other) => !sameJson(other[key], item[key]))
      continue
    }
    const at = result.findIndex((other) => sameJson(other[key], item[key]))
    const merged = mergeMaps(result[at] ?? {}, item, fields)
    if (at >= 0) result[at] = merged
    else added.push(merged)
  }
  return [...result, ...added]
}

/**
 * Puts the items of a merged list in order: those that the patch names in its order, the others in theirs, and of two such
 * the patch's first, unless the server has them the other way round (normalizeElementOrder of apimachinery).
 */
function arrange(
  merged: readonly unknown[],
  before: readonly unknown[],
  order: unknown,
  key: string | undefined,
): unknown[] {
  const idOf = (item: unknown): unknown => (key === undefined ? item : isMap(item) ? item[key] : undefined)
  const named = (Array.isArray(order) ? order : []).map(idOf)
  const held = before.map(idOf)
  const rank = (item: unknown, ids: readonly unknown[]): number => ids.findIndex((id) => sameJson(id, idOf(item)))
  const patched = merged.filter((item) => rank(item, named) >= 0).sort((a, b) => rank(a, named) - rank(b, named))
  const others = merged.filter((item) => rank(item, named) < 0)
  const result: unknown[] = []
  for (const item of patched) {
    const place = rank(item, held)
    const ahead = others.findIndex((other) => rank(other, held) >= place)
    if (place >= 0) result.push(...others.splice(0, ahead < 0 ? others.length : ahead))
    result.push(item)
  }
  return [...result, ...others]
}
