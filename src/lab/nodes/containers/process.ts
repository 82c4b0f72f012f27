import { spawn } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createCgroup, killCgroup } from '../../../kernel/cgroup.ts'
import { mustRun } from '../../../kernel/process.ts'
import { cgroupMount, containerCgroup, enterCommand, podStateDir, programIn } from '../runtime.ts'
import type { LogFile } from './log-file.ts'

/** A program that is to run as a container. */
export interface ProcessSpec {
  podUid: string
  container: string
  /** The pod's holder. */
  holderPid: number
  command: readonly string[]
  env: Readonly<Record<string, string>>
  cwd: string
  /** Command that runs the one behind it as somebody else. */
  identity: readonly string[]
  /** It gets an input that somebody may write to later (`openInput`). */
  stdin?: boolean
}

/**
 * The program of a container, which outlives the kubelet that started it. Its outputs are named pipes that its shim, a shell waiting for it, holds
 * open in both directions: with nobody to read them it waits instead of failing, and the next kubelet reads on. A third pipe, which only the shim
 * holds, ends with it; the exit code lies in a file by then.
 */
export interface ContainerProcess {
  /** Exit code; for a program ended by a signal 128 + its number. All that the program started has ended by then, and its log is whole. */
  readonly ended: Promise<number>
  /** Sends a signal to the program itself. @returns false if there is none any more */
  signal(signal: NodeJS.Signals): boolean
  /** Ends all that runs in the container. */
  kill(): Promise<void>
}

/** Exit code of a program that could not be found (containerd's). */
export const startErrorCode = 128

/** Records its pid and joins the cgroup, then becomes the program. The shim must not wait for ever for a pipe, thus the program does not get it. */
const begin = 'echo $$ > "$0/pid" && echo $$ > "$1/cgroup.procs" && shift && exec "$@"'
const shim = 'begin=$1; shift; /bin/sh -c "$begin" "$0" "$@" 3>&-; echo $? > "$0/exit"'
/**
 * The same with an input that does not end before `endInput`: a process of the container holds a named pipe open, as does the shim until then.
 */
const inputHolder = 'echo $$ > "$0/cgroup.procs" && exec /bin/sleep infinity'
const shimWithInput = `cgroup=$2; /bin/sh -c '${inputHolder}' "$cgroup" > /dev/null 2>&1 3>&- & holder=$!
echo $holder > "$0/stdin.pid"; exec 4>&-
begin=$1; shift; /bin/sh -c "$begin" "$0" "$@" 3>&- < "$0/stdin"; code=$?; kill $holder 2> /dev/null; echo $code > "$0/exit"`
/** Looks for the program with the PATH of its environment, inside of the pod. */
const run = `command -v -- "$0" > /dev/null 2>&1 || exit ${startErrorCode}; exec "$0" "$@"`

const O_RDWR_NONBLOCK = constants.O_RDWR | constants.O_NONBLOCK
const O_WRONLY_NONBLOCK = constants.O_WRONLY | constants.O_NONBLOCK
const O_RDONLY_NONBLOCK = constants.O_RDONLY | constants.O_NONBLOCK

/** Starts a program. */
export async function startProcess(spec: ProcessSpec, log: LogFile): Promise<ContainerProcess> {
  const dir = processDir(spec)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  createCgroup(containerCgroup(spec.podUid, spec.container))
  await mustRun(
    'mkfifo',
    // A program that is not root may open /dev/stdout.
    ['--mode=666', ...[...pipes, ...(spec.stdin ? ['stdin'] : [])].map((name) => join(dir, name))],
  )
  const [out = -1, err = -1, alive = -1] = pipes.map((name) => openSync(join(dir, name), O_RDWR_NONBLOCK))
  // Read ends first: whatever is written from the start is found.
  const running = attachProcess(spec, log)
  const inside = enterCommand(spec.holderPid, spec.cwd, [...spec.identity, '/bin/sh', '-c', run, ...spec.command])
  const cgroupDir = join(cgroupMount, containerCgroup(spec.podUid, spec.container))
  const input = spec.stdin ? [openSync(join(dir, 'stdin'), O_RDWR_NONBLOCK)] : []
  const child = spawn('/bin/sh', ['-c', spec.stdin ? shimWithInput : shim, dir, begin, cgroupDir, ...inside], {
    env: spec.env,
    stdio: ['ignore', out, err, alive, ...input],
    detached: true,
  })
  child.once('error', () => {})
  child.unref()
  for (const fd of [out, err, alive, ...input]) closeSync(fd)
  return running
}

const pipes = ['stdout', 'stderr', 'alive'] as const

/** Takes over a program that an earlier kubelet started, running or ended meanwhile. */
export function attachProcess(spec: Pick<ProcessSpec, 'podUid' | 'container'>, log: LogFile): ContainerProcess {
  const dir = processDir(spec)
  const cgroup = containerCgroup(spec.podUid, spec.container)
  const over = new AbortController()
  const outputs = (['stdout', 'stderr'] as const).map((name) =>
    readPipe(join(dir, name), (data) => log.write(name, data), over.signal),
  )
  const ended = async (): Promise<number> => {
    await readPipe(join(dir, 'alive'), () => undefined)
    await killCgroup(cgroup)
    // The program has ended: nobody is waited for any more who is attached and reads slowly.
    over.abort()
    await Promise.all(outputs)
    log.close()
    return exitCode(dir)
  }
  return {
    ended: ended(),
    signal: (signal) => sendSignal(dir, signal),
    kill: () => killCgroup(cgroup),
  }
}

/** The input of a container's program; undefined where it has none, or has ended. */
export function openInput(podUid: string, container: string): Socket | undefined {
  try {
    const fd = openSync(join(processDir({ podUid, container }), 'stdin'), O_WRONLY_NONBLOCK)
    return new Socket({ fd, readable: false, writable: true })
  } catch {
    return undefined
  }
}

/** Lets the input of a container's program end as soon as nobody writes to it any more. */
export function endInput(podUid: string, container: string): void {
  try {
    process.kill(Number(readFileSync(join(processDir({ podUid, container }), 'stdin.pid'), 'utf8')))
  } catch {
    // It has ended already.
  }
}

/**
 * Resolves when nobody holds the other end any more.
 *
 * @param onData may ask to wait before the next
 * @param hurry no more waiting
 */
function readPipe(
  path: string,
  onData: (data: Buffer) => Promise<void> | undefined,
  hurry?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = new Socket({ fd: openSync(path, O_RDONLY_NONBLOCK), readable: true, writable: false })
    socket.on('data', (data: Buffer) => {
      const busy = onData(data)
      if (busy === undefined || hurry?.aborted) return
      socket.pause()
      void busy.then(() => socket.resume())
    })
    hurry?.addEventListener('abort', () => socket.resume(), { once: true })
    socket.once('error', () => {})
    socket.once('close', () => resolve())
  })
}

/** Without the file the shim itself was killed: so was the program. */
function exitCode(dir: string): number {
  try {
    return Number(readFileSync(join(dir, 'exit'), 'utf8'))
  } catch {
    return 137
  }
}

function sendSignal(dir: string, signal: NodeJS.Signals): boolean {
  try {
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'))
    return process.kill(programIn(pid) ?? pid, signal)
  } catch {
    return false
  }
}

const processDir = ({ podUid, container }: Pick<ProcessSpec, 'podUid' | 'container'>): string =>
  join(podStateDir(podUid), 'processes', container)
