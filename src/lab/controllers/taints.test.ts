import { describe, expect, it } from 'vitest'
import type { Taint, Toleration } from './kinds.ts'
import { tolerates } from './taints.ts'

const taint: Taint = { key: 'k', value: 'v', effect: 'NoSchedule' }

describe('tolerates', () => {
  it.each<[Toleration, boolean]>([
    [{ key: 'k', value: 'v' }, true],
    [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }, true],
    [{ key: 'k', value: 'other' }, false],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ key: 'other', operator: 'Exists' }, false],
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
    [{ operator: 'Exists' }, true],
    [{ operator: 'Exists', effect: 'NoExecute' }, false],
    [{}, false],
  ])('%j: %s', (toleration, expected) => {
    expect(tolerates(toleration, taint)).toBe(expected)
  })
})
