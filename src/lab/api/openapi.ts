import { createHash } from 'node:crypto'
import type { Json } from './access.ts'
import type { Kind } from './kind.ts'
import { apiVersionOf, kinds } from './kinds.ts'
import { bytesField, message, textField } from './protobuf.ts'

/**
 * OpenAPI documents that name no fields. A client that finds no schema of a kind checks nothing by itself and merges by
 * the Go types that it was built with; of schemas without merge keys it would make patches that lose list items.
 * The operations are there because kubectl looks for the parameter dryRun before it sends one.
 */
const title = 'Kubernetes'
const version = 'v1.36.0'

const gvkOf = ({ group, version, kind }: Kind): Json => ({ group, kind, version })

const pathOf = (kind: Kind): string => {
  const root = kind.group === '' ? '/api/v1' : `/apis/${apiVersionOf(kind)}`
  return `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}/{name}`
}

const dryRun = {
  name: 'dryRun',
  in: 'query',
  description: 'All: the request is checked and answered, and nothing is stored',
} as const

const gvkExtension = 'x-kubernetes-group-version-kind'

/** /openapi/v2 as JSON. */
export function openapiV2(): Json {
  const patch = (kind: Kind): Json => ({
    parameters: [{ ...dryRun, type: 'string' }],
    responses: { '200': { description: 'OK' } },
    [gvkExtension]: gvkOf(kind),
  })
  return {
    swagger: '2.0',
    info: { title, version },
    paths: Object.fromEntries(kinds.map((kind) => [pathOf(kind), { patch: patch(kind) }])),
    definitions: {},
  }
}

/** As the answer says; clients ask for the older name, which is no valid media type. */
export const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

export const wantsProtobuf = (accept: string | undefined): boolean =>
  /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/.test(accept ?? '')

/**
 * The same as protobuf, which kubectl asks for up to 1.32. Field numbers: OpenAPIv2.proto of google/gnostic-models
 * (Document 1, 2, 8; Paths 2; NamedPathItem 1, 2; PathItem 8; Operation 8, 13; ParametersItem 1; Parameter 2;
 * NonBodyParameter 3; QueryParameterSubSchema 2, 3, 4, 6; NamedAny 1, 2; Any 2).
 */
export function openapiV2Protobuf(): Buffer {
  const query = message(
    textField(2, dryRun.in),
    textField(3, dryRun.description),
    textField(4, dryRun.name),
    textField(6, 'string'),
  )
  const parameter = message(bytesField(1, message(bytesField(2, message(bytesField(3, query))))))
  const paths = kinds.map((kind) => {
    const { group, version, kind: name } = gvkOf(kind)
    const yaml = `group: ${JSON.stringify(group)}\nkind: ${name}\nversion: ${version}\n`
    const extension = message(textField(1, gvkExtension), bytesField(2, message(textField(2, yaml))))
    const operation = message(bytesField(8, parameter), bytesField(13, extension))
    return bytesField(2, message(textField(1, pathOf(kind)), bytesField(2, message(bytesField(8, operation)))))
  })
  const info = message(textField(1, title), textField(2, version))
  return message(textField(1, '2.0'), bytesField(2, info), bytesField(8, message(...paths)))
}

const groupVersions = [...new Set(kinds.map(apiVersionOf))]

/** `api/v1` or `apis/apps/v1`. */
const v3Path = (groupVersion: string): string => (groupVersion === 'v1' ? 'api/v1' : `apis/${groupVersion}`)

/** /openapi/v3: where the documents of the groups are. */
export function openapiV3Index(): Json {
  const entries = groupVersions.map((groupVersion) => {
    const path = v3Path(groupVersion)
    const hash = createHash('sha512')
      .update(JSON.stringify(openapiV3(path) ?? {}))
      .digest('hex')
      .toUpperCase()
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]
  })
  return { paths: Object.fromEntries(entries) }
}

/** The document of one group and version, or undefined. `path`: `api/v1` or `apis/apps/v1`. */
export function openapiV3(path: string): Json | undefined {
  const own = kinds.filter((kind) => v3Path(apiVersionOf(kind)) === path)
  if (own.length === 0) return undefined
  const patch = (kind: Kind): Json => ({
    parameters: [{ ...dryRun, schema: { type: 'string' } }],
    responses: { '200': { description: 'OK' } },
    [gvkExtension]: gvkOf(kind),
  })
  return {
    openapi: '3.0.0',
    info: { title, version },
    paths: Object.fromEntries(own.map((kind) => [pathOf(kind), { patch: patch(kind) }])),
    components: { schemas: {} },
  }
}
