import { type Form, formOf } from './accept.ts'
import { bytesOf, type IncludeObject, includeObjectOf, listBytes, partial, table, tableMeta } from './encoding.ts'
import type { Kind } from './kind.ts'
import type { Page } from './pages.ts'
import type { ResourceRequest } from './request.ts'
import type { Status } from './status.ts'
import type { KubeObject } from './types.ts'

/** What is written as the answer, unless it has been already. */
export interface Answer {
  code: number
  contentType: string
  body: Buffer
}

/** A value as JSON. */
export const json = (code: number, value: unknown): Answer => ({
  code,
  contentType: 'application/json',
  body: Buffer.from(`${JSON.stringify(value)}\n`),
})

/** As `single`, for an object that this request has written. */
export function written(request: ResourceRequest, code: number, object: KubeObject): Promise<Answer> {
  if (request.subresource === undefined) request.warnings.push(...(request.kind.warnings?.(object) ?? []))
  return single(request, code, object)
}

/** One object in the form that was asked for. */
export async function single(
  { kind, query, message }: ResourceRequest,
  code: number,
  object: KubeObject,
): Promise<Answer> {
  const form = formOf(message.headers.accept)
  if (form.type === 'table') {
    const include = includeObjectOf(query.get('includeObject'))
    const options = { include, version: form.version, now: new Date(), columns: true }
    return json(code, table(kind, tableMeta(object), [object], options))
  }
  if (form.type === 'metadata') return json(code, partial(object, form.version))
  const body = bytesOf(kind, object)
  return form.type === 'yaml' ? yaml(code, body) : { code, contentType: 'application/json', body }
}

async function yaml(code: number, body: Buffer): Promise<Answer> {
  const { stringify } = await import('yaml')
  const text = stringify(JSON.parse(body.toString('utf8')), { sortMapEntries: true, version: '1.1' })
  return { code, contentType: 'application/yaml', body: Buffer.from(text) }
}

/** A list in the form that was asked for. */
export async function listAnswer(kind: Kind, page: Page, form: Form, include: IncludeObject): Promise<Answer> {
  const { metadata, items } = page
  const { version } = form
  if (form.type === 'table')
    return json(200, table(kind, metadata, items, { include, version, now: new Date(), columns: true }))
  if (form.type === 'metadata') {
    const partials = items.map((item) => partial(item, version))
    const type = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}` }
    return json(200, { ...type, metadata, items: partials })
  }
  const body = listBytes(kind, metadata, items)
  return form.type === 'yaml' ? yaml(200, body) : { code: 200, contentType: 'application/json', body }
}

/** The Status that says that something was done. */
export const success = (details: Status['details']): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(details === undefined ? {} : { details }),
})
