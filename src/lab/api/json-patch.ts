import { isMap, type Json, sameJson, setField } from './access.ts'
import { checkDepth } from './depth.ts'
import { badRequest, StatusError } from './status.ts'

interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

/** What a JSON patch that cannot be applied is answered with; a real server says no more. */
const rejected = (): StatusError =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})

/**
 * JSON patch (RFC 6902). Differs as a real server does: `replace` of a member that is missing adds it.
 * @throws StatusError 400 or 422
 */
export function applyJsonPatch(document: Json, patch: unknown): Json {
  if (!Array.isArray(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp')
  if (patch.length > maxOperations)
    throw tooLarge(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`)
  const root = { document: structuredClone(document), copied: 0 }
  for (const operation of patch) {
    if (!isOperation(operation)) throw rejected()
    apply(root, operation)
  }
  if (!isMap(root.document)) throw rejected()
  return checkDepth(root.document)
}

const isOperation = (value: unknown): value is Operation =>
  isMap(value) && typeof value['path'] === 'string' && ['string', 'undefined'].includes(typeof value['from'])

/** kube-apiserver's limits of what a small patch may grow to. */
const maxOperations = 10_000
const maxCopiedBytes = 3 * 1024 * 1024

const tooLarge = (message: string): StatusError => new StatusError(413, 'RequestEntityTooLarge', message)

interface Root {
  document: unknown
  /** Bytes that copies have added. */
  copied: number
}

function copyOf(root: Root, from: string | undefined): unknown {
  const value = read(root, from)
  root.copied += JSON.stringify(value ?? null).length
  if (root.copied <= maxCopiedBytes) return structuredClone(value)
  throw tooLarge(
    `Unable to complete the copy, the accumulated size increase of copy is ${root.copied}, exceeding the limit ${maxCopiedBytes}`,
  )
}

function apply(root: Root, { op, path, from, value }: Operation): void {
  if (op === 'add') add(root, path, value)
  else if (op === 'replace') replace(root, path, value)
  else if (op === 'remove') remove(root, path)
  else if (op === 'test') test(root, path, value)
  else if (op === 'copy') add(root, path, copyOf(root, from))
  else if (op === 'move') add(root, path, take(root, from))
  else throw rejected()
}

function replace(root: { document: unknown }, path: string, value: unknown): void {
  const { parent, key } = locate(root, path)
  set(parent, key, value)
}

function test(root: { document: unknown }, path: string, value: unknown): void {
  if (!sameJson(read(root, path) ?? null, value ?? null)) throw rejected()
}

function take(root: { document: unknown }, from: string | undefined): unknown {
  const value = read(root, from)
  remove(root, from ?? '')
  return value
}

/** The container of what a JSON pointer (RFC 6901) names, and the last step. */
function locate(root: { document: unknown }, path: string): { parent: unknown; key: string } {
  const steps = path === '' ? [] : path.slice(1).split('/')
  if (path !== '' && !path.startsWith('/')) throw rejected()
  let parent: unknown = root
  let key = 'document'
  for (const step of steps) {
    parent = child(parent, key)
    key = step.replaceAll('~1', '/').replaceAll('~0', '~')
  }
  return { parent, key }
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return parent[index(parent, key, parent.length - 1)]
  if (isMap(parent) && Object.hasOwn(parent, key)) return parent[key]
  throw rejected()
}

function index(list: readonly unknown[], key: string, max: number): number {
  const at = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1
  if (at < 0 || at > max || max > list.length) throw rejected()
  return at
}

function set(parent: unknown, key: string, value: unknown): void {
  if (Array.isArray(parent)) parent[index(parent, key, parent.length - 1)] = value
  else if (isMap(parent)) setField(parent, key, value)
  else throw rejected()
}

function add(root: { document: unknown }, path: string, value: unknown): void {
  const { parent, key } = locate(root, path)
  if (!Array.isArray(parent)) set(parent, key, value)
  else parent.splice(key === '-' ? parent.length : index(parent, key, parent.length), 0, value)
}

function remove(root: { document: unknown }, path: string): void {
  const { parent, key } = locate(root, path)
  if (Array.isArray(parent)) parent.splice(index(parent, key, parent.length - 1), 1)
  else if (isMap(parent) && Object.hasOwn(parent, key)) delete parent[key]
  else throw rejected()
}

function read(root: { document: unknown }, path: string | undefined): unknown {
  if (path === undefined) throw rejected()
  const { parent, key } = locate(root, path)
  return child(parent, key)
}
