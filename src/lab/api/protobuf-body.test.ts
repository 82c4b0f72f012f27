import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesField, message, textField } from './protobuf.ts'
import { decodeProtobuf } from './protobuf-body.ts'
import { podSpecMessage } from './protobuf-pod-table.ts'
import type { Message } from './protobuf-tables.ts'
import { StatusError } from './status.ts'

// The body of `kubectl create configmap x --from-literal=a=1` (kubectl 1.32).
const recorded = Buffer.from(
  [
    '6b3873000a0f0a0276311209436f6e6669674d6170',
    '121b0a110a017812001a0022002a00320038004200',
    '12060a01611201311a002200',
  ].join(''),
  'hex',
)

describe('a protobuf body', () => {
  it('is read as kubectl sends it', () => {
    expect(decodeProtobuf(recorded)).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'x' },
      data: { a: '1' },
    })
  })

  it('is refused with a field or kind that is not known', () => {
    const of = (kind: string, raw: Buffer): Buffer =>
      message(Buffer.from('k8s\0'), bytesField(1, message(textField(1, 'v1'), textField(2, kind))), bytesField(2, raw))
    expect(() => decodeProtobuf(of('ConfigMap', textField(99, 'x')))).toThrow('field 99 of ConfigMap is not known')
    expect(() => decodeProtobuf(of('Node', Buffer.alloc(0)))).toThrow('send application/json')
  })

  it('never crashes the decoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(recorded.length), (bytes, at) => {
        for (const body of [Buffer.concat([recorded.subarray(0, at), bytes]), Buffer.from(bytes)])
          try {
            decodeProtobuf(body)
          } catch (error) {
            expect(error).toBeInstanceOf(StatusError)
          }
      }),
    )
  })
})

describe('the spec of a pod', () => {
  // The two of other packages stay empty here.
  const spec = podSpecMessage({ LabelSelector: {}, ObjectMeta: {} })

  /** The field of a message below the spec, by names. */
  const fieldAt = (...names: string[]): unknown =>
    names.reduce<Message>((message, name) => {
      const [, type] = Object.values(message).find(([own]) => own === name) ?? ['', 'skip']
      if (typeof type !== 'object') return {}
      return 'list' in type ? type.list : 'inline' in type ? type.inline : type.message
    }, spec)

  it('is known to its depth, and names nothing that is not there', () => {
    expect(fieldAt('containers', 'env', 'valueFrom', 'configMapKeyRef')).toMatchObject({ 2: ['key', 'string'] })
    expect(fieldAt('securityContext', 'seLinuxOptions')).toMatchObject({ 1: ['user', 'string'] })
    const seen = new Set<Message>()
    const visit = (message: Message): void => {
      if (seen.has(message)) return
      seen.add(message)
      for (const [, type] of Object.values(message))
        if (typeof type === 'object') visit('list' in type ? type.list : 'inline' in type ? type.inline : type.message)
    }
    visit(spec)
    expect([...seen].filter((message) => Object.keys(message).length === 0)).toHaveLength(2)
  })
})
