import { setTimeout as sleep } from 'node:timers/promises'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { apiTime } from '../../kube/times.ts'
import { errorText } from '../log.ts'
import type { Rejection } from './admission.ts'
import { ConfigError } from './config-error.ts'
import { PodEcho } from './echo.ts'
import { echoPorts } from './echo-ports.ts'
import { allContainers, type Pod, podKey, runsCommand } from './pod.ts'
import { noteLostContainers, PodContainers } from './pod-containers.ts'
import { runningPodHolder, stopPod } from './pod-holder.ts'
import type { PodHost } from './pod-host.ts'
import {
  checkSandbox,
  closeSandbox,
  forgetPod,
  openSandbox,
  type PodSandbox,
  refreshSandbox,
  sandboxChanged,
} from './pod-sandbox.ts'
import { completesAtOnce, isFinished, podStatus, sameStatus } from './pod-status.ts'
import { readContainer, type ContainerView } from './containers/state.ts'
import { Patience, wentOnWithout } from './patience.ts'
import { isNetworkBroken } from './sandbox.ts'
import { MountError } from './volumes/pod-volumes.ts'

export type { PodHost } from './pod-host.ts'

/** A lab does not wait longer than this between a pod's deletion and the end of containers that are stood in for. */
const longestStandInGraceSeconds = 1
const retryMs = 1_000
/** Whoever makes another one in place of a pod that was rejected, as a ReplicaSet does at once, is slowed down. */
const rejectionMs = 1_000
/** How often the CNI plugins are asked whether a pod's network is as it was (CHECK). */
const checkIntervalMs = 300_000

/** The life of one pod on its node, from its first sight to its removal. Its steps run one after the other. */
export class PodWorker {
  readonly rejection: Rejection | undefined
  private readonly host: PodHost
  private pod: Pod
  private sandbox: PodSandbox | undefined
  private containers: PodContainers | undefined
  private echo: PodEcho | undefined
  private readonly leaving = new AbortController()
  private work: Promise<void> = Promise.resolve()
  private stopped: Promise<void> | undefined
  private reporting = false
  private refreshing = false
  private refreshingPorts = false
  private readonly told = new Set<string>()
  private readonly patience = new Patience()
  private withoutSecrets = false
  private checkedMs = performance.now()

  /** @param rejection why the node does not take the pod; undefined: it does */
  constructor(pod: Pod, host: PodHost, rejection?: Rejection) {
    this.pod = pod
    this.host = host
    this.rejection = rejection
    this.enqueue(() => this.start())
  }

  /** The object as it was last seen. */
  get latest(): Pod {
    return this.pod
  }

  get uid(): string {
    return this.pod.metadata.uid
  }

  get namespace(): string {
    return this.pod.metadata.namespace
  }

  /** A newer version of the object. */
  update(pod: Pod): void {
    this.pod = pod
    if (pod.metadata.deletionTimestamp !== undefined) void this.stop(graceOf(pod))
    else this.refresh()
  }

  /** Services changed: serves the ports that are due now. */
  refreshPorts(): void {
    if (this.refreshingPorts) return
    this.refreshingPorts = true
    this.enqueue(async () => {
      this.refreshingPorts = false
      if (this.sandbox !== undefined && !this.leaving.signal.aborted) await this.openPorts()
    })
  }

  /** ConfigMaps or Secrets changed, the cluster's DNS, or the pod itself (labels, readiness gates): all follows, and what differs is reported. */
  refresh(): void {
    if (this.refreshing) return
    this.refreshing = true
    this.enqueue(() => {
      this.refreshing = false
      return this.persist('not updated', () => this.serve(), this.leaving.signal)
    })
  }

  /** Looks whether the sandbox is still there and, now and then, whether its network is as it was. Cheap. */
  look(): void {
    if (this.sandbox === undefined || this.leaving.signal.aborted) return
    if (runningPodHolder(this.uid) === undefined) this.enqueue(() => this.replaceSandbox('its holder has ended'))
    else if (performance.now() - this.checkedMs > checkIntervalMs) {
      this.checkedMs = performance.now()
      this.enqueue(() => this.check())
    }
  }

  /**
   * Ends the pod: reports it as not ready, lets endpoints leave and programs end for `graceSeconds`, closes its sockets, gives its network back
   * and finally removes the object. Called again with 0 it hurries.
   */
  stop(graceSeconds: number): Promise<void> {
    if (this.stopped !== undefined && graceSeconds === 0) void stopPod(this.uid).catch(() => {})
    this.stopped ??= this.end(graceSeconds)
    return this.stopped
  }

