import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { WeftError } from '../model/error.ts'
import { type LabSpec, labFiles, writeJson } from './files.ts'
import { type ManifestDocument, readManifests } from './manifests.ts'
import { checkLabName } from './name.ts'
import { processIdentity } from './process-identity.ts'
import { checkRequirements } from './requirements.ts'
import { isLabRunning } from './running.ts'
import { fromWire, type ProgressEvent, progressFd } from './supervisor/progress.ts'
import { planTopology } from './topology/plan.ts'
import { removeLab } from './topology/remove.ts'

export interface StartOptions {
  name: string
  nodes: number
  /** Files and directories of manifests; `-` is standard input. */
  filenames: string[]
  timeoutSeconds: number
  /** Program and first arguments that start this command again. */
  program: string[]
  /** Gets every phase that is done. */
  onPhase: (title: string, seconds: number) => void
  /** Gets what is being waited for when it takes long. */
  onWaiting: (missing: string[]) => void
  /** Gives up starting; what was made is removed. */
  signal: AbortSignal
}

/** A lab that is ready. */
export interface StartedLab {
  seconds: number
  pods: number
  /** Resolves when the supervisor has ended, for whatever reason. */
  ended: Promise<void>
  /** Lets this process end while the lab goes on. */
  detach(): void
}

/**
 * Brings a lab up in the background and returns when all that was applied runs. What an earlier lab of the name left is
 * removed first; after a failure nothing is left.
 *
 * @throws WeftError NOT_ROOT, LAB_REQUIREMENTS_MISSING, LAB_RUNNING, MANIFEST_…, and what the supervisor reports
 */
export async function startLab(options: StartOptions): Promise<StartedLab> {
  planTopology(checkLabName(options.name), options.nodes)
  const manifests = readManifests(options.filenames)
  checkRequirements()
  checkNotRunning(options.name)
  await removeLab(options.name)
  try {
    return await followStart(spawnSupervisor(options, manifests), options)
  } catch (error) {
    await removeLab(options.name)
    throw error
  }
}

function checkNotRunning(name: string): void {
  if (!isLabRunning(name)) return
  throw new WeftError(`a lab named "${name}" is running`, {
    code: 'LAB_RUNNING',
    fault: 'user',
    where: '--name',
    remedy: `end it with 'weft lab down --name ${name}', or choose another --name`,
  })
}

function spawnSupervisor(options: StartOptions, manifests: ManifestDocument[]): ChildProcess {
  const { name, nodes, timeoutSeconds, program } = options
  const files = labFiles(name)
  mkdirSync(files.dir, { recursive: true, mode: 0o700 })
  mkdirSync(files.logs)
  const starter = processIdentity(process.pid) ?? ''
  writeJson(files.spec, { name, nodes, manifests, timeoutSeconds, program, starter } satisfies LabSpec)
  const log = openSync(join(files.logs, 'supervisor.log'), 'a')
  const [command = '', ...args] = program
  const supervisor = spawn(command, [...args, 'lab', 'supervise', '--name', name], {
    // A session of its own: Ctrl-C in the terminal is for the command that follows, not for the lab.
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
  })
  closeSync(log)
  return supervisor
}

async function followStart(supervisor: ChildProcess, options: StartOptions): Promise<StartedLab> {
  const pipe = supervisor.stdio[progressFd] as Readable
  const ended = new Promise<void>((resolve) => {
    supervisor.once('exit', () => resolve())
    supervisor.once('error', () => resolve())
  })
  const cancelled = abortedError(options.signal)
  const ready = await Promise.race([readyEvent(pipe, options), cancelled.promise]).finally(cancelled.release)
  const detach = (): void => {
    pipe.destroy()
    supervisor.unref()
  }
  return { seconds: ready.seconds, pods: ready.pods, ended, detach }
}

type ReadyEvent = Extract<ProgressEvent, { type: 'ready' }>

async function readyEvent(pipe: Readable, { name, onPhase, onWaiting }: StartOptions): Promise<ReadyEvent> {
  for await (const line of createInterface({ input: pipe })) {
    const event = JSON.parse(line) as ProgressEvent
    if (event.type === 'phase') onPhase(event.title, event.seconds)
    else if (event.type === 'waiting') onWaiting(event.missing)
    else if (event.type === 'error') throw fromWire(event.error)
    else return event
  }
  throw new WeftError('the supervisor of the lab ended before the lab was ready', {
    code: 'LAB_SUPERVISOR_ENDED',
    fault: 'internal',
    where: name,
    remedy: 'start it again; if it was killed for want of memory, use fewer nodes',
  })
}

function abortedError(signal: AbortSignal): { promise: Promise<never>; release: () => void } {
  let release = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    const onAbort = () =>
      reject(new WeftError('starting the lab was interrupted', { code: 'CANCELLED', fault: 'cancelled' }))
    signal.addEventListener('abort', onAbort, { once: true })
    release = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  return { promise, release }
}
