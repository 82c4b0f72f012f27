import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { WeftError } from '../model/error.ts'
import { labEnvironment } from './environment.ts'
import { labFiles } from './files.ts'
import { checkMachine } from './machine-requirements.ts'
import { readManifests } from './manifests.ts'
import { checkLabName } from './name.ts'
import { cgroupProcs } from './process-group.ts'
import { processIdentity } from './process-identity.ts'
import { checkPrograms } from './requirements.ts'
import { checkGivenApi } from './given-api.ts'
import { releaseLab, reserveLab } from './reservation.ts'
import { fromWire, type ProgressEvent, progressFd } from './supervisor/progress.ts'
import { type NetworkOptions, planTopology } from './topology/plan.ts'

export interface StartOptions {
  name: string
  nodes: number
  network: NetworkOptions
  /** kubeconfig of the API server to use in place of one of the lab's own. */
  kubeconfig?: string
  /** Flags for the nodes' agents, as `name=value`. */
  agentArguments?: readonly string[]
  /** Files and directories of manifests; `-` is standard input. */
  filenames: string[]
  timeoutSeconds: number
  /** Program and first arguments that start this command again. */
  program: string[]
  /** Gets every phase that is done. */
  onPhase: (title: string, seconds: number) => void
  /** Gets what is being waited for when it takes long. */
  onWaiting: (missing: string[]) => void
  /** Gets what became of Nodes that the lab had registered with another API server. */
  onNotice?: (text: string) => void
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
  /** Ends the lab and removes all of it; does nothing to a lab that was started under its name since. */
  remove(): Promise<unknown>
}

/**
 * Brings a lab up in the background and returns when all that was applied runs. What an earlier lab of the name left is
 * removed first; after a failure nothing is left.
 *
 * @throws WeftError NOT_ROOT, LAB_…_MISSING, LAB_MEMORY_SHORT, LAB_RUNNING, LAB_FOLDER_UNWRITABLE, MANIFEST_…, and what the supervisor reports
 */
export async function startLab(options: StartOptions): Promise<StartedLab> {
  const plan = planTopology(checkLabName(options.name), options.nodes, options.network)
  const manifests = readManifests(options.filenames)
  checkPrograms()
  checkMachine(options.nodes)
  const given = options.kubeconfig === undefined ? {} : { givenApi: await checkGivenApi(options.kubeconfig, plan) }
  const { name, nodes, network, timeoutSeconds, program } = options
  const starter = processIdentity(process.pid) ?? ''
  const agentArguments = (options.agentArguments ?? []).map((text) => `--${text}`)
  await reserveLab({ name, nodes, network, ...given, agentArguments, manifests, timeoutSeconds, program, starter })
  const remove = (): Promise<boolean> => releaseLab(name, starter, options.onNotice)
  try {
    return { ...(await followStart(spawnSupervisor(options), options)), remove }
  } catch (error) {
    throw (await remove()) ? error : takenDown(name)
  }
}

function spawnSupervisor({ name, program }: StartOptions): ChildProcess {
  const log = openSync(join(labFiles(name).logs, 'supervisor.log'), 'a')
  const supervise = [...program, 'lab', 'supervise', '--name', name]
  // Born in the lab's cgroup, so that there is no moment in which `lab down` would miss it. Users in pods can read their root and volumes, whatever the caller's umask.
  const supervisor = spawn('sh', ['-c', 'umask 022 && echo $$ >"$0" && exec "$@"', cgroupProcs(name), ...supervise], {
    // A session of its own: Ctrl-C in the terminal is for the command that follows, not for the lab.
    detached: true,
    env: labEnvironment(process.env),
    stdio: ['ignore', log, log, 'pipe'],
  })
  closeSync(log)
  return supervisor
}

async function followStart(supervisor: ChildProcess, options: StartOptions): Promise<Omit<StartedLab, 'remove'>> {
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

const takenDown = (name: string): WeftError =>
  new WeftError(`the lab "${name}" was taken down while it started`, {
    code: 'LAB_TAKEN_DOWN',
    fault: 'user',
    exitCode: 1,
  })

function abortedError(signal: AbortSignal): { promise: Promise<never>; release: () => void } {
  let release = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    const onAbort = () =>
      reject(
        new WeftError('starting the lab was interrupted; nothing of it is left', {
          code: 'CANCELLED',
          fault: 'cancelled',
        }),
      )
    signal.addEventListener('abort', onAbort, { once: true })
    release = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  return { promise, release }
}
