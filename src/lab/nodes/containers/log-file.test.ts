import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { LogFile } from './log-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-log-'))
afterAll(() => rmSync(directory, { recursive: true }))

const untimed = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /, ''))

it('writes lines as they are completed, in the CRI format', () => {
  const file = join(directory, 'pod/c/0.log')
  const log = new LogFile(file)
  log.write('stdout', Buffer.from('a\nhal'))
  log.write('stderr', Buffer.from('oops\n'))
  log.write('stdout', Buffer.from('f\n\nlast'))
  log.line('stdout', 'told')
  log.close()
  expect(untimed(file)).toEqual([
    'stdout F a',
    'stderr F oops',
    'stdout F half',
    'stdout F ',
    'stdout F told',
    'stdout F last',
  ])
})

it('cuts a line that does not end', () => {
  const file = join(directory, 'long.log')
  const log = new LogFile(file)
  log.write('stdout', Buffer.alloc(20_000, 'x'))
  log.write('stdout', Buffer.from('y\n'))
  log.close()
  expect(untimed(file).map((line) => `${line.slice(0, 9)}${line.length}`)).toEqual(['stdout P 16393', 'stdout F 3626'])
})

it('sets a full file aside and goes on after a restart', () => {
  const file = join(directory, 'full.log')
  for (const text of ['1', '2', '3']) {
    const log = new LogFile(file, 100)
    log.line('stdout', text)
    log.close()
  }
  expect(untimed(file)).toEqual(['stdout F 3'])
  expect(untimed(`${file}.1`)).toEqual(['stdout F 1', 'stdout F 2'])
})
