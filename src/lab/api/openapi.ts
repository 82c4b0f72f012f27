import { createHash } from 'node:crypto'
import type { Json } from './access.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf } from './kinds.ts'
import { documentProtobuf } from './openapi/protobuf.ts'
import { Definitions, definitionName } from './openapi/types.ts'
import type { KindRegistry } from './registry.ts'

/**
 * OpenAPI documents: the fields of all kinds with their types, and how lists merge, which kubectl makes its patches by; no
 * descriptions but those of custom resources. Operations are there as far as kubectl looks for their parameters.
 */
const title = 'Kubernetes'
const version = 'v1.36.0'
const gvkExtension = 'x-kubernetes-group-version-kind'

const gvkOf = ({ group, version, kind }: Kind): Json => ({ group, kind, version })

const collectionPath = (kind: Kind): string => {
  const root = kind.group === '' ? '/api/v1' : `/apis/${apiVersionOf(kind)}`
  return `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`
}

const parameters = [
  { name: 'dryRun', in: 'query', description: 'All: the request is checked and answered, and nothing is stored' },
  { name: 'fieldValidation', in: 'query', description: 'Ignore, Warn or Strict: what to do about unknown fields' },
  { name: 'fieldManager', in: 'query', description: 'Who makes the change' },
] as const

/** What is made of the kinds stays good until these change. */
const cache = new WeakMap<KindRegistry, { revision: number; values: Map<string, unknown> }>()

function cached<T>(registry: KindRegistry, key: string, make: () => T): T {
  let entry = cache.get(registry)
  if (entry?.revision !== registry.revision) {
    entry = { revision: registry.revision, values: new Map() }
    cache.set(registry, entry)
  }
  if (!entry.values.has(key)) entry.values.set(key, make())
  return entry.values.get(key) as T
}

const described = (registry: KindRegistry): Kind[] => registry.all().filter((kind) => kind.review === undefined)

/** /openapi/v2 as JSON. */
export const openapiV2 = (registry: KindRegistry): Json =>
  cached(registry, 'v2', () => {
    const definitions = new Definitions(2)
    for (const kind of described(registry)) definitions.add(kind)
    const patch = (kind: Kind): Json => ({
      parameters: parameters.map((parameter) => ({ ...parameter, type: 'string' })),
      responses: { '200': { description: 'OK' } },
      [gvkExtension]: gvkOf(kind),
    })
    const paths = described(registry).map((kind) => [`${collectionPath(kind)}/{name}`, { patch: patch(kind) }])
    return { swagger: '2.0', info: { title, version }, paths: Object.fromEntries(paths), definitions: definitions.all }
  })

/** As the answer says; clients ask for the older name, which is no valid media type. */
export const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

export const wantsProtobuf = (accept: string | undefined): boolean =>
  /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/.test(accept ?? '')

/** /openapi/v2 as protobuf. */
export const openapiV2Protobuf = (registry: KindRegistry): Buffer =>
  cached(registry, 'v2 protobuf', () => documentProtobuf(openapiV2(registry)))

/** `api/v1` or `apis/apps/v1`. */
const v3Path = (kind: Kind): string => (kind.group === '' ? 'api/v1' : `apis/${apiVersionOf(kind)}`)

/** /openapi/v3: where the documents of the groups are. The hash is another when a document is. */
export const openapiV3Index = (registry: KindRegistry): Json =>
  cached(registry, 'v3', () => {
    const entries = [...new Set(described(registry).map(v3Path))].map((path) => {
      const text = JSON.stringify(openapiV3(registry, path))
      const hash = createHash('sha512').update(text).digest('hex').toUpperCase()
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]
    })
    return { paths: Object.fromEntries(entries) }
  })

/** The document of one group and version, or undefined. `path`: `api/v1` or `apis/apps/v1`. */
export function openapiV3(registry: KindRegistry, path: string): Json | undefined {
  const own = described(registry).filter((kind) => v3Path(kind) === path)
  return own.length === 0 ? undefined : cached(registry, path, () => documentV3(own))
}

function documentV3(kinds: readonly Kind[]): Json {
  const definitions = new Definitions(3)
  for (const kind of kinds) definitions.add(kind)
  return {
    openapi: '3.0.0',
    info: { title, version },
    paths: Object.fromEntries(kinds.flatMap(pathsV3)),
    components: { schemas: definitions.all },
  }
}

function pathsV3(kind: Kind): Array<[string, Json]> {
  const name = definitionName(kind)
  const content = { 'application/json': { schema: name === '' ? {} : { $ref: `#/components/schemas/${name}` } } }
  const operation = (action: string): Json => ({
    ...(action === 'get' || action === 'list'
      ? {}
      : { parameters: parameters.map((parameter) => ({ ...parameter, schema: { type: 'string' } })) }),
    responses: { '200': { description: 'OK', content } },
    'x-kubernetes-action': action,
    [gvkExtension]: gvkOf(kind),
  })
  const collection = { get: operation('list'), post: operation('post') }
  const item = { get: operation('get'), put: operation('put'), patch: operation('patch'), delete: operation('delete') }
  return [
    [collectionPath(kind), collection],
    [`${collectionPath(kind)}/{name}`, item],
  ]
}