  private async end(graceSeconds: number): Promise<void> {
    this.leaving.abort()
    await this.work
    if (this.sandbox !== undefined) {
      await this.report().catch((error: unknown) => this.complain('status not reported', error))
      const standInGraceSeconds = Math.min(graceSeconds, longestStandInGraceSeconds)
      await Promise.all([sleep(standInGraceSeconds * 1000), this.containers?.stop(graceSeconds)])
      await this.echo?.close()
    }
    await this.persist('not removed', async () => {
      await this.host.limit(() => closeSandbox(this.pod, this.host))
      forgetPod(this.pod, this.host)
      await this.host.api.finishPod(this.pod)
    })
    this.host.log('pod removed', { pod: podKey(this.pod) })
  }

  private async start(): Promise<void> {
    if (this.pod.metadata.deletionTimestamp !== undefined) void this.stop(graceOf(this.pod))
    await this.persist('not started', () => this.bringUp(), this.leaving.signal)
  }

  private async bringUp(): Promise<void> {
    if (isFinished(this.pod)) return
    if (this.rejection !== undefined) return this.reject(this.rejection)
    if (completesAtOnce(this.pod) && !allContainers(this.pod).some(runsCommand)) return this.complete()
    const pod = await this.host.admitted(this.pod)
    const sandbox = await this.open(pod)
    this.sandbox = sandbox
    this.run(pod, sandbox)
    await this.serve()
    this.host.log('pod running', { pod: podKey(this.pod), podIPs: sandbox.podIPs, ports: this.echo?.openPorts })
  }

  private async open(pod: Pod): Promise<PodSandbox> {
    try {
      await this.host.ready(pod)
      const sandbox = await this.host.limit(() => openSandbox(pod, this.host, this.withoutSecrets))
      if (!sandbox.takenOver) noteLostContainers(pod)
      return sandbox
    } catch (error) {
      if (!this.withoutSecrets && this.patience.isOver(this.pod, error)) {
        this.withoutSecrets = true
        this.host.event(this.pod, 'Warning', ...wentOnWithout(error))
        return this.open(pod)
      }
      const [reason, event] = error instanceof MountError || error instanceof ConfigError ? mountReason : sandboxReason
      this.host.event(
        this.pod,
        'Warning',
        event,
        `${event === 'FailedMount' ? '' : 'Failed to create pod sandbox: '}${errorText(error)}`,
      )
      await this.report(waitingViews(this.pod, reason, error))
      throw error
    }
  }

  /** Containers run beside the steps of this worker. */
  private run(pod: Pod, sandbox: PodSandbox): void {
    const { name, namespace } = pod.metadata
    const [podIP = ''] = sandbox.podIPs
    const containers = new PodContainers(pod, this.host, sandbox, () => this.changed())
    const identity = { pod: name, namespace, node: this.host.nodeName, podIP }
    this.echo = new PodEcho(NetworkNamespace.open(sandbox.netnsPath), identity, sandbox.podIPs, (container, line) =>
      containers.log(container, line),
    )
    this.containers = containers
    void containers.run().then(
      () => this.enqueue(() => this.persist('not finished', () => this.finish(containers), this.leaving.signal)),
      (error: unknown) => this.complain('containers failed', error),
    )
  }

  /** The pod's containers have ended for good: its namespaces go, its logs stay. */
  private async finish(containers: PodContainers): Promise<void> {
    if (containers !== this.containers || this.sandbox === undefined) return
    await containers.stop(graceOf(this.pod))
    await this.echo?.close()
    await this.report()
    this.sandbox = undefined
    await this.host.limit(() => closeSandbox(this.pod, this.host))
    this.host.log('pod finished', { pod: podKey(this.pod) })
  }

  /** As a kubelet's `rejectPod`. */
  private async reject({ reason, message }: Rejection): Promise<void> {
    await sleep(rejectionMs, undefined, { signal: this.leaving.signal }).catch(() => {})
    const startTime = apiTime(Date.now())
    await this.host.api.reportPod(this.pod, {
      phase: 'Failed',
      reason,
      message: `Pod was rejected: ${message}`,
      startTime,
    })
    this.host.event(this.pod, 'Warning', reason, message)
  }

