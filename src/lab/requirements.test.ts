import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkPrograms } from './requirements.ts'

const { PATH } = process.env
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-requirements-'))
})

afterEach(() => {
  process.env['PATH'] = PATH
  rmSync(dir, { recursive: true, force: true })
})

const isRoot = process.geteuid?.() === 0

it.skipIf(!isRoot)(
  'finds programs of /usr/sbin for who has no such directory on PATH, and passes it on (needs root)',
  () => {
    process.env['PATH'] = dir
    checkPrograms()
    expect(process.env['PATH'].split(':')).toEqual([dir, '/usr/sbin', '/sbin', '/usr/bin', '/bin'])
  },
)
