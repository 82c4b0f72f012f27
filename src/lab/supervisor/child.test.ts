import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/eventually.ts'
import { isRunning, processIdentity } from '../process-identity.ts'
import { SupervisedChild } from './child.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-child-'))
const logFile = join(directory, 'log')
afterAll(() => rmSync(directory, { recursive: true }))

const start = (...command: string[]) =>
  new SupervisedChild({ name: 'test', command, logFile, log: () => {}, onChange: () => {} })

describe('SupervisedChild', () => {
  it('starts a killed process again and counts it', async () => {
    const child = start('sleep', 'infinity')
    const first = child.state.pid ?? 0
    process.kill(first, 'SIGKILL')
    await eventually(() => expect(child.state).toMatchObject({ restarts: 1, lastExit: 'signal SIGKILL' }))
    await eventually(() => expect(child.state.pid).toBeGreaterThan(0))
    expect(child.state.pid).not.toBe(first)
    child.stop()
    await eventually(() => expect(child.state.pid).toBeUndefined())
    expect(child.state.restarts).toBe(1)
  })

  it('stays away while it is suspended, and comes back by the command that holds then', async () => {
    let seconds = '1000'
    const command = () => ['sleep', seconds]
    const child = new SupervisedChild({ name: 'test', command, logFile, log: () => {}, onChange: () => {} })
    child.suspend()
    await eventually(() => expect(child.state).toEqual({ restarts: 1, lastExit: 'signal SIGKILL' }))
    seconds = '2000'
    child.resume()
    const { pid } = child.state
    await eventually(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toBe('sleep\x002000\x00'))
    child.suspend()
    child.resume()
    await eventually(() => expect(child.state.pid).not.toBe(pid))
    await eventually(() => expect(child.state.pid).toBeGreaterThan(0))
    child.stop()
  })

  it('keeps the output of every run, and goes on when the program is missing', async () => {
    const child = start('sh', '-c', 'echo once; exit 3')
    await eventually(() => expect(child.state.restarts).toBeGreaterThan(1))
    child.stop()
    expect(child.state.lastExit).toBe('exit code 3')
    expect(readFileSync(logFile, 'utf8')).toContain('once\nonce\n')
    const missing = start('/no/such/program')
    await eventually(() => expect(missing.state.lastExit).toContain('ENOENT'))
    missing.stop()
  })
})

describe('SupervisedChild whose log cannot be opened', () => {
  it('runs all the same, and is started again', async () => {
    const nowhere = join(directory, 'none', 'log')
    const command = ['sh', '-c', 'exit 3']
    const child = new SupervisedChild({ name: 'test', command, logFile: nowhere, log: () => {}, onChange: () => {} })
    await eventually(() => expect(child.state.restarts).toBeGreaterThan(1))
    expect(child.state.lastExit).toBe('exit code 3')
    child.stop()
  })
})

describe('process identity', () => {
  it('knows this process and no other', () => {
    const own = processIdentity(process.pid) ?? ''
    expect(isRunning(own)).toBe(true)
    expect(isRunning(`${process.pid}:1`)).toBe(false)
    expect(isRunning('')).toBe(false)
  })
})
