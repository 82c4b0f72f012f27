import { patchOnly, replacedByPatch } from './apply/list-types.ts'
import { schemaOf } from './apply/schema.ts'
import type { Schema, StructSchema } from './apply/schema-types.ts'
import type { Kind, MergeNode, MergeTree } from './kind.ts'

const trees = new Map<StructSchema, MergeTree>()

/** Which lists of a kind merge, and by which key, in a strategic merge patch. A list that the tree does not name is replaced as a whole. */
export function mergeTreeOf(kind: Pick<Kind, 'group' | 'version' | 'kind' | 'custom'>): MergeTree {
  const schema = schemaOf(kind)
  return schema === undefined ? {} : treeOf(schema)
}

/** Types name themselves, so a tree is known before it is filled. */
function treeOf(schema: StructSchema): MergeTree {
  const known = trees.get(schema)
  if (known !== undefined) return known
  const tree: MergeTree = {}
  trees.set(schema, tree)
  for (const [name, field] of schema.fields) {
    const node = nodeOf(`${schema.name}.${name}`, field)
    if (node !== undefined) tree[name] = node
  }
  return tree
}

function nodeOf(path: string, schema: Schema): MergeNode | undefined {
  if (schema.is === 'struct') return { fields: treeOf(schema) }
  if (schema.is !== 'list' || replacedByPatch.has(path)) return undefined
  if (schema.set === true) return { set: true }
  const key = patchOnly[path] ?? schema.keys?.[0]?.name
  if (key === undefined) return undefined
  return schema.items.is === 'struct' ? { key, fields: treeOf(schema.items) } : { key }
}
