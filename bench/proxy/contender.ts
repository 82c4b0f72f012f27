import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { textOf } from '../../src/kernel/read-if-there.ts'

/** A process that keeps Services, with all that it starts. */
export class Contender {
  readonly #child: ChildProcess
  readonly startedAt = performance.now()
  #end: string | undefined
  #words = ''

  /** @param command for a shell; `netns` is where it runs */
  constructor(command: string, netns: string, env: Record<string, string>) {
    const args = ['netns', 'exec', netns, 'sh', '-c', `exec ${command}`]
    this.#child = spawn('ip', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      detached: true,
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (data: Buffer) => (this.#words = (this.#words + data.toString()).slice(-4096)))
    }
    this.#child.once('error', (error) => (this.#end = error.message))
    this.#child.once('exit', (code, signal) => (this.#end = `ended with ${signal ?? `code ${code}`}`))
  }

  /** @throws Error with its last words if it has ended */
  check(): void {
    if (this.#end !== undefined) throw new Error(`${this.#child.spawnargs.at(-1)} ${this.#end}:\n${this.#words}`)
  }

  get residentMB(): number {
    const kilobytes = this.#pids().map((pid) =>
      Number(/^VmRSS:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0),
    )
    return Math.round((kilobytes.reduce((sum, one) => sum + one, 0) * 1024) / 1e6)
  }

  /** User and system time of it and of the children that it has waited for. */
  get cpuSeconds(): number {
    const ticks = this.#pids().map((pid) => {
      const fields = textOf(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? []
      // utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5), here without the first two.
      return [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i] ?? 0), 0)
    })
    return ticks.reduce((sum, one) => sum + one, 0) / 100
  }

  async stop(): Promise<void> {
    const { pid } = this.#child
    if (pid === undefined || this.#end !== undefined) return
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    process.kill(-pid, 'SIGTERM')
    const late = sleep(10_000).then(() => this.#end ?? process.kill(-pid, 'SIGKILL'))
    await Promise.race([ended, late])
    await ended
  }

  #pids(): number[] {
    const children = new Map<number, number[]>()
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const parent = Number(/^PPid:\s+(\d+)/m.exec(textOf(`/proc/${entry}/status`))?.[1] ?? 0)
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    }
    const pids = [this.#child.pid ?? 0]
    for (const pid of pids) pids.push(...(children.get(pid) ?? []))
    return pids
  }
}
