import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { containerOf, findPod, nodeOf, type PodReference, podNotRunning } from './find-pod.ts'
import { enterContainer } from './nodes/runtime.ts'
import { joinLab } from './process-group.ts'
import { checkRoot } from './requirements.ts'
import { readLabState } from './state.ts'

export interface ExecOptions extends PodReference {
  lab: string
  /** Program and arguments. */
  command: string[]
}

/**
 * Runs a program of the host in a container: its network, its files, its environment. Standard input and outputs are this process's.
 *
 * @returns the program's exit code; for one ended by a signal 128 + its number
 * @throws WeftError LAB_NOT_FOUND, LAB_POD_NOT_FOUND, LAB_CONTAINER_NOT_FOUND, LAB_POD_NOT_RUNNING
 */
export async function execInPod(options: ExecOptions): Promise<number> {
  checkRoot()
  const state = readLabState(options.lab)
  const pod = await findPod(state, options)
  const root = `/proc/${nodeOf(state, pod).holderPid}/root`
  const place = enterContainer(pod.metadata.uid, containerOf(pod, options.container), root)
  if (place === undefined) throw podNotRunning(pod)
  // So that `lab down` ends what runs in a pod.
  joinLab(options.lab, 'exec')
  const { TERM } = process.env
  const env = { ...(TERM !== undefined && { TERM }), ...place.env }
  return runInherited(place.enter(options.command), env)
}

function runInherited([program = '', ...args]: string[], env: Record<string, string>): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env })
  // The terminal sends these to the whole foreground group: they are for the program.
  const ignore = () => {}
  process.on('SIGINT', ignore).on('SIGQUIT', ignore)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore).off('SIGQUIT', ignore)
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal])
    })
  })
}
