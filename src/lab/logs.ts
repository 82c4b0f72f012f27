import { setTimeout as sleep } from 'node:timers/promises'
import { WeftError } from '../model/error.ts'
import { containerOf, findPod, nodeOf, type PodReference } from './find-pod.ts'
import { type Pod, podKey } from './nodes/pod.ts'
import { containerLogPath } from './nodes/runtime.ts'
import { ContainerLogs } from './nodes/server/container-logs.ts'
import { Refusal } from './nodes/server/refusal.ts'
import { checkRoot } from './requirements.ts'
import { type LabState, readLabState } from './state.ts'

export interface LogsOptions extends PodReference {
  lab: string
  /** Goes on until the container has ended. */
  follow: boolean
  /** The run before the last one. */
  previous: boolean
  timestamps: boolean
  /** Only that many of the last lines. */
  tailLines?: number
}

const lookAgainMs = 500

/**
 * What a container says, read where its node keeps it.
 *
 * @throws WeftError LAB_NOT_FOUND, LAB_POD_NOT_FOUND, LAB_CONTAINER_NOT_FOUND, LAB_POD_NOT_RUNNING, LAB_NO_LOG
 */
export async function* readLogs(options: LogsOptions): AsyncGenerator<Buffer> {
  checkRoot()
  const state = readLabState(options.lab)
  const pod = await findPod(state, options)
  const container = containerOf(pod, options.container)
  const root = `/proc/${nodeOf(state, pod).holderPid}/root`
  const current = { pods: [pod] }
  const logs = new ContainerLogs(
    () => current.pods,
    (names, name, run) => root + containerLogPath(names, name, run),
  )
  const done = new AbortController()
  if (options.follow) void keepCurrent(current, state, options, done.signal)
  try {
    yield* logs.read(pod, container, options, done.signal)
  } catch (error) {
    throw error instanceof Refusal ? noLog(pod, error) : error
  } finally {
    done.abort()
  }
}

/** Looks again and again how the pod is, as the log is followed for as long as its container runs. */
async function keepCurrent(
  current: { pods: Pod[] },
  state: LabState,
  options: LogsOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(lookAgainMs, undefined, { signal }).catch(() => {})
    try {
      current.pods = [await findPod(state, options)]
    } catch (error) {
      // An API that is away says nothing about the pod.
      if (error instanceof WeftError && error.code === 'LAB_POD_NOT_FOUND') current.pods = []
    }
  }
}

const noLog = (pod: Pod, { message }: Refusal): WeftError =>
  new WeftError(message, {
    code: 'LAB_NO_LOG',
    fault: 'user',
    where: podKey(pod),
    remedy: `'kubectl describe pod -n ${pod.metadata.namespace} ${pod.metadata.name}' tells how its containers are`,
  })
