import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogStream } from '../containers/log-file.ts'
import { addTap } from '../containers/taps.ts'
import type { Pod } from '../pod.ts'
import type { LogOptions } from './cri-log.ts'
import { readLog } from './log-file.ts'
import type { NodeRuntime } from './node-runtime.ts'
import { type ContainerStatus, containerStatus, type PodsOfNode } from './pods.ts'
import { Refusal } from './refusal.ts'

/** Reads the query of /containerLogs. @throws Refusal 400 */
export function logOptions(query: URLSearchParams, now: Date): LogOptions & { previous: boolean } {
  const number = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null) return undefined
    if (!/^\d+$/.test(text)) throw new Refusal(400, `${name}: "${text}" is not a number`)
    return Number(text)
  }
  const flag = (name: string): boolean => ['true', '1'].includes(query.get(name) ?? '')
  const sinceSeconds = number('sinceSeconds')
  const sinceTime = query.get('sinceTime')
  const sinceMs = sinceSeconds === undefined ? Date.parse(sinceTime ?? '') : now.getTime() - sinceSeconds * 1000
  const [tailLines, limitBytes] = [number('tailLines'), number('limitBytes')]
  return {
    follow: flag('follow'),
    timestamps: flag('timestamps'),
    previous: flag('previous'),
    ...(Number.isNaN(sinceMs) ? {} : { sinceMs }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  }
}

/** How often is looked whether a run is over. */
const lookAgainMs = 500

/** Logs of the containers of a node. */
export class ContainerLogs {
  readonly #pods: PodsOfNode
  readonly #logPath: NodeRuntime['logPath']

  constructor(pods: PodsOfNode, logPath: NodeRuntime['logPath']) {
    this.#pods = pods
    this.#logPath = logPath
  }

  /**
   * What a container says, or its run before.
   *
   * @throws Refusal 400 for a container that has none, in the words of a real kubelet
   */
  read(
    pod: Pod,
    container: string,
    options: LogOptions & { previous: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    const run = options.previous ? this.#previousRun(pod, container) : this.#latestRun(pod, container)
    const isLive = (): boolean => !options.previous && this.#isRunning(pod, container, run)
    return readLog(this.#logPath(pod, container, run), options, isLive, signal)
  }

  /**
   * Hands over what a container says from now on, both streams apart, until that run has ended or the signal aborts.
   *
   * @param write see `Tap`
   */
  async attach(
    pod: Pod,
    container: string,
    write: (stream: LogStream, chunk: Buffer) => Promise<void> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const run = this.#latestRun(pod, container)
    const over = new AbortController()
    const end = (): void => over.abort()
    const remove = addTap(this.#logPath(pod, container, run), { write, end })
    signal.addEventListener('abort', end, { once: true })
    // What is stood in for has no end of its own.
    while (!over.signal.aborted && !signal.aborted && this.#isRunning(pod, container, run))
      await sleep(lookAgainMs, undefined, { signal: over.signal }).catch(() => {})
    remove()
  }

  /** Numbers of the runs that have a log, in order. */
  #runs(pod: Pod, container: string): number[] {
    try {
      const files = readdirSync(dirname(this.#logPath(pod, container, 0)))
      const numbers = files.flatMap((file) => /^(\d+)\.log$/.exec(file)?.slice(1, 2).map(Number) ?? [])
      return numbers.sort((a, b) => a - b)
    } catch {
      return []
    }
  }

  #latestRun(pod: Pod, container: string): number {
    const status = containerStatus(pod, container)
    const latest = this.#runs(pod, container).at(-1)
    if (latest !== undefined) return latest
    const { name } = pod.metadata
    if (status === undefined) throw new Refusal(400, `container "${container}" in pod "${name}" is not available`)
    const reason = status.state?.waiting?.reason
    if (reason === undefined) return status.restartCount ?? 0
    throw new Refusal(400, `container "${container}" in pod "${name}" is waiting to start: ${reason}`)
  }

  /** A container that waits for its next run has its last one behind it. */
  #previousRun(pod: Pod, container: string): number {
    const { state, lastState } = containerStatus(pod, container) ?? {}
    const isBetween = state?.waiting !== undefined && lastState?.terminated !== undefined
    const found = this.#runs(pod, container).at(isBetween ? -1 : -2)
    if (found !== undefined) return found
    throw new Refusal(400, `previous terminated container "${container}" in pod "${pod.metadata.name}" not found`)
  }

  /** Whether that run of the container, of that very pod, may still write. */
  #isRunning({ metadata }: Pod, container: string, run: number): boolean {
    for (const pod of this.#pods()) {
      if (pod.metadata.uid !== metadata.uid) continue
      const isLatest = !this.#runs(pod, container).some((number) => number > run)
      return isLatest && !hasEnded(containerStatus(pod, container), run)
    }
    return false
  }
}

/** What is reported may lag behind: of a run after the reported one nothing is known. */
function hasEnded(status: ContainerStatus | undefined, run: number): boolean {
  if ((status?.restartCount ?? 0) < run) return false
  const { state, lastState } = status ?? {}
  return state?.terminated !== undefined || (state?.waiting !== undefined && lastState?.terminated !== undefined)
}
