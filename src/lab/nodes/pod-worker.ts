import { setTimeout as sleep } from 'node:timers/promises'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { errorText, type Log } from '../log.ts'
import type { Conflist } from './cni-conflist.ts'
import { PodEcho } from './echo.ts'
import { echoPorts } from './echo-ports.ts'
import type { NodeApi } from './node-api.ts'
import { type Pod, podKey, type Service } from './pod.ts'
import { completesAtOnce, isFinished, runningStatus, sameStatus, succeededStatus, waitingStatus } from './pod-status.ts'
import { ensureSandbox, removeSandbox } from './sandbox.ts'

/** What all pods of a node share. */
export interface PodHost {
  nodeName: string
  nodeAddress: string
  network: Conflist
  api: NodeApi
  /** Services of a namespace, as they are now. */
  services(namespace: string): Service[]
  /** Bounds how many pods are wired at once. */
  limit: <T>(work: () => Promise<T>) => Promise<T>
  log: Log
}

/** A lab does not wait longer than this between a pod's deletion and the end of its containers. */
const longestGraceSeconds = 1
const retryMs = 1_000

/** The life of one pod on its node, from its first sight to its removal. Its steps run one after the other. */
export class PodWorker {
  private readonly host: PodHost
  private pod: Pod
  private echo: PodEcho | undefined
  private podIP = ''
  private readonly leaving = new AbortController()
  private work: Promise<void> = Promise.resolve()
  private stopped: Promise<void> | undefined

  constructor(pod: Pod, host: PodHost) {
    this.pod = pod
    this.host = host
    this.enqueue(() => this.start())
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

  /** Services changed, or the pod's labels or readiness gates: serves the ports that are due now and reports what differs. */
  refresh(): void {
    const { signal } = this.leaving
    this.enqueue(() => this.persist('not updated', () => this.serve(), signal))
  }

  /**
   * Ends the pod: reports it as not ready, lets endpoints leave for `graceSeconds`, closes its sockets, gives its network back
   * and finally removes the object. Idempotent.
   */
  stop(graceSeconds: number): Promise<void> {
    this.stopped ??= this.end(graceSeconds)
    return this.stopped
  }

  private async end(graceSeconds: number): Promise<void> {
    this.leaving.abort()
    await this.work
    if (this.echo !== undefined) {
      await this.report(false).catch((error: unknown) => this.complain('status not reported', error))
      await sleep(Math.min(graceSeconds, longestGraceSeconds) * 1000)
      await this.echo.close()
    }
    await this.persist('not removed', async () => {
      if (!this.pod.spec.hostNetwork) await this.host.limit(() => removeSandbox(this.uid, this.host.network))
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
    if (completesAtOnce(this.pod)) return this.complete()
    try {
      this.echo ??= await this.host.limit(() => this.wire())
    } catch (error) {
      const { nodeAddress, api } = this.host
      const status = waitingStatus(this.pod, nodeAddress, 'CreatePodSandboxError', errorText(error), new Date())
      await api.reportPod(this.pod, status)
      throw error
    }
    await this.serve()
    this.host.log('pod running', { pod: podKey(this.pod), podIP: this.podIP, ports: this.echo.openPorts })
  }

  private async complete(): Promise<void> {
    await this.host.api.reportPod(this.pod, succeededStatus(this.pod, this.host.nodeAddress, new Date()))
    this.host.log('pod completed', { pod: podKey(this.pod) })
  }

  private async serve(): Promise<void> {
    if (this.echo === undefined || this.leaving.signal.aborted) return
    await this.openPorts(this.echo)
    await this.report(true)
  }

  private async wire(): Promise<PodEcho> {
    const { nodeName, nodeAddress, network } = this.host
    const { name, namespace } = this.pod.metadata
    const { netnsPath, podIP } = this.pod.spec.hostNetwork
      ? { netnsPath: '/proc/thread-self/ns/net', podIP: nodeAddress }
      : await ensureSandbox(this.uid, network)
    this.podIP = podIP
    return new PodEcho(NetworkNamespace.open(netnsPath), { pod: name, namespace, node: nodeName, podIP })
  }

  private async openPorts(echo: PodEcho): Promise<void> {
    const ports = echoPorts(this.pod, this.host.services(this.pod.metadata.namespace))
    for (const error of await echo.setPorts(ports)) this.complain('port not served', error)
  }

  private async report(ready: boolean): Promise<void> {
    const facts = { hostIP: this.host.nodeAddress, podIP: this.podIP, ready, now: new Date() }
    const status = runningStatus(this.pod, facts)
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

  private complain(message: string, error: unknown): void {
    this.host.log(message, { pod: podKey(this.pod), error: errorText(error) })
  }
}

const graceOf = (pod: Pod): number =>
  pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0
