import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../model/error.ts'
import type { Flag, FlagTable } from './flag.ts'
import type { Setting } from './resolve.ts'

/** What a configuration file says, and what of it is not for us. */
export interface FileSettings {
  settings: Setting[]
  notes: string[]
}

type Tree = Record<string, unknown>

/**
 * Reads a configuration file: a KubeProxyConfiguration by its kind, else K3s' config.yaml with the files of `FILE.d` after it.
 *
 * @throws WeftError CONFIG_UNREADABLE, CONFIG_NOT_YAML, CONFIG_KIND
 */
export async function readConfigFile(file: string, table: FlagTable): Promise<FileSettings> {
  const tree = await readTree(file)
  if (tree['kind'] === undefined && tree['apiVersion'] === undefined) return k3sSettings(file, tree, table)
  if (tree['kind'] === 'KubeProxyConfiguration' && tree['apiVersion'] === 'kubeproxy.config.k8s.io/v1alpha1') {
    return kubeProxySettings(file, tree, table)
  }
  throw new WeftError(`it is a ${String(tree['apiVersion'])} ${String(tree['kind'])}`, {
    code: 'CONFIG_KIND',
    fault: 'user',
    where: file,
    remedy: "give a KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1, or K3s' config.yaml, which has no kind",
  })
}

/** Fields that are not known are said, not fatal: a file of a newer kube-proxy still works (as there). */
function kubeProxySettings(file: string, tree: Tree, table: FlagTable): FileSettings {
  const byField = new Map(Object.entries(table).flatMap(([name, { field }]) => (field ? [[field, name] as const] : [])))
  const result: FileSettings = { settings: [], notes: [] }
  for (const [path, value] of leaves(tree, byField)) {
    if (path === 'kind' || path === 'apiVersion' || isUnset(value)) continue
    const name = byField.get(path)
    const where = `${file}: ${path}`
    if (name === undefined) result.notes.push(`${where} is not known here and has no effect`)
    else result.settings.push({ name, value, origin: 'kube-proxy config file', where })
  }
  return result
}

/** kube-proxy's own way of writing "the default": null, the empty text, the empty list. */
const isUnset = (value: unknown): boolean =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

/** Paths with dots to what is no mapping, or is a flag's value as a whole (featureGates). */
function* leaves(tree: Tree, known: ReadonlyMap<string, string>, prefix = ''): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix + key
    const isTree = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (isTree && !known.has(path)) yield* leaves(value as Tree, known, `${path}.`)
    else yield [path, isTree ? JSON.stringify(value) : value]
  }
}

/**
 * K3s' rules (docs.k3s.io, "Configuration File"): the last value of a key counts, `key+` appends to what is there. Keys of K3s that the agent has no
 * use for are passed over.
 */
async function k3sSettings(file: string, base: Tree, table: FlagTable): Promise<FileSettings> {
  const merged = new Map<string, { value: unknown; where: string }>()
  merge(merged, file, base)
  for (const dropIn of dropIns(`${file}.d`)) merge(merged, dropIn, await readTree(dropIn))
  const settings: Setting[] = []
  for (const [name, { value, where }] of merged) {
    const row: Flag | undefined = table[name]
    if (row === undefined || !(row.of.includes('k3s') || row.of.includes('weft')) || isUnset(value)) continue
    settings.push({ name, value, origin: 'K3s config file', where: `${where}: ${name}` })
  }
  return { settings, notes: [] }
}

function merge(into: Map<string, { value: unknown; where: string }>, where: string, tree: Tree): void {
  for (const [key, value] of Object.entries(tree)) {
    const name = key.replace(/\+$/, '')
    const before = into.get(name)?.value
    const appended = key.endsWith('+') && before !== undefined ? [before, value].flat() : value
    into.set(name, { value: appended, where })
  }
}

function dropIns(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(dir, name))
  } catch {
    return []
  }
}

async function readTree(file: string): Promise<Tree> {
  const text = read(file)
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { uniqueKeys: false })
  const error = document.errors[0]
  const tree: unknown = error === undefined ? (document.toJS() ?? {}) : undefined
  if (typeof tree === 'object' && tree !== null && !Array.isArray(tree)) return tree as Tree
  throw new WeftError('it is no YAML mapping', {
    code: 'CONFIG_NOT_YAML',
    fault: 'user',
    where: file,
    remedy: 'write one `name: value` a line',
    ...(error === undefined ? {} : { cause: error }),
  })
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new WeftError('the configuration file cannot be read', {
      code: 'CONFIG_UNREADABLE',
      fault: 'user',
      where: file,
      remedy: 'correct --config',
      cause,
    })
  }
}
