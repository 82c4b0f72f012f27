import { describe, expect, it } from 'vitest'
import { fieldAt, type Json, sameJson, setField } from './access.ts'
import { schemaOf } from './apply/schema.ts'
import { parseYaml } from './body.ts'
import { checkKind, conversionError } from './body-kind.ts'
import { applyDefaults } from './crd/default.ts'
import { withReplicas } from './crd/scale.ts'
import { schemaErrors } from './crd/validate.ts'
import { decode } from './decode.ts'
import { configMapErrors } from './hooks/core.ts'
import { applyJsonPatch } from './json-patch.ts'
import { parseValue } from './json-value.ts'
import { applyMergePatch } from './merge-patch.ts'
import { decodeProtobuf } from './protobuf-body.ts'
import { StatusError } from './status.ts'
import { applyStrategicPatch } from './strategic-patch.ts'
import type { KubeObject } from './types.ts'

// Values and names that mean something to JavaScript and nothing to Kubernetes.

const configMap = { group: '', version: 'v1', kind: 'ConfigMap' }
const json = (text: string): Json => JSON.parse(text)

function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof StatusError) return `${error.status.code} ${error.status.message}`
    throw error
  }
  return 'taken'
}

describe('kind and version of a body', () => {
  const notText = (type: string, field: string): string =>
    `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: json: cannot unmarshal ${type} into Go struct field .${field} of type string`

  it.each([
    ['{"apiVersion":{"toString":null}}', `400 ${notText('object', 'apiVersion')} ({"apiVersion":{"toString":null ...)`],
    ['{"kind":["ConfigMap"]}', `400 ${notText('array', 'kind')} ({"kind":["ConfigMap"]})`],
    ['{"kind":1,"apiVersion":true}', `400 ${notText('number', 'kind')} ({"kind":1,"apiVersion":true})`],
    ['{"apiVersion":true,"kind":1}', `400 ${notText('bool', 'apiVersion')} ({"apiVersion":true,"kind":1})`],
    ['{"apiVersion":null,"kind":null}', 'taken'],
    ['{"apiVersion":"","kind":""}', 'taken'],
    ['{}', 'taken'],
    [
      '{"apiVersion":"a/b/c"}',
      '400 the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})',
    ],
    [
      '{"apiVersion":"v1","kind":"constructor"}',
      '400 constructor in version "v1" cannot be handled as a ConfigMap: no kind "constructor" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
  ])('%s', (body, answer) => {
    expect(messageOf(() => checkKind(json(body), configMap, Buffer.from(body)))).toBe(answer)
  })

  it('that a patch has made of something else are told in the same words', () => {
    expect(conversionError(json('{"kind":{"valueOf":null}}'), configMap)).toBe(
      "couldn't get version/kind; json parse error: json: cannot unmarshal object into Go struct field .kind of type string",
    )
    expect(conversionError({ kind: null }, configMap)).toBeUndefined()
  })
})

describe('JSON', () => {
  it('has U+FFFD for half of a surrogate pair, in values and names', () => {
    expect(parseValue(String.raw`{"a":["\ud800x"],"\udc00":1,"b":"\ud83d\ude00"}`)).toEqual({
      a: ['\ufffdx'],
      '\ufffd': 1,
      b: '😀',
    })
  })

  it('keeps a field named __proto__', () => {
    const text = '{"__proto__":{"a":1},"b":"\ufffd","c":"1e999"}'
    expect(JSON.stringify(parseValue(text))).toBe(text)
    expect(JSON.stringify(parseValue(String.raw`{"__proto__":{"a":"\ud800"}}`))).toBe('{"__proto__":{"a":"\ufffd"}}')
  })

  it.each([
    ['1e999', '{"a":1e999}'],
    ['-1E+400', '[-1E+400]'],
    ['one of 400 digits', `{"a":${'9'.repeat(400)}}`],
  ])('has no number like %s', (_name, text) => {
    expect(messageOf(() => parseValue(text))).toContain('400 json: cannot unmarshal number')
  })

  it('is the same or not by its own fields alone', () => {
    expect(sameJson(json('{"__proto__":{}}'), { a: 1 })).toBe(false)
    expect(sameJson(json('{"__proto__":{"a":1}}'), json('{"__proto__":{"a":1}}'))).toBe(true)
    expect(sameJson({ a: undefined, b: 1 }, { b: 1 })).toBe(true)
    expect(sameJson({ toString: 1 }, { valueOf: 1 })).toBe(false)
  })

  it.each(['__proto__', 'constructor', 'toString', ''])('has a field %j once it is set', (name) => {
    const object: Json = {}
    expect(fieldAt(object, name)).toBeUndefined()
    setField(object, name, { a: 1 })
    expect(fieldAt(object, name)).toEqual({ a: 1 })
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
    expect(Object.keys(object)).toEqual([name])
  })
})

describe('YAML', () => {
  const words = (problem: string): string => problem

  it('has text where Go has text: days, times, what looks like an hour', async () => {
    const text =
      'day: 2001-12-14\nat: 2001-12-14t21:59:43.10-05:00\nhour: 12:30\nlong: 190:20:30.15\nyes: on\nnumber: 010\n'
    expect(await parseYaml(text, words)).toEqual({
      day: '2001-12-14',
      at: '2001-12-14t21:59:43.10-05:00',
      hour: '12:30',
      long: '190:20:30.15',
      true: true,
      number: 8,
    })
  })

  it.each(['a: .inf', 'a: [-.INF]', 'a: .nan'])('cannot be JSON: %s', async (text) => {
    await expect(parseYaml(text, words)).rejects.toThrow('json: unsupported value')
  })
})

describe('patches', () => {
  const document = json('{"data":{"a":"1"}}')

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])('set and remove a field named %j', (name) => {
    const data = Object.fromEntries([[name, { x: 1 }]])
    const expected = `{"data":{"a":"1",${JSON.stringify(name)}:{"x":1}}}`
    const merged = applyMergePatch(document, { data })
    expect(JSON.stringify(merged)).toBe(expected)
    expect(JSON.stringify(applyStrategicPatch(document, { data }, {}))).toBe(expected)
    const path = `/data/${name}`
    expect(JSON.stringify(applyJsonPatch(document, [{ op: 'add', path, value: { x: 1 } }]))).toBe(expected)
    const removal = { data: Object.fromEntries([[name, null]]) }
    for (const removed of [
      applyMergePatch(merged, removal),
      applyStrategicPatch(merged, removal, {}),
      applyJsonPatch(merged, [{ op: 'remove', path }]),
    ])
      expect(JSON.stringify(removed)).toBe(JSON.stringify(document))
  })

  it.each([[5], [{}], [[]], [null], [true]])('JSON patch: `from` is not %j', (from) => {
    for (const op of ['copy', 'move'])
      expect(messageOf(() => applyJsonPatch(document, [{ op, path: '/b', from }]))).toContain('422')
  })

  it('strategic merge patch: a directive is text', () => {
    const patch = json('{"data":{"$patch":{"toString":null}}}')
    expect(messageOf(() => applyStrategicPatch(document, patch, {}))).toBe(
      '500 unknown patch type: map[toString:<nil>] in map: map[$patch:map[toString:<nil>]]',
    )
  })
})

