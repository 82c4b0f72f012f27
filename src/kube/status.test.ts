import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { applyConflicts, applyObject } from './apply.ts'
import { ApiError } from './errors.ts'
import { mergePatchOf } from './merge-patch.ts'
import { patchStatus, retryOnConflict } from './status.ts'

const conflict = (details = {}): ApiError =>
  new ApiError(409, { reason: 'Conflict', message: 'm', details }, { method: 'PUT', url: 'x' })

const ref = { version: 'v1', resource: 'services', namespace: 'default', name: 'web' }

describe('mergePatchOf', () => {
  it.each<[unknown, unknown, unknown]>([
    [undefined, undefined, undefined],
    [undefined, { a: 1 }, { a: 1 }],
    [{ a: 1 }, {}, { a: null }],
    [{ a: 1, b: { c: 1, d: 2 } }, { a: 1, b: { c: 1, d: 3 } }, { b: { d: 3 } }],
    [{ a: [1, 2] }, { a: [1] }, { a: [1] }],
    [{ a: { b: 1 } }, { a: 'x' }, { a: 'x' }],
    [{ a: null }, {}, undefined],
    [{ a: {} }, { a: { b: undefined } }, undefined],
    [{ constructor: 1 }, {}, { constructor: null }],
    [{}, { toString: 1 }, { toString: 1 }],
  ])('from %j to %j is %j', (before, now, patch) => expect(mergePatchOf(before, now)).toEqual(patch))

  it('takes __proto__ for a field like others', () => {
    const withProto: unknown = JSON.parse('{"__proto__":{"a":1}}')
    expect(JSON.stringify(mergePatchOf({}, withProto))).toBe('{"__proto__":{"a":1}}')
    expect(JSON.stringify(mergePatchOf(withProto, {}))).toBe('{"__proto__":null}')
  })

  it('leads from any object to any other', () => {
    const tree = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.integer(), fc.array(fc.integer()), tie('object')),
      object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value')),
    })).object
    fc.assert(
      fc.property(tree, tree, (before, now) => {
        expect(merge(before, mergePatchOf(before, now) ?? {})).toEqual(now)
      }),
    )
  })
})

/** RFC 7386, section 2. */
function merge(target: any, patch: any): any {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [field, value] of Object.entries(patch))
    if (value === null) delete result[field]
    else result[field] = merge(result[field], value)
  return result
}

describe('patchStatus', () => {
  const known = { metadata: { name: 'web', uid: 'u', resourceVersion: '7' }, status: { a: 1, b: 2 } }

  it('sends what differs, to the same object', async () => {
    const patch = vi.fn<(...all: any[]) => Promise<any>>(async () => known)
    await patchStatus({ patch }, ref, known, { a: 1, b: 3 })
    await patchStatus({ patch }, ref, known, { a: 1 }, { onlyIfUnchanged: true })
    const path = '/api/v1/namespaces/default/services/web/status'
    expect(patch.mock.calls.map((call) => call.slice(0, 3))).toEqual([
      [path, { metadata: { uid: 'u' }, status: { b: 3 } }, 'merge'],
      [path, { metadata: { uid: 'u', resourceVersion: '7' }, status: { b: null } }, 'merge'],
    ])
  })

  it('sends nothing when nothing differs', async () => {
    const patch = vi.fn<(...all: any[]) => Promise<any>>()
    expect(await patchStatus({ patch }, ref, known, { b: 2, a: 1 })).toBeUndefined()
    expect(patch).not.toHaveBeenCalled()
  })
})

describe('retryOnConflict', () => {
  const timers = { sleep: async () => undefined, random: () => 0 }

  it('tries again after a conflict, five times at most', async () => {
    let tries = 0
    const until = (good: number) => async () => {
      if (++tries < good) throw conflict()
      return 'done'
    }
    expect(await retryOnConflict(until(5), { timers })).toBe('done')
    tries = 0
    await expect(retryOnConflict(until(6), { timers })).rejects.toMatchObject({ reason: 'Conflict' })
    expect(tries).toBe(5)
  })

  it('throws everything else at once', async () => {
    const attempt = vi.fn<() => Promise<void>>().mockRejectedValue(new Error('x'))
    await expect(retryOnConflict(attempt, { timers })).rejects.toThrow('x')
    expect(attempt).toHaveBeenCalledTimes(1)
  })
})

describe('applyObject', () => {
  it('names manager and object, and leaves managedFields out', async () => {
    const patch = vi.fn<(...all: any[]) => Promise<any>>(async () => ({}))
    const metadata = { name: 'web', managedFields: [{ manager: 'kubectl' }] }
    await applyObject({ patch }, ref, { apiVersion: 'v1', kind: 'Service', metadata }, { fieldManager: 'weft' })
    await applyObject({ patch }, ref, { metadata }, { fieldManager: 'weft', force: false, dryRun: true })
    expect(patch.mock.calls.map((call) => call.slice(0, 4))).toEqual([
      [
        '/api/v1/namespaces/default/services/web',
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } },
        'apply',
        { fieldManager: 'weft', force: true },
      ],
      [
        '/api/v1/namespaces/default/services/web',
        { metadata: { name: 'web' } },
        'apply',
        { fieldManager: 'weft', force: false, dryRun: 'All' },
      ],
    ])
  })

  it('tells which fields others own', () => {
    const causes = [
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.spec.type' },
      { reason: 'Other', message: 'm' },
    ]
    expect(applyConflicts(conflict({ causes }))).toEqual([{ field: '.spec.type', message: 'conflict with "kubectl"' }])
    expect(applyConflicts(new Error('x'))).toEqual([])
  })
})
