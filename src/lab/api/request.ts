import type { IncomingMessage } from 'node:http'
import type { Kind } from './kind.ts'
import type { KindRegistry } from './registry.ts'
import { methodNotAllowed, noSuchResource, notFound } from './status.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

/** A request for a resource, understood. */
export interface ResourceRequest {
  kind: Kind
  verb: Verb
  /** Undefined: all namespaces, or a cluster-scoped kind. */
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
  query: URLSearchParams
  message: IncomingMessage
  /** Go out as headers of the answer, also of an error. */
  warnings: string[]
}

/** Where a path that begins with /api or /apis leads; undefined: there is no such group, so it is no path of the API at all. */
export function resourceRequest(
  message: IncomingMessage,
  url: URL,
  registry: KindRegistry,
): ResourceRequest | undefined {
  const segments = url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeURIComponent)
  const [root, ...rest] = segments
  const group = root === 'api' ? '' : (rest.shift() ?? '')
  if (!registry.hasGroup(group)) return undefined
  const version = rest.shift() ?? ''
  const old = rest[0] === 'watch'
  if (old) rest.shift()
  const place = placeOf(registry, group, version, rest)
  if (place === undefined) return undefined
  const query = url.searchParams
  const watching = old || isTrue(query.get('watch'))
  return { ...place, verb: verbOf(message.method ?? '', place, watching), query, message, warnings: [] }
}

/** Booleans of queries, as Go reads them. */
export const isTrue = (text: string | null): boolean =>
  text !== null && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)

type Place = Pick<ResourceRequest, 'kind' | 'namespace' | 'name' | 'subresource'>

function placeOf(registry: KindRegistry, group: string, version: string, path: readonly string[]): Place | undefined {
  const inNamespace =
    path[0] === 'namespaces' && path.length >= 3 && registry.served(group, version, path[2] ?? '') !== undefined
  const namespace = inNamespace ? path[1] : undefined
  const [plural = '', name, subresource, ...more] = inNamespace ? path.slice(2) : path
  const kind = registry.served(group, version, plural)
  if (kind === undefined && registry.isCustomGroup(group)) return undefined
  if (kind === undefined || more.length > 0) throw noSuchResource()
  if (kind.custom !== undefined && inNamespace !== kind.namespaced && (inNamespace || name !== undefined))
    return undefined
  if (inNamespace && !kind.namespaced) throw noSuchResource()
  if (!inNamespace && kind.namespaced && name !== undefined) throw noSuchResource()
  if (subresource !== undefined && subresourceVerbs(kind, subresource).length === 0)
    throw kind.custom === undefined ? noSuchResource() : notFound(kind, name ?? '')
  return { kind, namespace, name, subresource }
}

const readWrite: readonly Verb[] = ['get', 'patch', 'update']

/** Verbs of a subresource; none: the kind does not have it. */
export function subresourceVerbs(kind: Kind, subresource: string): readonly Verb[] {
  const elsewhere = kind.elsewhere.find(({ name }) => name === subresource)
  if (elsewhere !== undefined) return elsewhere.verbs
  if (subresource === 'status') return kind.statusSubresource ? readWrite : []
  if (subresource === 'scale') return kind.scaleSubresource ? readWrite : []
  if (subresource === 'finalize') return kind.kind === 'Namespace' && kind.group === '' ? ['update'] : []
  return kind.plural === 'pods' && (subresource === 'binding' || subresource === 'eviction') ? ['create'] : []
}

/** Verbs of the kind itself, in the order of discovery. */
export function verbsOf(kind: Kind): Verb[] {
  if (kind.verbs !== undefined) return [...kind.verbs]
  if (kind.review !== undefined) return ['create']
  if (kind.custom !== undefined)
    return ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch']
  return storedVerbs(kind)
}

const storedVerbs = (kind: Kind): Verb[] => [
  'create',
  'delete',
  ...(kind.deleteCollection ? (['deletecollection'] as const) : []),
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

const objectVerbs: Readonly<Record<string, Verb>> = { GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

function verbOf(method: string, place: Place, watching: boolean): Verb {
  const { kind, namespace, name, subresource } = place
  if (subresource !== undefined) {
    const verb = method === 'POST' ? 'create' : objectVerbs[method]
    if (verb === undefined || !subresourceVerbs(kind, subresource).includes(verb)) throw methodNotAllowed()
    return verb
  }
  const everywhere = kind.namespaced && namespace === undefined
  const onCollection: Readonly<Record<string, Verb>> = {
    GET: watching ? 'watch' : 'list',
    ...(everywhere ? {} : { POST: 'create', DELETE: 'deletecollection' }),
  }
  const verb = (name === undefined ? onCollection : objectVerbs)[method]
  return verb !== undefined && verbsOf(kind).includes(verb) ? verb : refuse()
}

const refuse = (): never => {
  throw methodNotAllowed()
}