describe('custom resources', () => {
  it('have defaults and required fields of any name', () => {
    const properties = Object.fromEntries(
      ['constructor', '__proto__', 'toString'].map((name) => [name, { type: 'string', default: name }]),
    )
    const object: Json = {}
    expect(
      schemaErrors({ spec: {} }, { properties: { spec: { required: ['toString'] } } }).map((e) => e.field),
    ).toEqual(['spec.toString'])
    applyDefaults(object, { type: 'object', properties })
    expect(JSON.stringify(object)).toBe('{"constructor":"constructor","__proto__":"__proto__","toString":"toString"}')
  })

  it('are scaled by a path of any names, and nothing else is', () => {
    const scale = { specReplicasPath: '.spec.__proto__.replicas', statusReplicasPath: '.status.replicas' }
    const object = { kind: 'A', spec: {} } as unknown as KubeObject
    expect(JSON.stringify(withReplicas(object, scale, 3))).toBe('{"kind":"A","spec":{"__proto__":{"replicas":3}}}')
    expect('replicas' in {}).toBe(false)
  })
})

describe('objects', () => {
  const decoded = (group: string, kind: string, object: Json): Json => {
    const schema = schemaOf({ group, version: 'v1', kind })
    if (schema === undefined) throw new Error(`no schema of ${kind}`)
    decode(object, schema)
    return object
  }

  it('have the zero value where a list or map has null', () => {
    const metadata = { labels: { a: null }, finalizers: [null], ownerReferences: [null] }
    expect(decoded('', 'ConfigMap', { metadata, data: { b: null }, immutable: null })).toEqual({
      metadata: { labels: { a: '' }, finalizers: [''], ownerReferences: [{}] },
      data: { b: '' },
      immutable: null,
    })
    expect(decoded('', 'Pod', { spec: { containers: [null], overhead: { cpu: null } } })).toEqual({
      spec: { containers: [{}], overhead: { cpu: '0' } },
    })
  })

  it.each([2 ** 63, -(2 ** 63) - 2048, 1e300])('have no int64 like %d', (terminationGracePeriodSeconds) => {
    expect(() => decoded('', 'Pod', { spec: { terminationGracePeriodSeconds } })).toThrow('of type int64')
  })

  it('have no port like 2³²', () => {
    const probe = { httpGet: { port: 2 ** 32 } }
    expect(() => decoded('', 'Pod', { spec: { containers: [{ livenessProbe: probe }] } })).toThrow('of type int32')
  })

  it('may have a key that JavaScript knows', () => {
    expect(configMapErrors({ data: { constructor: 'a', toString: 'b' }, binaryData: { c: '' } }, undefined)).toEqual([])
    expect(configMapErrors({ data: { constructor: 'a' }, binaryData: { constructor: '' } }, undefined)).toHaveLength(1)
  })

  it('have no time that no calendar has, sent as protobuf', () => {
    const field = (number: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes])
    const seconds = Buffer.from([8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    const type = field(1, Buffer.concat([field(1, Buffer.from('v1')), field(2, Buffer.from('ConfigMap'))]))
    const body = Buffer.concat([Buffer.from('k8s\0'), type, field(2, field(1, field(8, seconds)))])
    expect(messageOf(() => decodeProtobuf(body))).toContain('400 the protobuf body cannot be decoded')
  })
})
