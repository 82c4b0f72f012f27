import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'
import { readLog } from './log-file.ts'

/** What happens after each look at a file. */
let afterLook: () => void = () => {}

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const look =
    <A extends unknown[], R>(does: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      does(...args).finally(() => afterLook())
  return { ...real, open: look(real.open), readFile: look(real.readFile), stat: look(real.stat) }
})

const dir = mkdtempSync(join(tmpdir(), 'weft-log-'))
const file = join(dir, '0.log')
const lines = (...numbers: number[]): string =>
  numbers.map((number) => `2026-01-31T10:00:00Z stdout F ${number}\n`).join('')

async function shown(): Promise<string> {
  const pieces: Buffer[] = []
  const log = readLog(file, { follow: false, timestamps: false }, () => false, new AbortController().signal)
  for await (const piece of log) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

beforeEach(() => {
  afterLook = () => {}
  writeFileSync(`${file}.1`, lines(1, 2))
  writeFileSync(file, lines(3, 4))
})
afterAll(() => rmSync(dir, { recursive: true }))

it('begins with what was set aside', async () => {
  expect(await shown()).toBe('1\n2\n3\n4\n')
})

it.each([1, 2, 3])('has no gap and nothing twice where the file is set aside after look %i', async (at) => {
  let looks = 0
  afterLook = () => {
    if (++looks !== at) return
    renameSync(file, `${file}.1`)
    writeFileSync(file, lines(5))
  }
  // The oldest ones may be gone by then, and the newest come too late.
  expect(await shown()).toMatch(/^(1\n2\n)?3\n4\n(5\n)?$/)
})
