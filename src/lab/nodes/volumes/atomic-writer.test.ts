import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { writeVolume } from './atomic-writer.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-volume-'))
afterAll(() => rmSync(directory, { recursive: true }))

const files = (texts: Record<string, string>, mode = 0o644) =>
  new Map(Object.entries(texts).map(([path, text]) => [path, { data: Buffer.from(text), mode }]))
const read = (path: string) => readFileSync(join(directory, path), 'utf8')
const visible = () =>
  readdirSync(directory)
    .filter((name) => !name.startsWith('..'))
    .sort()

it('switches all files of a volume in one step', () => {
  writeVolume(directory, files({ a: '1', 'd/b': '2', 'd/c': '3' }, 0o400))
  expect([read('a'), read('d/b'), read('d/c')]).toEqual(['1', '2', '3'])
  expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o400)
  expect(readlinkSync(join(directory, 'a'))).toBe('..data/a')
  expect(lstatSync(join(directory, '..data')).isSymbolicLink()).toBe(true)

  const before = readlinkSync(join(directory, '..data'))
  writeVolume(directory, files({ a: '1', 'd/b': '2', 'd/c': '3' }, 0o400))
  expect(readlinkSync(join(directory, '..data'))).toBe(before)

  writeVolume(directory, files({ a: '9', e: '' }))
  expect(readlinkSync(join(directory, '..data'))).not.toBe(before)
  expect([read('a'), visible()]).toEqual(['9', ['a', 'e']])
  // The old one is gone: two names besides those that are seen.
  expect(readdirSync(directory)).toHaveLength(4)

  mkdirSync(join(directory, 'inner'))
  writeVolume(directory, files({}))
  expect(visible()).toEqual(['inner'])
})

it.skipIf(process.geteuid?.() !== 0)('gives the files to a group (needs root)', () => {
  const shared = join(directory, 'shared')
  writeVolume(shared, files({ 'd/a': '1' }, 0o440), 3456)
  for (const path of ['..data/d/a', '..data/d', '..data/', '.'])
    expect(statSync(join(shared, path)).gid, path).toBe(3456)
  expect(statSync(shared).mode & 0o7777).toBe(0o2775)
})
