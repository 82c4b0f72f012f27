import { expect, it } from 'vitest'
import { checkOverlay } from './overlay.ts'

const isRoot = process.geteuid?.() === 0

it.skipIf(!isRoot)('lays a layer over the root (needs root)', () => {
  expect(() => checkOverlay()).not.toThrow()
})

it.skipIf(!isRoot)('says what mount said (needs root)', () => {
  expect(() => checkOverlay('echo "mount: unknown filesystem type" >&2; exit 32')).toThrow(
    expect.objectContaining({
      code: 'LAB_OVERLAY_MISSING',
      message: expect.stringContaining('cannot be mounted here: mount: unknown filesystem type'),
    }),
  )
})
