import { readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { apiTime } from '../../../kube/times.ts'
import { ConfigError } from '../config-error.ts'
import { expand } from '../env.ts'
import type { Container, Pod } from '../pod.ts'
import { podUpperDir } from '../pod-holder.ts'
import { containerLogPath, enterContainer } from '../runtime.ts'
import { type ActionTarget, act, isUnsupported } from './action.ts'
import { asIdentity, whyNotAllowed } from './identity.ts'
import { LogFile } from './log-file.ts'
import { type ProbeKind, runProbes } from './prober.ts'
import { attachProcess, type ContainerProcess, startErrorCode, startProcess } from './process.ts'
import { withReadOnlyRoot } from './read-only-root.ts'
import {
  type ContainerView,
  type KeptContainer,
  readContainer,
  type Terminated,
  waitingView,
  writeContainer,
} from './state.ts'

/** What a container that runs a program needs of its pod. */
export interface ProgramHost {
  pod: Pod
  podIP: string
  holderPid: number
  /** The container's environment, made anew for every run. @throws ConfigError */
  env(): Record<string, string>
  /** The view has changed. */
  onChange(): void
  event(type: 'Normal' | 'Warning', reason: string, message: string): void
}

/** Whether a container is started again after it has ended. */
export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

/** Delays between restarts; a real kubelet's begin with 10 s and reach 5 min. A run this long starts with the shortest again. */
const firstBackoffMs = 500
const longestBackoffMs = 30_000
const steadyMs = 60_000
/** Until what is missing is looked for again. */
const configRetryMs = 1_000

/**
 * A container with the image `host`: runs its command, is probed, restarted and stopped. `run` goes on until it has ended for good; a program that
 * an earlier kubelet left is taken over.
 */
export class ProgramContainer {
  readonly container: Container
  readonly #host: ProgramHost
  readonly #policy: RestartPolicy
  readonly #leaving = new AbortController()
  #kept: KeptContainer
  #process: ContainerProcess | undefined
  #stopping: Promise<void> | undefined
  #backoffMs = firstBackoffMs

  constructor(container: Container, policy: RestartPolicy, host: ProgramHost) {
    this.container = container
    this.#policy = policy
    this.#host = host
    this.#kept = readContainer(host.pod, container) ?? this.#fresh()
  }

  get view(): ContainerView {
    return this.#kept.view
  }

  /** Resolves with the last exit code, or undefined when it was stopped before it had one. */
  async run(): Promise<number | undefined> {
    for (;;) {
      const code = await this.#runOnce()
      if (this.#leaving.signal.aborted || !this.#restarts(code)) return code
      await this.#backOff(code)
      if (this.#leaving.signal.aborted) return code
    }
  }

  /** preStop hook, SIGTERM, and after the grace SIGKILL to all that is left. It is not started again. */
  async stop(graceSeconds: number): Promise<void> {
    this.#leaving.abort()
    await (this.#stopping ??= this.#end(graceSeconds))
  }

  #fresh(): KeptContainer {
    const view = waitingView(this.container.name, { reason: 'ContainerCreating' })
    return { restart: 0, env: {}, cwd: '/', view }
  }

  async #runOnce(): Promise<number> {
    const { state } = this.view
    if ('terminated' in state) return state.terminated.exitCode
    const log = new LogFile(containerLogPath(this.#host.pod, this.container.name, this.view.restart))
    const running = 'running' in state ? this.#attach(log) : await this.#start(log)
    if (running === undefined) return 1
    this.#process = running
    // Told to stop while it was starting.
    if (this.#leaving.signal.aborted) this.#stopping = this.#terminate(0)
    const probing = new AbortController()
    const probes = this.#probe(probing.signal)
    const code = await running.ended
    probing.abort()
    await probes
    this.#process = undefined
    await this.#stopping
    this.#terminated(code)
    return code
  }

  #attach(log: LogFile): ContainerProcess {
    const { podUid } = this.#place()
    return attachProcess({ podUid, container: this.container.name }, log)
  }

  /** @returns undefined if it was stopped while something was missing */
  async #start(log: LogFile): Promise<ContainerProcess | undefined> {
    const env = await this.#waitForEnv()
    if (env === undefined) return undefined
    const command = commandOf(this.container, env)
    const cwd = this.container.workingDir ?? '/'
    if (command.length === 0) {
      this.#change({ state: { waiting: { reason: 'CreateContainerError', message: 'no command specified' } } })
      await sleepUntil(this.#leaving.signal)
      return undefined
    }
    this.#removeOldLogs()
    const { podUid, holderPid } = this.#place()
    const { name: container, stdin = false } = this.container
    const { pod } = this.#host
    const identity = [...withReadOnlyRoot(pod, this.container), ...asIdentity(pod, this.container)]
    const running = await startProcess({ podUid, holderPid, container, command, env, cwd, identity, stdin }, log)
    this.#kept = { ...this.#kept, restart: this.view.restart, env, cwd, identity, command }
    this.#change({ state: { running: { startedAt: apiTime(Date.now()) } }, ready: false, started: false })
    this.#host.event('Normal', 'Started', `Started container ${this.container.name}`)
    await this.#postStart()
    return running
  }

  /** That of the run before stays, for `kubectl logs --previous`. */
  #removeOldLogs(): void {
    const old = containerLogPath(this.#host.pod, this.container.name, this.view.restart - 2)
    for (const file of [old, `${old}.1`]) rmSync(file, { force: true })
  }

  #place() {
    return { podUid: this.#host.pod.metadata.uid, holderPid: this.#host.holderPid }
  }

  async #waitForEnv(): Promise<Record<string, string> | undefined> {
    while (!this.#leaving.signal.aborted) {
      try {
        this.#checkAllowed()
        return this.#host.env()
      } catch (error) {
        const { message } = error as Error
        this.#host.event('Warning', 'Failed', `Error: ${message}`)
        this.#change({ state: { waiting: { reason: 'CreateContainerConfigError', message } } })
        await sleep(configRetryMs, undefined, { signal: this.#leaving.signal }).catch(() => {})
      }
    }
    return undefined
  }

  /** @throws ConfigError */
  #checkAllowed(): void {
    const reason = whyNotAllowed(this.#host.pod, this.container)
    if (reason === undefined) return
    const { name, namespace, uid } = this.#host.pod.metadata
    throw new ConfigError(`${reason} (pod: "${name}_${namespace}(${uid})", container: ${this.container.name})`)
  }

  async #postStart(): Promise<void> {
    const hook = this.container.lifecycle?.postStart
    const target = this.#target()
    const finding = hook && target && (await act(hook, target, longestHookMs))
    if (finding === undefined) return
    this.#host.event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${finding}`)
    await this.#process?.kill()
  }

  #target(): ActionTarget | undefined {
    const place = enterContainer(this.#place().podUid, this.container.name)
    return place && { container: this.container, podIP: this.#host.podIP, place }
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const target = this.#target()
    if (target === undefined) return
    const { startupProbe, readinessProbe, livenessProbe } = this.container
    for (const probe of [startupProbe, readinessProbe, livenessProbe])
      if (probe && isUnsupported(probe))
        this.#host.event('Warning', 'ProbeNotSupported', 'the lab has no gRPC probes: this one counts as passed')
    const listener = {
      started: () => this.#change({ started: true }),
      ready: (ready: boolean) => this.#change({ ready }),
      failed: (kind: ProbeKind) => this.#failedProbe(kind),
      finding: (kind: ProbeKind, finding: string) =>
        this.#host.event('Warning', 'Unhealthy', `${capital(kind)} probe failed: ${finding}`),
    }
    const startedMs = 'running' in this.view.state ? sinceMs(this.view.state.running.startedAt) : performance.now()
    await runProbes(target, listener, startedMs, signal)
  }

  #failedProbe(kind: ProbeKind): void {
    const { name, livenessProbe, startupProbe } = this.container
    this.#host.event('Normal', 'Killing', `Container ${name} failed ${kind} probe, will be restarted`)
    const own = (kind === 'liveness' ? livenessProbe : startupProbe)?.terminationGracePeriodSeconds
    void this.#terminate(own ?? this.#host.pod.spec.terminationGracePeriodSeconds ?? 30)
  }

  async #end(graceSeconds: number): Promise<void> {
    if (this.#process === undefined) return
    await this.#terminate(graceSeconds)
  }

  /** The grace includes the hook's time. */
  async #terminate(graceSeconds: number): Promise<void> {
    const running = this.#process
    if (running === undefined) return
    const deadlineMs = performance.now() + graceSeconds * 1000
    const hook = this.container.lifecycle?.preStop
    const target = this.#target()
    if (hook !== undefined && target !== undefined && graceSeconds > 0) {
      const finding = await act(hook, target, graceSeconds * 1000)
      if (finding !== undefined) this.#host.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${finding}`)
    }
    running.signal('SIGTERM')
    const left = Math.max(0, deadlineMs - performance.now())
    const timer = setTimeout(() => void running.kill(), left)
    await running.ended
    clearTimeout(timer)
  }

  #terminated(exitCode: number): void {
    const { state } = this.view
    const startedAt = 'running' in state ? state.running.startedAt : apiTime(Date.now())
    const terminated: Terminated = { exitCode, reason: reasonOf(exitCode), startedAt, finishedAt: apiTime(Date.now()) }
    const message = exitCode === startErrorCode ? this.#notFound() : this.#terminationMessage()
    if (message !== undefined) terminated.message = message
    if (performance.now() - sinceMs(startedAt) > steadyMs) this.#backoffMs = firstBackoffMs
    this.#change({ state: { terminated }, ready: false, started: false })
  }

  #notFound = (): string =>
    `exec: "${this.#kept.command?.[0] ?? ''}": executable file not found in $PATH, or it cannot be run`

  /** What the program left for whoever asks why it ended (core/v1 Container.terminationMessagePath); once. */
  #terminationMessage(): string | undefined {
    const path = join(
      podUpperDir(this.#place().podUid),
      this.container.terminationMessagePath ?? '/dev/termination-log',
    )
    try {
      const text = readFileSync(path, 'utf8').slice(0, 4096)
      // Removed from below the pod's root, it would be missed by the next run, which may still find it there.
      truncateSync(path)
      return text === '' ? undefined : text
    } catch {
      return undefined
    }
  }

  #restarts(code: number): boolean {
    return this.#policy === 'Always' || (this.#policy === 'OnFailure' && code !== 0)
  }

  async #backOff(code: number): Promise<void> {
    const { state } = this.view
    const last = 'terminated' in state ? state.terminated : undefined
    const restart = this.view.restart + 1
    const { name, namespace, uid } = this.#host.pod.metadata
    const wait = this.#backoffMs
    const which = `restarting failed container=${this.container.name} pod=${name}_${namespace}(${uid})`
    const message = `back-off ${wait / 1000}s ${which}`
    // One that has run for long, or ended well, begins again at once.
    const waiting = { reason: code === 0 ? 'ContainerCreating' : 'CrashLoopBackOff', message }
    if (code !== 0) this.#host.event('Warning', 'BackOff', `Back-off ${which}`)
    this.#change({ restart, state: { waiting }, ...(last && { last }) })
    this.#backoffMs = Math.min(this.#backoffMs * 2, longestBackoffMs)
    await sleep(wait, undefined, { signal: this.#leaving.signal }).catch(() => {})
  }

  #change(change: Partial<ContainerView>): void {
    this.#kept = { ...this.#kept, view: { ...this.view, ...change } }
    writeContainer(this.#host.pod, this.#kept)
    this.#host.onChange()
  }
}

const longestHookMs = 120_000

/** Entry point and arguments; the image `host` has none of its own. */
const commandOf = ({ command = [], args = [] }: Container, env: Record<string, string>): string[] =>
  [...command, ...args].map((word) => expand(word, env))

const reasonOf = (exitCode: number): string =>
  exitCode === 0 ? 'Completed' : exitCode === startErrorCode ? 'StartError' : 'Error'

const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1)

/** A time of day on the clock of performance.now(). */
const sinceMs = (time: string): number => performance.now() - (Date.now() - Date.parse(time))

function sleepUntil(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
