import { setTimeout as sleep } from 'node:timers/promises'
import { createCgroup } from '../../kernel/cgroup.ts'
import { apiTime } from '../../kube/times.ts'
import { LogFile } from './containers/log-file.ts'
import { ProgramContainer, type RestartPolicy } from './containers/program.ts'
import { type ContainerView, readContainer, type Terminated, waitingView, writeContainer } from './containers/state.ts'
import { type Container, initContainersOf, isSidecar, type Pod, runsCommand } from './pod.ts'
import type { PodHost } from './pod-host.ts'
import { environmentOf, type PodSandbox } from './pod-sandbox.ts'
import { completesAtOnce, isOver } from './pod-status.ts'
import { Patience, wentOnWithout } from './patience.ts'
import { containerCgroup, containerLogPath } from './runtime.ts'

const configRetryMs = 1_000

/**
 * The containers of a pod in one sandbox: init containers one after the other, then all others at once. Those with the image `host` run their program; all others are stood
 * in for: an init container has completed, any other runs and is ready.
 */
export class PodContainers {
  readonly #pod: Pod
  readonly #host: PodHost
  readonly #sandbox: PodSandbox
  readonly #onChange: () => void
  readonly #views = new Map<string, ContainerView>()
  readonly #programs: ProgramContainer[] = []
  readonly #runs: Promise<unknown>[] = []
  readonly #logs = new Map<string, LogFile>()
  readonly #leaving = new AbortController()
  readonly #patience = new Patience()
  #changed = (): void => {}

  /** @param onChange called whenever a view has changed */
  constructor(pod: Pod, host: PodHost, sandbox: PodSandbox, onChange: () => void) {
    this.#pod = pod
    this.#host = host
    this.#sandbox = sandbox
    this.#onChange = onChange
  }

