import { isMap } from '../access.ts'

/**
 * A set of field paths as metav1.FieldsV1 has it: a tree of path elements (`f:name`, `k:{"name":"a"}`, `v:"a"`). An empty node is a member; a
 * node with `.` is a member and has members below. (KEP-555; structured-merge-diff, fieldpath.)
 */
export interface FieldTree {
  [element: string]: FieldTree
}

export const leaf: FieldTree = Object.freeze({})

export const isMember = (node: FieldTree | undefined): boolean =>
  node !== undefined && (node['.'] !== undefined || isEmpty(node))

export const isEmpty = (node: FieldTree): boolean => {
  for (const _key in node) return false
  return true
}

/** A node that is a member, with these below it. */
export const asMember = (children: FieldTree): FieldTree => (isEmpty(children) ? leaf : { '.': leaf, ...children })

/** Whether a text names a member or a node on the way to one: `.`, `f:NAME`, `k:` with an object, `v:` with a value, `i:` with a position. */
export function isElement(text: string): boolean {
  if (text === '.' || text.startsWith('f:')) return true
  if (text.startsWith('i:')) return /^-?\d+$/.test(text.slice(2))
  const value = text.startsWith('k:') || text.startsWith('v:') ? parsed(text.slice(2)) : undefined
  return value !== undefined && (text.startsWith('v:') || isMap(value))
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown
  } catch {
    return undefined
  }
}

type Keep = (inFirst: boolean, inSecond: boolean) => boolean

function combine(a: FieldTree, b: FieldTree, keep: Keep): FieldTree {
  const result: FieldTree = {}
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)].sort())) {
    if (key === '.') continue
    const [x, y] = [a[key], b[key]]
    const below = combine(x ?? leaf, y ?? leaf, keep)
    if (keep(isMember(x), isMember(y))) result[key] = asMember(below)
    else if (!isEmpty(below)) result[key] = below
  }
  return result
}

export const union = (a: FieldTree, b: FieldTree): FieldTree =>
  isEmpty(a) ? b : isEmpty(b) ? a : combine(a, b, (x, y) => x || y)

export const intersection = (a: FieldTree, b: FieldTree): FieldTree =>
  isEmpty(a) || isEmpty(b) ? leaf : combine(a, b, (x, y) => x && y)

/** Members of the first that are none of the second. */
export const difference = (a: FieldTree, b: FieldTree): FieldTree =>
  isEmpty(a) || isEmpty(b) ? a : combine(a, b, (x, y) => x && !y)

/** The same with every named field on the way to a member a member too. */
export function withNamedFields(node: FieldTree): FieldTree {
  const result: FieldTree = {}
  for (const [key, child] of Object.entries(node)) {
    if (key === '.') continue
    const below = withNamedFields(child)
    result[key] = isMember(child) || key.startsWith('f:') ? asMember(below) : below
  }
  return result
}

/** Paths of the members, as messages show them: `.spec.containers[name="main"].image`. */
export function pathsOf(node: FieldTree, prefix = ''): string[] {
  return Object.entries(node).flatMap(([key, child]) => {
    if (key === '.') return []
    const path = prefix + shownElement(key)
    return [...(isMember(child) ? [path] : []), ...pathsOf(child, path)]
  })
}

/** `.name`, `[name="a"]` or `[="a"]`. */
export function shownElement(element: string): string {
  const rest = element.slice(2)
  if (element.startsWith('k:')) {
    const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>)
    return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
  }
  return element.startsWith('v:') ? `[=${rest}]` : element.startsWith('i:') ? `[${rest}]` : `.${rest}`
}

const interned = new Map<string, FieldTree>()
const maxInterned = 4096

/** The same tree for the same set: ten thousand objects of one shape share theirs. Frozen. */
export function intern(tree: FieldTree): FieldTree {
  const text = JSON.stringify(tree)
  let known = interned.get(text)
  if (known === undefined) {
    if (interned.size >= maxInterned) interned.clear()
    known = deepFreeze(tree)
    interned.set(text, known)
  }
  return known
}

function deepFreeze(tree: FieldTree): FieldTree {
  if (!Object.isFrozen(tree)) {
    Object.freeze(tree)
    for (const child of Object.values(tree)) deepFreeze(child)
  }
  return tree
}
