import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { Follower } from './followers.ts'
import { LogFile } from './log-file.ts'
import { addTap } from './taps.ts'

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
  void log.write('stdout', Buffer.from('a\nhal'))
  void log.write('stderr', Buffer.from('oops\n'))
  void log.write('stdout', Buffer.from('f\n\nlast'))
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
  void log.write('stdout', Buffer.alloc(20_000, 'x'))
  void log.write('stdout', Buffer.from('y\n'))
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

it('is not set aside before its followers have read it', () => {
  const file = join(directory, 'followed.log')
  const log = new LogFile(file, 100)
  const write = (text: string) => {
    log.line('stdout', text)
    log.flush()
  }
  const follower = new Follower(file)
  for (const text of ['1', '2', '3', '4']) write(text)
  const caughtUp = follower.look()
  write('5')
  caughtUp()
  // What came during the look has not been read.
  write('6')
  expect(untimed(file)).toEqual(['1', '2', '3', '4', '5', '6'].map((text) => `stdout F ${text}`))
  follower.look()()
  write('7')
  expect(untimed(file)).toEqual(['stdout F 7'])
  write('8')
  write('9')
  follower.leave()
  write('10')
  expect(untimed(`${file}.1`)).toEqual(['stdout F 7', 'stdout F 8', 'stdout F 9'])
  log.close()
})

it('is set aside nevertheless when it has grown too large', () => {
  const file = join(directory, 'unread.log')
  const log = new LogFile(file, 100)
  const follower = new Follower(file)
  const line = Buffer.alloc(15_000, 'x').toString()
  for (let i = 0; i < 1_200; i++) log.line('stdout', line)
  log.close()
  follower.leave()
  const [now, before] = [file, `${file}.1`].map((path) => readFileSync(path).length)
  expect(before).toBeLessThanOrEqual(16 * 1024 * 1024)
  expect(before).toBeGreaterThan(15 * 1024 * 1024)
  expect(now).toBeGreaterThan(0)
})

it('has the program wait when much is not read, until it is', async () => {
  const file = join(directory, 'long-followed.log')
  const log = new LogFile(file, 100)
  const follower = new Follower(file)
  const line = `${'x'.repeat(1_023)}\n`
  const much = Buffer.from(line.repeat(64))
  let busy: Promise<void> | undefined
  let written = 0
  for (; busy === undefined; written++) busy = log.write('stdout', much)
  follower.look()()
  await busy
  expect(log.write('stdout', much)).toBeUndefined()
  expect(untimed(`${file}.1`).length).toBe((written * much.length) / line.length)
  follower.leave()
  log.close()
})

it('has the program wait once for somebody who has stopped reading, and again when he goes on', async () => {
  const file = join(directory, 'stopped.log')
  const log = new LogFile(file, 100, 1)
  const follower = new Follower(file)
  const much = Buffer.from(`${'x'.repeat(1_023)}\n`.repeat(64))
  const untilBusy = async (): Promise<number> => {
    let busy: Promise<void> | undefined
    let written = 0
    for (; busy === undefined && written < 300; written++) busy = log.write('stdout', much)
    await busy
    return written
  }
  expect(await untilBusy()).toBeLessThan(200)
  expect(await untilBusy()).toBe(300)
  follower.look()()
  await log.write('stdout', much)
  expect(await untilBusy()).toBeLessThan(200)
  follower.leave()
  log.close()
})

it('hands what it gets to those who are attached, as it comes, and waits for them', async () => {
  const file = join(directory, 'tapped.log')
  const log = new LogFile(file)
  const said: string[] = []
  let isFull = false
  let drained = (): void => {}
  const write = (stream: string, chunk: Buffer): Promise<void> | undefined => {
    said.push(`${stream}: ${chunk.toString()}`)
    return isFull ? new Promise((resolve) => (drained = resolve)) : undefined
  }
  const remove = addTap(file, { write, end: () => said.push('end') })
  expect(log.write('stdout', Buffer.from('no end of a li'))).toBeUndefined()
  isFull = true
  const busy = log.write('stderr', Buffer.from('oh\n'))
  expect(busy).toBeInstanceOf(Promise)
  drained()
  await busy
  log.line('stdout', 'told')
  log.close()
  expect(said).toEqual(['stdout: no end of a li', 'stderr: oh\n', 'stdout: told\n', 'end'])
  remove()
  log.line('stdout', 'nobody hears')
  log.close()
  expect(said).toHaveLength(4)
})
