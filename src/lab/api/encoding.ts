import type { Form } from './accept.ts'
import { type Json, mapOf } from './access.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import { podRowCondition } from './pod-columns.ts'
import { badRequest } from './status.ts'
import type { KubeObject } from './types.ts'

/** An object as its kind is served. */
export const served = (kind: Kind, object: Json): Json =>
  kind.view?.fromStored(object) ?? kind.custom?.shown(object) ?? object

/** About so many bytes of JSON are kept twice over. */
const cacheBytes = 8 * 1024 * 1024

interface Encoded {
  kind: Kind
  bytes: Buffer
}

/** JSON of objects that were asked for lately: what is new since the last change of generations, and what was before. */
let young = new Map<object, Encoded>()
let old = new Map<object, Encoded>()
let youngBytes = 0

/** A version of an object as JSON, made once for all who ask and watch at about the same time. */
export function bytesOf(kind: Kind, object: Json): Buffer {
  const known = young.get(object) ?? old.get(object)
  if (known?.kind === kind) return known.bytes
  const bytes = Buffer.from(JSON.stringify(served(kind, object)))
  if (youngBytes > cacheBytes) {
    old = young
    young = new Map()
    youngBytes = 0
  }
  young.set(object, { kind, bytes })
  youngBytes += bytes.length
  return bytes
}

/** metadata of a list. */
export interface ListMeta {
  resourceVersion: string
  continue?: string
  remainingItemCount?: number
}

const comma = Buffer.from(',')
const brace = Buffer.from('{')
const end = Buffer.from(']}\n')

/** A list as JSON. Items are written without kind and apiVersion, as a real server writes them. */
export function listBytes(kind: Kind, metadata: ListMeta, items: readonly KubeObject[]): Buffer {
  const apiVersion = apiVersionOf(kind)
  if (kind.custom !== undefined) return customListBytes(kind, metadata, items)
  const head = JSON.stringify({ kind: `${kind.kind}List`, apiVersion, metadata })
  const prefix = Buffer.byteLength(`${JSON.stringify({ kind: kind.kind, apiVersion }).slice(0, -1)},`)
  const chunks = items.flatMap((item, i) => {
    const body = bytesOf(kind, item).subarray(prefix)
    return i === 0 ? [brace, body] : [comma, brace, body]
  })
  return Buffer.concat([Buffer.from(`${head.slice(0, -1)},"items":[`), ...chunks, end])
}

/** Custom resources are written whole, and metadata says that there is nothing to continue. */
function customListBytes(kind: Kind, metadata: ListMeta, items: readonly KubeObject[]): Buffer {
  const list = { kind: kind.custom?.listKind, apiVersion: apiVersionOf(kind), metadata: { continue: '', ...metadata } }
  const chunks = items.flatMap((item, i) => (i === 0 ? [bytesOf(kind, item)] : [comma, bytesOf(kind, item)]))
  return Buffer.concat([Buffer.from(`${JSON.stringify(list).slice(0, -1)},"items":[`), ...chunks, end])
}

export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** The query parameter `includeObject`. @throws StatusError 400 */
export function includeObjectOf(text: string | null): IncludeObject {
  if (text === null || text === '' || text === 'Metadata') return 'Metadata'
  if (text === 'None' || text === 'Object') return text
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`,
  )
}

export const partial = (object: Json, version: Form['version']): Json => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object['kind'] === 'DaemonSet' ? withoutGeneration(object['metadata']) : object['metadata'],
})

/** A DaemonSet's template generation is an annotation of apps/v1 alone, and no part of what is stored. */
function withoutGeneration(metadata: Json): Json {
  const { 'deprecated.daemonset.template.generation': _generation, ...annotations } = mapOf(metadata['annotations'])
  const { annotations: _annotations, ...rest } = metadata
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest
}

function row(kind: Kind, object: Json, options: TableOptions): Json {
  const { include, version, now } = options
  const conditions = kind.plural === 'pods' ? podRowCondition(object) : []
  const shown = include === 'Object' ? served(kind, object) : partial(object, version)
  return {
    cells: kind.columns.map((column) => column.cell(object, now)),
    ...(conditions.length > 0 ? { conditions } : {}),
    object: include === 'None' ? null : shown,
  }
}

export interface TableOptions {
  include: IncludeObject
  version: Form['version']
  now: Date
  /** False: without column definitions, as in all but the first event of a watch. */
  columns: boolean
}

/** Objects as a Table (metav1.Table): what `kubectl get` prints. */
export function table(kind: Kind, metadata: Partial<ListMeta>, objects: readonly Json[], options: TableOptions): Json {
  const columnDefinitions = kind.columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
    name,
    type,
    format,
    description,
    priority,
  }))
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    ...(options.columns ? { columnDefinitions } : {}),
    rows: objects.map((object) => row(kind, object, options)),
  }
}

/** The resourceVersion of a single object, as the metadata of its Table. */
export const tableMeta = (object: Json): Partial<ListMeta> => ({
  resourceVersion: mapOf(object['metadata'])['resourceVersion'],
})
