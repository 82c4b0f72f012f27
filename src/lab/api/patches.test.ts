import { describe, expect, it } from 'vitest'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { mergeTreeOf } from './merge-trees.ts'
import { StatusError } from './status.ts'
import { applyStrategicPatch } from './strategic-patch.ts'

const podTree = mergeTreeOf({ group: '', version: 'v1', kind: 'Pod' })
const serviceTree = mergeTreeOf({ group: '', version: 'v1', kind: 'Service' })

describe('JSON patch', () => {
  const document = { a: '1', list: ['x', 'y'], 'k/e~y': 1 }

  it('does all six operations', () => {
    const patched = applyJsonPatch(document, [
      { op: 'test', path: '/a', value: '1' },
      { op: 'add', path: '/list/1', value: 'between' },
      { op: 'add', path: '/list/-', value: 'last' },
      { op: 'remove', path: '/list/0' },
      { op: 'replace', path: '/k~1e~0y', value: 2 },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'move', from: '/a', path: '/c' },
    ])
    expect(patched).toEqual({ b: '1', c: '1', list: ['between', 'y', 'last'], 'k/e~y': 2 })
    expect(document.list).toEqual(['x', 'y'])
  })

  it.each([
    [[{ op: 'test', path: '/a', value: '2' }]],
    [[{ op: 'remove', path: '/none' }]],
    [[{ op: 'add', path: '/none/deeper', value: 1 }]],
    [[{ op: 'add', path: '/list/9', value: 1 }]],
    [[{ op: 'increment', path: '/a' }]],
    [[{ op: 'add', path: '/__proto__/x', value: 1 }]],
    [{ op: 'add' }],
  ])('refuses %j', (patch) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(StatusError)
  })
})

describe('merge patch', () => {
  it('merges objects, replaces lists, deletes with null', () => {
    const patched = applyMergePatch({ a: { b: 1, c: 2 }, l: [1, 2] }, { a: { b: null, d: 3 }, l: [3] })
    expect(patched).toEqual({ a: { c: 2, d: 3 }, l: [3] })
  })
})

describe('strategic merge patch', () => {
  const pod = {
    spec: {
      containers: [
        { name: 'main', image: 'm:1', args: ['a'], env: [{ name: 'A', value: '1' }] },
        { name: 'side', image: 's:1' },
      ],
      tolerations: [{ key: 'a' }],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
    metadata: { finalizers: ['x/a'] },
  }
  const patched = (patch: unknown) => applyStrategicPatch(pod, patch, podTree)
  const spec = (patch: unknown) => patched({ spec: patch })['spec']
  const names = (patch: unknown): string[] => spec(patch).containers.map((c: { name: string }) => c.name)

  it('merges lists by their keys, and new items come first', () => {
    expect(spec({ containers: [{ name: 'side', image: 's:2' }] }).containers[1]).toEqual({ name: 'side', image: 's:2' })
    expect(names({ containers: [{ name: 'new', image: 'n' }] })).toEqual(['new', 'main', 'side'])
    expect(names({ containers: [{ name: 'main', $patch: 'delete' }] })).toEqual(['side'])
  })

  it('replaces lists without a key', () => {
    expect(spec({ tolerations: [{ key: 'b' }] }).tolerations).toEqual([{ key: 'b' }])
    expect(spec({ containers: [{ name: 'main', args: ['b'] }] }).containers[0].args).toEqual(['b'])
  })

  it('knows the directives', () => {
    const order = [{ name: 'side' }, { name: 'main' }]
    expect(names({ '$setElementOrder/containers': order, containers: [{ name: 'main', image: 'm:2' }] })).toEqual([
      'side',
      'main',
    ])
    const volume = { $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/v' } }
    expect(spec({ volumes: [volume] }).volumes).toEqual([{ name: 'v', hostPath: { path: '/v' } }])
    const env = [{ $patch: 'replace' }, { name: 'ONLY', value: '1' }]
    expect(spec({ containers: [{ name: 'main', env }] }).containers[0].env).toEqual([{ name: 'ONLY', value: '1' }])
    const finalizers = { '$deleteFromPrimitiveList/finalizers': ['x/a'], finalizers: ['x/b'] }
    expect(patched({ metadata: finalizers })['metadata'].finalizers).toEqual(['x/b'])
    expect(patched({ metadata: { finalizers: ['x/b'] } })['metadata'].finalizers).toEqual(['x/b', 'x/a'])
  })

  it('refuses items without their key, and directives that are none', () => {
    expect(() => spec({ containers: [{ image: 'x' }] })).toThrow(
      'map: map[image:x] does not contain declared merge key: name',
    )
    expect(() => spec({ containers: [{ name: 'main', $patch: 'explode' }] })).toThrow('unknown patch type: explode')
  })

  it('merges ports of a Service by port; one port under two protocols stays two', () => {
    const service = {
      spec: {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80, protocol: 'UDP' },
        ],
      },
    }
    const ports = [
      { port: 80, targetPort: 8080 },
      { name: 'c', port: 90 },
    ]
    expect(applyStrategicPatch(service, { spec: { ports } }, serviceTree)['spec'].ports).toEqual([
      { name: 'a', port: 80, targetPort: 8080 },
      { name: 'b', port: 80, protocol: 'UDP' },
      { name: 'c', port: 90 },
    ])
  })
})
