import type { ListMeta } from './encoding.ts'
import { badRequest, expired, type StatusError } from './status.ts'
import type { KubeObject } from './types.ts'

/** What a `continue` token says. */
export interface Continuation {
  v: 'meta.k8s.io/v1'
  /** The version that all pages show; -1: goes on with what there is now. */
  rv: number
  /** `namespace/name` of the last item that was given out. */
  start: string
}

export interface Page {
  metadata: ListMeta
  items: readonly KubeObject[]
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

const encode = (token: Continuation): string => Buffer.from(JSON.stringify(token)).toString('base64url')

/** @throws StatusError 400 */
export function continuationOf(text: string): Continuation {
  const invalid = (why: string): StatusError => badRequest(`invalid continue token: continue key is not valid: ${why}`)
  const wrongAt = /[^A-Za-z0-9_-]/.exec(text)?.index ?? (text.length % 4 === 1 ? text.length - 1 : undefined)
  if (wrongAt !== undefined) throw invalid(`illegal base64 data at input byte ${wrongAt}`)
  const bytes = Buffer.from(text, 'base64url')
  try {
    const token = JSON.parse(bytes.toString('utf8')) as Continuation
    if (token.v === 'meta.k8s.io/v1' && typeof token.start === 'string' && Number.isInteger(token.rv)) return token
  } catch {
    throw invalid(`invalid character '${shownByte(bytes[0] ?? 0)}' looking for beginning of value`)
  }
  throw badRequest('continue key is not valid: server does not recognize this encoded version')
}

/** A byte as Go quotes it. */
const shownByte = (byte: number): string =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\u${byte.toString(16).padStart(4, '0')}`

const tooOld =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'

/** 410 for a token whose version is forgotten, with a token to go on with regardless. */
export function continuationExpired({ start }: Continuation): StatusError {
  const error = expired(tooOld)
  error.status.metadata = { continue: encode({ v: 'meta.k8s.io/v1', rv: -1, start }) }
  return error
}

/**
 * One page of a list. `all`: what is selected at `version`, in order; `after`: `namespace/name` after which the page begins; `limit` 0: all of it;
 * `selected`: true if a selector was given (then nobody says how many remain).
 */
export function pageOf(
  all: readonly KubeObject[],
  version: string,
  { after, limit, selected }: { after: string | undefined; limit: number; selected: boolean },
): Page {
  const from = after === undefined ? 0 : firstAfter(all, after)
  const items = limit === 0 ? all.slice(from) : all.slice(from, from + limit)
  const remaining = all.length - from - items.length
  const metadata: ListMeta = { resourceVersion: version }
  const last = items.at(-1)
  if (remaining === 0 || last === undefined) return { metadata, items }
  metadata.continue = encode({ v: 'meta.k8s.io/v1', rv: Number(version), start: keyOf(last) })
  if (!selected) metadata.remainingItemCount = remaining
  return { metadata, items }
}

function firstAfter(items: readonly KubeObject[], start: string): number {
  const at = items.findIndex((item) => compareKeys(keyOf(item), start) > 0)
  return at < 0 ? items.length : at
}

/** Lists are in the order of namespaces, then of names. */
function compareKeys(a: string, b: string): number {
  const [namespaceA = '', nameA = ''] = a.split('/')
  const [namespaceB = '', nameB = ''] = b.split('/')
  if (namespaceA !== namespaceB) return namespaceA < namespaceB ? -1 : 1
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0
}
