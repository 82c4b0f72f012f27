import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openPty } from '../../../kernel/pty.ts'
import type { ContainerPlace } from '../runtime.ts'
import { type Channels, type ExecStatus, exitStatus, failureStatus } from './channels.ts'

/** What is to be run, and which streams are wanted. */
export interface ExecRequest {
  command: readonly string[]
  stdin: boolean
  tty: boolean
}

/**
 * Runs a program in a container, joined to the client's streams, until it ends; it is killed when the signal aborts (the client has gone).
 *
 * @returns how it ended, also where it could not be started
 */
export async function execIn(
  place: ContainerPlace,
  request: ExecRequest,
  channels: Channels,
  signal: AbortSignal,
): Promise<ExecStatus> {
  try {
    return exitStatus(await (request.tty ? onTerminal : onPipes)(place, request, channels, signal))
  } catch (error) {
    return failureStatus(
      `error executing command in container: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

async function onPipes(
  place: ContainerPlace,
  { command, stdin }: ExecRequest,
  channels: Channels,
  signal: AbortSignal,
): Promise<number> {
  const [program = '', ...args] = place.enter(command)
  // A process group of its own, so that all of it can be ended.
  const child = spawn(program, args, {
    env: place.env,
    stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: true,
  })
  if (child.stdin !== null) flow(channels.stdin, child.stdin)
  const [code] = await Promise.all([
    exitOf(child, signal),
    show(child.stdout, channels.stdout),
    show(child.stderr, channels.stderr),
  ])
  return code
}

/** A program that does not read, or has ended, is no error of who writes to it. */
function flow(from: Readable, to: Writable): void {
  to.on('error', () => {})
  // What still comes goes nowhere; kept, it would hide that the client has gone.
  to.once('close', () => from.unpipe(to).resume())
  from.pipe(to)
}

async function onTerminal(
  place: ContainerPlace,
  { command, stdin }: ExecRequest,
  channels: Channels,
  signal: AbortSignal,
): Promise<number> {
  const { terminal, slaveFd } = openPty()
  channels.onResize(({ columns, rows }) => terminal.resize(columns, rows))
  try {
    // setsid gives it the terminal as its controlling one, so that ^C is for it.
    const args = ['--ctty', ...place.enter(command)]
    const env = { TERM: 'xterm', ...place.env }
    const child = spawn(setsidPath, args, { env, stdio: [slaveFd, slaveFd, slaveFd] })
    closeSync(slaveFd)
    const exited = exitOf(child, signal)
    if (stdin) flow(channels.stdin, terminal)
    const shown = show(terminal, channels.stdout)
    const code = await exited
    await shown
    return code
  } finally {
    terminal.destroy()
  }
}

const setsidPath = '/usr/bin/setsid'

/** Until the source's end: for a terminal, when no program has it open any more. The last of it may still be on its way then. */
async function show(from: Readable | null, to: Writable): Promise<void> {
  if (from !== null) await pipeline(from, to, { end: false }).catch(() => {})
}

/** Exit code as a shell has it. */
function exitOf(child: ChildProcess, signal: AbortSignal): Promise<number> {
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has just ended by itself.
    }
  }
  signal.addEventListener('abort', kill)
  if (signal.aborted) kill()
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, by) => {
      signal.removeEventListener('abort', kill)
      resolve(by === null ? (code ?? 0) : 128 + constants.signals[by])
    })
  })
}
