import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isMap, type Json, mapOf, setField } from '../../src/lab/api/access.ts'
import { schemaOf } from '../../src/lab/api/apply/schema.ts'
import type { ScalarSchema, Schema, StructSchema } from '../../src/lab/api/apply/schema-types.ts'
import { bootstrap } from '../../src/lab/api/bootstrap.ts'
import { DecodeError, decode } from '../../src/lab/api/decode.ts'
import { bytesOf, table } from '../../src/lab/api/encoding.ts'
import type { Kind } from '../../src/lab/api/kind.ts'
import { apiVersionOf, kinds } from '../../src/lab/api/kinds.ts'
import { StatusError } from '../../src/lab/api/status.ts'
import { MemoryStore } from '../../src/lab/api/store.ts'
import type { KubeObject } from '../../src/lab/api/types.ts'

// Objects of every kind that are of their types and otherwise make no sense: they are taken, or refused with a reason.

/** Words that mean something somewhere, names that every object of JavaScript has, and what is nothing at all. */
const words =
  `a http web main default kube-system constructor __proto__ toString valueOf hasOwnProperty length 0 80 -1 25% 101% 1Gi 100m x/y a.example *.a.example /v
  10.0.0.1 10.43.0.10 fd00::1 ::ffff:10.0.0.1 10.0.0.0/8 10.0.0.1/8 fd00::/8 127.0.0.1 0.0.0.0 None ClusterIP NodePort LoadBalancer ExternalName Local Cluster
  ClientIP IPv4 IPv6 FQDN SingleStack PreferDualStack RequireDualStack TCP UDP SCTP Always Never OnFailure IfNotPresent RollingUpdate Recreate OnDelete
  In NotIn Exists DoesNotExist Equal Gt Lt NoSchedule NoExecute Ingress Egress Prefix Exact True False Unknown Ready Running Succeeded Failed
  ReadWriteOnce Retain Delete Immediate Filesystem Opaque kubernetes.io/tls Normal Warning Resource Utilization AverageValue Indexed NonIndexed Parallel
  Role ClusterRole ServiceAccount User Group rbac.authorization.k8s.io Namespaced Cluster v1 apps/v1 Pod Node Service object array string integer map set atomic
  foregroundDeletion orphan kubernetes metadata.name spec.nodeName requests.cpu limits.memory kubernetes.io/hostname`.split(
    /\s+/,
  )
const texts = [...words, '', 'A B', '*/5 * * * *', '@daily', '\ufffd', '(', '^[a-z]*$', 'ä', 'a'.repeat(300)]

const scalars: Readonly<Record<ScalarSchema['type'], readonly unknown[]>> = {
  string: texts,
  int32: [0, 1, 2, 80, 30_080, 65_535, 65_536, -1, 2 ** 31 - 1, -(2 ** 31)],
  int64: [0, 1, 30, -1, 2 ** 40, -(2 ** 63)],
  float64: [0, 1.5, -1, 1e300],
  bool: [true, false],
  time: ['2020-01-01T00:00:00Z', '2999-12-31T23:59:59+01:00', '0001-01-01T00:00:00Z'],
  microtime: ['2020-01-01T00:00:00.000000Z'],
  bytes: ['', 'YQ=='],
  intOrString: [0, 1, -1, 80, 65_536, 'http', '25%', '101%', ''],
  quantity: ['0', '1', '-1', '1Gi', '100m', '1e3', 1, 0.5],
  any: [null, true, 0, 'a', [], {}, [null], { a: { b: [1] } }, { constructor: null }],
}

/** A value of a type; what it names is chosen by `g`. */
function make(g: fc.GeneratorValue, schema: Schema, depth: number): unknown {
  if (schema.is === 'scalar') return g(fc.constantFrom, ...scalars[schema.type])
  if (depth > 8) return schema.is === 'list' ? [] : {}
  if (schema.is === 'struct') return makeStruct(g, schema, depth)
  const size = g(fc.constantFrom, 0, 1, 1, 2)
  if (schema.is === 'list')
    return Array.from({ length: size }, () => (g(fc.nat, 20) === 0 ? null : make(g, schema.items, depth + 1)))
  const map: Json = {}
  for (let i = 0; i < size; i++) setField(map, g(fc.constantFrom, ...texts), make(g, schema.values, depth + 1))
  return map
}

function makeStruct(g: fc.GeneratorValue, schema: StructSchema, depth: number): Json {
  const object: Json = {}
  const names = g(fc.subarray, [...schema.fields.keys()], { maxLength: Math.min(6, schema.fields.size) })
  for (const [name, field] of schema.fields) if (names.includes(name)) object[name] = make(g, field, depth + 1)
  return object
}

const folder = new URL('../fixtures/api/', import.meta.url)

