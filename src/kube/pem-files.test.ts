import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rereading } from './pem-files.ts'

const pem = (what: string): string => `-----BEGIN ${what}-----\n`

let dir: string
let file: string
let nowMs: number

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-pem-'))
  file = join(dir, 'client.crt')
  nowMs = 0
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Replaces a file as certificate managers do. */
function put(text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

describe('rereading', () => {
  it('follows a file, ten seconds later at most, and survives what is no certificate', () => {
    put(pem('ONE'))
    const read = rereading({ ca: { text: 'inline' }, cert: { text: pem('ONE'), file } }, () => nowMs)
    const after = (change: () => void, milliseconds: number): unknown => {
      change()
      nowMs += milliseconds
      return read?.()
    }
    const two = (): void => put(pem('TWO'))
    expect(after(two, 9_999)).toEqual({ ca: 'inline', cert: pem('ONE') })
    expect(after(two, 1)).toEqual({ ca: 'inline', cert: pem('TWO') })
    expect(after(() => put('half a fi'), 10_000)).toEqual({ ca: 'inline', cert: pem('TWO') })
    expect(after(() => unlinkSync(file), 10_000)).toEqual({ ca: 'inline', cert: pem('TWO') })
    expect(after(() => put(pem('THREE')), 10_000)).toEqual({ ca: 'inline', cert: pem('THREE') })
    // The clock is set back by a day.
    expect(after(() => put(pem('FOUR')), -86_400_000)).toEqual({ ca: 'inline', cert: pem('FOUR') })
  })

  it('has nothing to do without files', () => {
    expect(rereading({ ca: { text: 'inline' }, cert: undefined })).toBeUndefined()
  })
})
