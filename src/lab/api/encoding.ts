import { type Json, mapOf } from './access.ts'
import type { Form } from './accept.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import { podRowCondition } from './pod-columns.ts'
import { badRequest } from './status.ts'
import type { KubeObject } from './types.ts'

/** JSON of each version of an object, made once and shared by all who ask and watch. */
const encoded = new Map<Kind, WeakMap<object, Buffer>>()

/** An object as its kind is served, and its bytes. */
export const served = (kind: Kind, object: Json): Json => kind.view?.fromStored(object) ?? object

export function bytesOf(kind: Kind, object: Json): Buffer {
  let cache = encoded.get(kind)
  if (cache === undefined) {
    cache = new WeakMap()
    encoded.set(kind, cache)
  }
  let bytes = cache.get(object)
  if (bytes === undefined) {
    bytes = Buffer.from(JSON.stringify(served(kind, object)))
    cache.set(object, bytes)
  }
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
  const head = JSON.stringify({ kind: `${kind.kind}List`, apiVersion, metadata })
  const prefix = Buffer.byteLength(`${JSON.stringify({ kind: kind.kind, apiVersion }).slice(0, -1)},`)
  const chunks = items.flatMap((item, i) => {
    const body = bytesOf(kind, item).subarray(prefix)
    return i === 0 ? [brace, body] : [comma, brace, body]
  })
  return Buffer.concat([Buffer.from(`${head.slice(0, -1)},"items":[`), ...chunks, end])
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
  metadata: object['metadata'],
})

function row(kind: Kind, object: Json, options: TableOptions): Json {
  const { include, version, now } = options
  const conditions = kind.plural === 'pods' ? podRowCondition(object) : []
  const shown = include === 'Object' ? served(kind, object) : partial(object, version)
  return {
    cells: kind.columns.map((column) => column.cell(object, now)),
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(include === 'None' ? {} : { object: shown }),
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
  const columnDefinitions = kind.columns.map(({ name, type, format = '', priority = 0 }) => ({
    name,
    type,
    format,
    description: '',
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