  private async complete(): Promise<void> {
    const now = apiTime(Date.now())
    const terminated = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now }
    const views = allContainers(this.pod).map(({ name }): [string, ContainerView] => [
      name,
      { name, restart: 0, ready: false, started: false, state: { terminated } },
    ])
    await this.report(new Map(views))
    this.host.log('pod completed', { pod: podKey(this.pod) })
  }

  private async serve(): Promise<void> {
    const { sandbox } = this
    if (sandbox === undefined || this.leaving.signal.aborted) return
    const pod = await this.host.admitted(this.pod)
    for (const error of await refreshSandbox(pod, this.host, sandbox)) this.complain('volume not updated', error)
    await this.openPorts()
    await this.report()
  }

  private async openPorts(): Promise<void> {
    if (this.echo === undefined) return
    const ports = this.containers?.serving ? echoPorts(this.pod, this.host.services(this.namespace)) : []
    for (const error of await this.echo.setPorts(ports)) this.tellOnce('PortNotServed', errorText(error))
  }

  private async check(): Promise<void> {
    try {
      await checkSandbox(this.pod, this.host)
    } catch (error) {
      if (isNetworkBroken(error)) await this.replaceSandbox(errorText(error))
      else this.complain('network not checked', error)
    }
  }

  /** What is lost is made again: network, namespaces, containers. */
  private async replaceSandbox(reason: string): Promise<void> {
    const { sandbox, containers } = this
    if (sandbox === undefined || this.leaving.signal.aborted) return
    sandboxChanged(this.pod, this.host, reason)
    this.host.log('sandbox lost', { pod: podKey(this.pod), reason })
    this.sandbox = undefined
    this.containers = undefined
    await containers?.stop(0)
    await this.echo?.close()
    await this.persist(
      'not made again',
      async () => {
        await this.host.limit(() => closeSandbox(this.pod, this.host))
        await this.bringUp()
      },
      this.leaving.signal,
    )
  }

  /** A container's view has changed: ports and status follow, several changes together. */
  private changed(): void {
    if (this.reporting || this.leaving.signal.aborted) return
    this.reporting = true
    this.enqueue(async () => {
      this.reporting = false
      await this.persist(
        'status not reported',
        async () => {
          if (this.sandbox === undefined) return
          await this.openPorts()
          await this.report()
        },
        this.leaving.signal,
      )
    })
  }

  private async report(views: ReadonlyMap<string, ContainerView> = this.containers?.views ?? new Map()): Promise<void> {
    const status = podStatus(this.pod, {
      hostIPs: this.host.nodeAddresses,
      podIPs: this.sandbox?.podIPs ?? [],
      views,
      leaving: this.leaving.signal.aborted,
      now: new Date(),
    })
    if (!sameStatus(status, this.pod.status)) await this.host.api.reportPod(this.pod, status)
  }

  /** Tries until it works or the signal ends it; a pod that cannot start now may start later. */
  private async persist(problem: string, work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    for (;;) {
      if (signal?.aborted) return
      try {
        return await work()
      } catch (error) {
        this.complain(problem, error)
        await sleep(retryMs, undefined, signal && { signal }).catch(() => {})
      }
    }
  }

  /** Steps catch what fails in them (persist), so that the chain never breaks. */
  private enqueue(step: () => Promise<void>): void {
    this.work = this.work.then(step)
  }

  private tellOnce(reason: string, message: string): void {
    if (this.told.has(message)) return
    this.told.add(message)
    this.host.event(this.pod, 'Warning', reason, message)
    this.complain('port not served', new Error(message))
  }

  private complain(message: string, error: unknown): void {
    this.host.log(message, { pod: podKey(this.pod), error: errorText(error) })
  }
}

const mountReason = ['ContainerCreating', 'FailedMount'] as const
const sandboxReason = ['CreatePodSandboxError', 'FailedCreatePodSandBox'] as const

/** All that has not run before waits, with the reason where kubectl shows it. */
function waitingViews(pod: Pod, reason: string, error: unknown): Map<string, ContainerView> {
  const state = { waiting: { reason, ...(reason !== 'ContainerCreating' && { message: errorText(error) }) } }
  return new Map(
    pod.spec.containers.map((container): [string, ContainerView] => {
      const { restart = 0, last } = readContainer(pod, container)?.view ?? {}
      return [
        container.name,
        { name: container.name, restart, ready: false, started: false, state, ...(last && { last }) },
      ]
    }),
  )
}

const graceOf = (pod: Pod): number =>
  pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0
