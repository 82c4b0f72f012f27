import { WeftError } from '../model/error.ts'
import type { FlagTable } from './flag.ts'
import { nearest } from './nearest.ts'
import type { FileSettings } from './resolve.ts'

type Tree = Record<string, unknown>

/**
 * What a KubeProxyConfiguration says. Fields that are not known are told, not fatal: a file of a newer kube-proxy still works (as there). What says "the default" in
 * kube-proxy's own way, as kubeadm writes it, is passed over.
 *
 * @throws WeftError CONFIG_INVALID for a value where a group of fields stands
 */
export function kubeProxySettings(file: string, tree: Tree, table: FlagTable): FileSettings {
  const byField = new Map(Object.entries(table).flatMap(([name, { field }]) => (field ? [[field, name] as const] : [])))
  const result: FileSettings = { settings: [], notes: [] }
  for (const [path, value] of leaves(tree, byField)) {
    if (path === 'kind' || path === 'apiVersion' || isUnset(value)) continue
    const name = byField.get(path)
    const row = table[name ?? '']
    const where = `${file}: ${path}`
    if (isZero(value) && (row === undefined || row.noEffect !== undefined)) continue
    if (name === undefined) result.notes.push(notKnown(where, path, [...byField.keys()]))
    else {
      const write = (text: string): string => `${path}: ${text}`
      result.settings.push({ name, value, origin: 'component config file', where, write })
    }
  }
  return result
}

/** Groups of fields that concern no flag of ours, and why. */
const groups: readonly (readonly [RegExp, string])[] = [
  [/^winkernel\b/, 'this is Linux'],
  [/^logging\b/, 'the log is JSON, on stderr, with one level of detail'],
]

function notKnown(where: string, path: string, fields: readonly string[]): string {
  const why = groups.find(([pattern]) => pattern.test(path))?.[1]
  if (why !== undefined) return `${where} has no effect: ${why}`
  const inside = fields.find((field) => field.startsWith(`${path}.`))
  if (inside !== undefined) {
    throw new WeftError('it is a group of fields, and has a value', {
      code: 'CONFIG_INVALID',
      fault: 'user',
      where,
      remedy: `write ${inside.slice(path.length + 1)} and its like below it, indented`,
    })
  }
  const meant = nearest(path, fields)
  return `${where} is not known here and has no effect${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

/** kube-proxy's own way of writing "the default": null, the empty text, the empty list. */
const isUnset = (value: unknown): boolean =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

const isZero = (value: unknown): boolean => value === false || value === 0 || value === '0s'

/** Paths with dots to what is no mapping, or is a flag's value as a whole (featureGates). */
function* leaves(tree: Tree, known: ReadonlyMap<string, string>, prefix = ''): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix + key
    const isTree = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (isTree && !known.has(path)) yield* leaves(value as Tree, known, `${path}.`)
    else yield [path, isTree ? JSON.stringify(value) : value]
  }
}
