import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { inliningFlag } from './compiler.ts'

describe('the compiler in an agent', () => {
  // One that V8 does not know would be told on stderr at each start of an agent, and change nothing.
  it('is bounded by a flag that this version of V8 knows', () => {
    const { status, stderr } = spawnSync(process.execPath, [inliningFlag, '--eval', ''], { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
  })
})
