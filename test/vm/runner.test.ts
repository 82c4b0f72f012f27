import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const noVm = 125
const run = (command: string, seconds: number) =>
  spawnSync('node', ['scripts/vm.mjs', command], {
    encoding: 'utf8',
    env: { ...process.env, WEFT_VM_SECONDS: String(seconds) },
  })

const probe = run('uname -r; ip link add d0 type dummy && ip link add w0 type wireguard && ip -br link; exit 7', 300)
const skip = probe.status === noVm ? probe.stderr.trim() : ''

describe.skipIf(skip !== '')(`the VM${skip && ` (${skip})`}`, () => {
  it('passes on what the command writes, and its exit code; its kernel has what others lack', () => {
    expect(probe.stderr).toBe('')
    expect(probe.status).toBe(7)
    expect(probe.stdout).toMatch(/^\d+\.\d+\.\S+-cloud-amd64\n/)
    expect(probe.stdout).toMatch(/^d0 /m)
    expect(probe.stdout).toMatch(/^w0 /m)
  })

  it('reads the files of this machine, and writes to its own memory', () => {
    const { stdout, status } = run(
      'cmp package.json /dev/stdin <package.json && touch vm-was-here && ls vm-was-here',
      300,
    )
    expect({ stdout, status }).toEqual({ stdout: 'vm-was-here\n', status: 0 })
    expect(existsSync('vm-was-here')).toBe(false)
  })

  it('ends at the time limit', () => {
    expect(run('sleep 600', 6).status).toBe(124)
  })

  it('leaves no process when its runner is killed, and its files only to the next run', async () => {
    const runner = spawn('node', ['scripts/vm.mjs', 'echo up; sleep 600'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => runner.stdout.once('data', resolve))
    const children = childrenOf(runner)
    expect(children).toHaveLength(2)
    runner.kill('SIGKILL')
    await expect.poll(() => children.filter(isThere)).toEqual([])
    expect(run('true', 300).status).toBe(0)
    expect(readdirSync('.cache/vm')).not.toContain(`run-${runner.pid}`)
  })
})

const childrenOf = ({ pid }: ChildProcess): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')

const isThere = (pid: string): boolean => existsSync(`/proc/${pid}`)