/** What was created when the answers of a real server were recorded. */
const created: Json[] = readdirSync(folder)
  .filter((name) => name.endsWith('.jsonl'))
  .flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n').filter(Boolean))
  .map((line) => JSON.parse(line) as Json)
  .filter(({ method, status, body }) => method === 'POST' && status === 201 && isMap(body))
  .map(({ body }) => body as Json)

const samplesOf = (kind: Kind): Json[] => [
  {},
  ...created.filter((object) => object['kind'] === kind.kind && object['apiVersion'] === apiVersionOf(kind)),
]

/** Changes something in an object, in place: here, or further below. */
function change(g: fc.GeneratorValue, value: Json, schema: StructSchema): void {
  const below = Object.keys(value).filter((name) => stepInto(value[name], schema.fields.get(name)) !== undefined)
  const name = below.length > 0 && g(fc.nat, 4) > 0 ? g(fc.constantFrom, ...below) : undefined
  const next = name === undefined ? undefined : stepInto(value[name], schema.fields.get(name))
  if (next !== undefined) return change(g, ...next)
  const names = [...schema.fields.keys()]
  const field = g(fc.constantFrom, ...names)
  const of = schema.fields.get(field)
  if (g(fc.nat, 6) === 0) delete value[field]
  else if (of !== undefined) value[field] = make(g, of, 3)
}

/** The struct below a field, or the first of a list of them. */
function stepInto(value: unknown, schema: Schema | undefined): [Json, StructSchema] | undefined {
  if (schema?.is === 'struct') return isMap(value) && schema.fields.size > 0 ? [value, schema] : undefined
  return schema?.is === 'list' && Array.isArray(value) ? stepInto(value[0], schema.items) : undefined
}

/** An object of a kind, decoded; undefined if it cannot be. */
function objectOf(g: fc.GeneratorValue, kind: Kind, schema: StructSchema): KubeObject | undefined {
  const object: Json = structuredClone(g(fc.constantFrom, ...samplesOf(kind)))
  for (let changes = g(fc.nat, 4); changes >= 0; changes--) change(g, object, schema)
  const metadata = mapOf(object['metadata'])
  delete metadata['resourceVersion']
  delete metadata['uid']
  if (g(fc.nat, 9) > 0) metadata['name'] ??= 'a'
  if (kind.namespaced) metadata['namespace'] = 'default'
  object['metadata'] = metadata
  try {
    decode(object, schema)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
  return (kind.view?.toStored(object) ?? object) as KubeObject
}

/** What a real server, too, takes for its own fault. */
const knownFaults = /^(Internal error occurred: failed to allocate|resourceVersion should not be set)/

/** The answer, or undefined where it was refused with a reason that is the client's. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    if (error.status.code >= 500) expect(error.status.message).toMatch(knownFaults)
    return undefined
  }
}

function show(kind: Kind, object: KubeObject): void {
  const options = { include: 'Object', version: 'v1', now: new Date(0), columns: true } as const
  for (const cell of table(kind, {}, [object], options)['rows'][0].cells)
    expect(['string', 'number', 'boolean']).toContain(cell === null ? 'string' : typeof cell)
  const text = JSON.stringify(table(kind, {}, [object], options))
  expect(text).not.toMatch(/\[object Object\]|native code|undefined|NaN/)
  expect(mapOf(JSON.parse(bytesOf(kind, object).toString())).kind).toBe(kind.kind)
  for (const select of Object.values(kind.fieldSelectors)) expect(typeof select(object)).toBe('string')
}

const writable = kinds.filter(
  (kind) => kind.review === undefined && schemaOf(kind) !== undefined && kind.verbs === undefined,
)

describe('objects that make no sense', () => {
  it.each(writable.map((kind) => [`${kind.plural}.${kind.group}`, kind] as const))('%s', (_name, kind) => {
    const schema = schemaOf(kind)
    if (schema === undefined) throw new Error('filtered above')
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const store = new MemoryStore()
        bootstrap(store, { address: '172.30.0.2', port: 6443 })
        const options = { fromClient: true, writer: { manager: 'test' } }
        const first = objectOf(g, kind, schema)
        const made = first && attempt(() => store.create(kind.resource, first, options))
        if (made === undefined) return
        show(kind, made)
        const { name, namespace, uid } = made.metadata
        for (const change of ['update', 'updateStatus'] as const) {
          const next = objectOf(g, kind, schema)
          if (next === undefined) continue
          const metadata = { ...next.metadata, name, uid, ...(namespace === undefined ? {} : { namespace }) }
          const now = attempt(() => store[change](kind.resource, { ...next, metadata }, options))
          if (now !== undefined) show(kind, now)
        }
        attempt(() => store.remove(kind.resource, namespace, name, { gracePeriodSeconds: 0 }))
      }),
      { numRuns: 20 },
    )
  })
})