  /** How each container is, by name. */
  get views(): ReadonlyMap<string, ContainerView> {
    for (const program of this.#programs) this.#views.set(program.container.name, program.view)
    return this.#views
  }

  /** Whether the containers that are stood in for serve. */
  get serving(): boolean {
    return this.#pod.spec.containers.some(({ name }) => !this.#isProgram(name) && this.views.get(name)?.ready === true)
  }

  /** Runs all; resolves when no regular container will run any more, or all were stopped. */
  async run(): Promise<void> {
    for (const init of initContainersOf(this.#pod)) if (!(await this.#initialize(init))) return
    const runs = this.#pod.spec.containers.map((container) => this.#start(container, this.#policy))
    await Promise.all(runs)
    if (this.#pod.spec.containers.some((container) => !this.#isOver(container))) await aborted(this.#leaving.signal)
  }

  /** Stops all, sidecars last. */
  async stop(graceSeconds: number): Promise<void> {
    const startedMs = performance.now()
    this.#leaving.abort()
    const sidecars = new Set(initContainersOf(this.#pod).map(({ name }) => name))
    const isLate = ({ container }: ProgramContainer): boolean => sidecars.has(container.name)
    await Promise.all(this.#programs.filter((one) => !isLate(one)).map((one) => one.stop(graceSeconds)))
    for (const program of this.#programs.filter(isLate).reverse())
      await program.stop(Math.max(0, graceSeconds - (performance.now() - startedMs) / 1000))
    await Promise.all(this.#runs)
    for (const log of this.#logs.values()) log.close()
  }

  /** Adds a line to the log of a container that is stood in for. */
  log(container: string, line: string): void {
    let log = this.#logs.get(container)
    if (log === undefined) {
      log = new LogFile(containerLogPath(this.#pod, container, this.#views.get(container)?.restart ?? 0))
      this.#logs.set(container, log)
    }
    log.line('stdout', line)
  }

  get #policy(): RestartPolicy {
    const { restartPolicy } = this.#pod.spec
    return restartPolicy === 'Never' || restartPolicy === 'OnFailure' ? restartPolicy : 'Always'
  }

  /** @returns whether the next one may begin */
  async #initialize(init: Container): Promise<boolean> {
    if (!isSidecar(init)) {
      await this.#start(init, this.#policy === 'Never' ? 'Never' : 'OnFailure')
      return !this.#leaving.signal.aborted && this.#exitCode(init) === 0
    }
    void this.#start(init, 'Always')
    while (!this.#leaving.signal.aborted && this.views.get(init.name)?.started !== true) await this.#nextChange()
    return !this.#leaving.signal.aborted
  }

  #start(container: Container, policy: RestartPolicy): Promise<unknown> {
    const run = runsCommand(container) ? this.#runProgram(container, policy) : this.#standIn(container)
    this.#runs.push(run)
    return run
  }

  #runProgram(container: Container, policy: RestartPolicy): Promise<unknown> {
    const { holderPid, podIPs } = this.#sandbox
    const program = new ProgramContainer(container, policy, {
      pod: this.#pod,
      podIP: podIPs[0] ?? '',
      holderPid,
      env: () => environmentOf(this.#pod, container, this.#host, podIPs),
      onChange: () => this.#noteChange(),
      event: (type, reason, message) => this.#host.event(this.#pod, type, reason, message),
    })
    this.#programs.push(program)
    return program.run()
  }

  /** Goes on with the view that an earlier kubelet left, so that times stay. */
  async #standIn(container: Container): Promise<void> {
    const kept = readContainer(this.#pod, container)
    const env = await this.#environment(container)
    if (env === undefined) return
    const view = kept && !('waiting' in kept.view.state) ? kept.view : this.#standInView(container, kept?.view)
    const { restart } = view
    // For whoever is started in it later.
    createCgroup(containerCgroup(this.#pod.metadata.uid, container.name))
    writeContainer(this.#pod, { restart, env, cwd: container.workingDir ?? '/', view })
    this.#views.set(container.name, view)
    if (kept === undefined && 'running' in view.state)
      this.log(container.name, `the lab's echo server stands in for the image ${container.image ?? ''}`)
    this.#noteChange()
  }

  /** Tries until nothing that the environment refers to is missing. @returns undefined if stopped before */
  async #environment(container: Container): Promise<Record<string, string> | undefined> {
    while (!this.#leaving.signal.aborted) {
      try {
        return environmentOf(this.#pod, container, this.#host, this.#sandbox.podIPs)
      } catch (error) {
        if (this.#patience.isOver(this.#pod, error)) {
          this.#host.event(this.#pod, 'Warning', ...wentOnWithout(error))
          return environmentOf(this.#pod, container, this.#host, this.#sandbox.podIPs, true)
        }
        const { message } = error as Error
        this.#host.event(this.#pod, 'Warning', 'Failed', `Error: ${message}`)
        this.#views.set(container.name, waitingView(container.name, { reason: 'CreateContainerConfigError', message }))
        this.#noteChange()
        await sleep(configRetryMs, undefined, { signal: this.#leaving.signal }).catch(() => {})
      }
    }
    return undefined
  }

  #standInView(container: Container, before: ContainerView | undefined): ContainerView {
    const { name } = container
    const now = apiTime(Date.now())
    const base = { name, restart: before?.restart ?? 0, ...(before?.last && { last: before.last }) }
    const init = initContainersOf(this.#pod).includes(container) && !isSidecar(container)
    if (init || completesAtOnce(this.#pod)) {
      const terminated: Terminated = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now }
      return { ...base, ready: false, started: false, state: { terminated } }
    }
    return { ...base, ready: true, started: true, state: { running: { startedAt: now } } }
  }

  #isProgram(name: string): boolean {
    return this.#programs.some(({ container }) => container.name === name)
  }

  #isOver({ name }: Container): boolean {
    const view = this.views.get(name)
    return view !== undefined && isOver(view, this.#policy)
  }

  #exitCode({ name }: Container): number | undefined {
    const state = this.views.get(name)?.state
    return state !== undefined && 'terminated' in state ? state.terminated.exitCode : undefined
  }

  #noteChange(): void {
    this.#changed()
    this.#onChange()
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve
      this.#leaving.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}

/**
 * Notes that the sandbox of a pod was lost with all that ran in it: init containers are to run again, all others count one restart more.
 *
 * @returns nothing; the next `PodContainers` of the pod reads it
 */
export function noteLostContainers(pod: Pod): void {
  const inits = initContainersOf(pod).filter((init) => !isSidecar(init))
  for (const container of [...initContainersOf(pod), ...pod.spec.containers]) {
    const kept = readContainer(pod, container)
    if (kept === undefined || !hasRun(kept.view)) continue
    const { view } = kept
    const last: Terminated | undefined =
      'terminated' in view.state
        ? view.state.terminated
        : 'running' in view.state
          ? { exitCode: 137, reason: 'Error', ...view.state.running, finishedAt: apiTime(Date.now()) }
          : view.last
    const ended =
      !inits.includes(container) && 'terminated' in view.state && isOver(view, pod.spec.restartPolicy ?? 'Always')
    if (ended) continue
    const restart = inits.includes(container) ? view.restart : view.restart + 1
    const next = { ...waitingView(container.name, { reason: 'ContainerCreating' }, restart), ...(last && { last }) }
    writeContainer(pod, { ...kept, restart, view: next })
  }
}

const hasRun = ({ state, last }: ContainerView): boolean => !('waiting' in state) || last !== undefined

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
