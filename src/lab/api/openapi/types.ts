import type { Json } from '../access.ts'
import { patchOnly, replacedByPatch } from '../apply/list-types.ts'
import { schemaOf } from '../apply/schema.ts'
import type { ListSchema, Scalar, Schema, StructSchema } from '../apply/schema-types.ts'
import type { Kind } from '../kind.ts'
import { customSchemaV2, customSchemaV3 } from './custom.ts'

/** Version of OpenAPI: 2 has no alternatives within a type. */
export type Dialect = 2 | 3

const scalarsV2: Readonly<Record<Scalar, Json>> = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  float64: { type: 'number', format: 'double' },
  bool: { type: 'boolean' },
  time: { type: 'string', format: 'date-time' },
  microtime: { type: 'string', format: 'date-time' },
  bytes: { type: 'string', format: 'byte' },
  intOrString: { type: 'string', format: 'int-or-string' },
  quantity: { type: 'string' },
  any: {},
}

const scalarsV3: Readonly<Record<Scalar, Json>> = {
  ...scalarsV2,
  intOrString: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  quantity: { oneOf: [{ type: 'string' }, { type: 'number' }] },
}

/** Fields of which a patch has to name all that stay, since only one of them may be there. */
const retained: Readonly<Record<string, string>> = {
  'DeploymentSpec.strategy': 'retainKeys',
  'PodSpec.volumes': 'merge,retainKeys',
}

const nameOf = (type: StructSchema): string => `io.k8s.api.${type.name}`

/** Name of a kind's schema: `example.fx.v1.Widget` for one of the group fx.example. */
export const definitionName = (kind: Kind): string => {
  if (kind.custom !== undefined) return [...kind.group.split('.').reverse(), kind.version, kind.kind].join('.')
  const schema = schemaOf(kind)
  return schema === undefined ? '' : nameOf(schema)
}

/** Collects the schemas of kinds, with all that they refer to. */
export class Definitions {
  readonly all: Record<string, Json> = {}
  readonly #dialect: Dialect

  constructor(dialect: Dialect) {
    this.#dialect = dialect
  }

  add(kind: Kind): void {
    const gvk = [{ group: kind.group, kind: kind.kind, version: kind.version }]
    const extension = { 'x-kubernetes-group-version-kind': gvk }
    const schema = schemaOf(kind)
    if (schema === undefined) return
    if (kind.custom === undefined) {
      this.#define(schema)
      Object.assign(this.all[nameOf(schema)] ?? {}, extension)
      return
    }
    const metadata = schema.fields.get('metadata')
    const own = this.#dialect === 2 ? customSchemaV2(kind.custom.schema) : customSchemaV3(kind.custom.schema)
    const root = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: this.#field('', metadata) }
    const properties = own['properties'] === undefined ? root : { ...own['properties'], ...root }
    this.all[definitionName(kind)] = { ...own, type: 'object', properties, ...extension }
  }

  #define(type: StructSchema): void {
    const name = nameOf(type)
    if (this.all[name] !== undefined) return
    const properties: Record<string, Json> = {}
    this.all[name] = { type: 'object', properties }
    for (const [field, schema] of type.fields) properties[field] = this.#field(`${type.name}.${field}`, schema)
  }

  #field(path: string, schema: Schema | undefined): Json {
    if (schema === undefined) return {}
    const strategy = retained[path] === undefined ? {} : { 'x-kubernetes-patch-strategy': retained[path] }
    if (schema.is === 'list') return { ...this.#list(path, schema), ...strategy }
    if (schema.is === 'map') return { type: 'object', additionalProperties: this.#field('', schema.values) }
    if (schema.is === 'scalar') return { ...(this.#dialect === 2 ? scalarsV2 : scalarsV3)[schema.type] }
    this.#define(schema)
    const $ref = `#/${this.#dialect === 2 ? 'definitions' : 'components/schemas'}/${nameOf(schema)}`
    // In version 3 nothing beside a reference counts.
    return Object.keys(strategy).length === 0 || this.#dialect === 2
      ? { $ref, ...strategy }
      : { allOf: [{ $ref }], ...strategy }
  }

  #list(path: string, { items, keys, set }: ListSchema): Json {
    const type = set === true ? 'set' : keys === undefined ? 'atomic' : 'map'
    const key = patchOnly[path] ?? keys?.[0]?.name
    const merges = !replacedByPatch.has(path) && (set === true || key !== undefined)
    return {
      type: 'array',
      items: this.#field('', items),
      'x-kubernetes-list-type': type,
      ...(keys === undefined ? {} : { 'x-kubernetes-list-map-keys': keys.map(({ name }) => name) }),
      ...(merges ? { 'x-kubernetes-patch-strategy': 'merge' } : {}),
      ...(merges && key !== undefined ? { 'x-kubernetes-patch-merge-key': key } : {}),
    }
  }
}
