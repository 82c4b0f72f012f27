import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { WeftError } from '../model/error.ts'
import { type NetnsRef, runIn } from './network-namespace.ts'

export interface RunOptions {
  /** Written to the command's standard input; without it there is none. */
  input?: string
  /** After this the command gets SIGKILL and the call fails. Default: 30 s. */
  timeoutMs?: number
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>
  /** Network namespace to start it in. */
  netns?: NetnsRef
  /** Kills the command and fails with CANCELLED. */
  signal?: AbortSignal
}

export interface RunResult {
  stdout: string
  stderr: string
  /** Exit code; for a command ended by a signal 128 + its number as the shell has it. */
  code: number
}

const DEFAULT_TIMEOUT_MS = 30_000

/**
 * Runs a command to its end, without a shell. A code other than 0 is a result, not an error.
 * @throws WeftError COMMAND_MISSING, COMMAND_TIMEOUT, CANCELLED
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted()
  const child = runIn(options.netns, () =>
    spawn(command, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', ...options.env },
    }),
  )
  return outcome(child, command, args, options)
}

function outcome(
  child: ChildProcess,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  return new Promise((resolve, reject) => {
    let stopped: WeftError | undefined
    const stop = (error: WeftError): void => {
      stopped ??= error
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => stop(timedOut(command, args, timeoutMs)), timeoutMs)
    const cancel = (): void => stop(cancelled(command, args))
    options.signal?.addEventListener('abort', cancel)
    const settle = (): void => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', cancel)
    }
    child.on('error', (cause) => {
      settle()
      reject(missing(command, cause))
    })
    child.on('close', (code, signal) => {
      settle()
      if (stopped) reject(stopped)
      else resolve({ stdout: stdout(), stderr: stderr(), code: code ?? 128 + signalNumber(signal) })
    })
    // A command that ends without reading its input is judged by its exit code, not by our EPIPE.
    child.stdin?.on('error', () => undefined).end(options.input)
  })
}

/** Like `run`, but a code other than 0 is an error. @throws WeftError COMMAND_FAILED, with what the command said */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const { stdout, stderr, code } = await run(command, args, options)
  if (code === 0) return { stdout, stderr }
  const said = (stderr.trim() || stdout.trim() || 'no message').slice(0, 4096)
  throw new WeftError(`${commandLine(command, args)} ended with ${code}: ${said}`, {
    code: 'COMMAND_FAILED',
    fault: 'kernel',
    where: command,
  })
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

const signalNumber = (signal: NodeJS.Signals | null): number => (signal === null ? 0 : constants.signals[signal])

const commandLine = (command: string, args: readonly string[]): string => [command, ...args].join(' ')

const timedOut = (command: string, args: readonly string[], timeoutMs: number): WeftError =>
  new WeftError(`${commandLine(command, args)} did not end within ${timeoutMs} ms`, {
    code: 'COMMAND_TIMEOUT',
    fault: 'kernel',
    where: command,
  })

const cancelled = (command: string, args: readonly string[]): WeftError =>
  new WeftError(`${commandLine(command, args)} was cancelled`, { code: 'CANCELLED', fault: 'cancelled' })

/** Debian's package for each command that this folder calls. */
const packages: Readonly<Record<string, string>> = { ip: 'iproute2', bridge: 'iproute2', nft: 'nftables' }

function missing(command: string, cause: NodeJS.ErrnoException): WeftError {
  if (cause.code !== 'ENOENT') {
    return new WeftError(`${command} cannot be started: ${cause.message}`, {
      code: 'COMMAND_UNSTARTABLE',
      fault: 'kernel',
      where: command,
      cause,
    })
  }
  const debianPackage = packages[command]
  return new WeftError(`there is no command ${command}`, {
    code: 'COMMAND_MISSING',
    fault: 'user',
    where: command,
    remedy: debianPackage ? `install the package ${debianPackage}` : `install ${command} or correct PATH`,
    cause,
  })
}
