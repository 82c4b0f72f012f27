import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type AgentStatus, serveStatus } from '../daemon/status-server.ts'
import { run } from './status.ts'

const runDir = mkdtempSync(join(tmpdir(), 'weft-status-'))
const starting: AgentStatus = {
  role: 'agent',
  node: 'n1',
  pid: 1,
  ready: false,
  startedMs: 0,
  api: { failing: {} },
  parts: [],
}

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(runDir, { recursive: true, force: true })
})

describe('weft status', () => {
  it('asks in the run directory that it is given, and says what an agent that has only started waits for', async () => {
    const stop = new AbortController()
    await serveStatus(runDir, 'agent', () => starting, stop.signal)
    const [stdout, stderr] = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockReturnValue(true),
    )
    expect(await run({ runDir, output: 'table' })).toBe(3)
    stop.abort()
    expect(stdout?.mock.calls.join()).toContain('no, starting')
    expect(stderr?.mock.calls.join()).toMatch(/n1: nothing is written before the API .* log/)
  })
})
