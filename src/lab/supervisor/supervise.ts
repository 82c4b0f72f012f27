import { mkdirSync, writeFileSync } from 'node:fs'
import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { listenTcp } from '../../kernel/sockets.ts'
import { ApiClient } from '../../kube/client.ts'
import { loadKubeconfig } from '../../kube/kubeconfig.ts'
import { agentStatus } from '../agent-status.ts'
import { startApi } from '../api/server.ts'
import type { KubeObject } from '../api/types.ts'
import { startControllers } from '../controllers/index.ts'
import { type LabProcesses, type LabSpec, labFiles, writeJson } from '../files.ts'
import { jsonLog, type Log } from '../log.ts'
import { joinLab } from '../process-group.ts'
import { processIdentity } from '../process-identity.ts'
import { type LabState, writeLabState } from '../state.ts'
import { buildTopology } from '../topology/build.ts'
import { apiPort, clusterCIDR, planTopology, serviceCIDR, type TopologyPlan } from '../topology/plan.ts'
import { applyManifests } from './apply.ts'
import { RunningNode } from './node.ts'
import { createNodeObjects } from './node-objects.ts'
import { sendProgress, toWire } from './progress.ts'
import { unfinished } from './rollout.ts'
import { waitUntilNothing } from './wait.ts'

type Api = Awaited<ReturnType<typeof startApi>>

/**
 * Runs a lab until the signal aborts: its API and controllers in this process, its nodes as processes that are started
 * again when they die. Tells its progress on `progressFd`.
 *
 * @returns exit code: 1 if the lab could not be brought up (the starter cleans up)
 */
export async function supervise(spec: LabSpec, signal: AbortSignal): Promise<number> {
  joinLab(spec.name, 'control')
  const supervisor = new Supervisor(spec, signal)
  try {
    await supervisor.bringUp()
  } catch (error) {
    sendProgress({ type: 'error', error: toWire(error) })
    return 1
  }
  await aborted(signal)
  await supervisor.stop()
  return 0
}

class Supervisor {
  private readonly spec: LabSpec
  private readonly signal: AbortSignal
  private readonly plan: TopologyPlan
  private readonly log: Log = jsonLog('supervisor')
  private readonly startedMs = performance.now()
  private nodes: RunningNode[] = []
  private closers: (() => Promise<void> | void)[] = []

  constructor(spec: LabSpec, signal: AbortSignal) {
    this.spec = spec
    this.signal = signal
    this.plan = planTopology(spec.name, spec.nodes)
  }

  async bringUp(): Promise<void> {
    mkdirSync(labFiles(this.spec.name).logs, { recursive: true })
    this.recordProcesses()
    await this.phase('network namespaces and links', () => buildTopology(this.plan))
    const api = await this.phase('API and controllers', () => this.startApi())
    await this.phase(`nodes Ready: ${this.plan.nodes.length}`, () => this.startNodes(api))
    // Only now: pods would all be bound to the first node that is Ready.
    await this.phase(`objects applied: ${this.spec.manifests.length}`, () => this.applyManifests())
    await this.waitForPods(api)
    await this.phase('agents in sync', () => this.wait('agents are not in sync', () => this.agentsMissing()))
    writeLabState(this.state(true))
    const seconds = (performance.now() - this.startedMs) / 1000
    sendProgress({ type: 'ready', seconds, pods: api.store.list('pods').length })
    this.log('lab ready', { seconds })
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.stop()
    for (const close of this.closers.toReversed()) await close()
  }

  private async startApi(): Promise<Api> {
    const { api } = labFiles(this.spec.name)
    const namespace = NetworkNamespace.named(this.plan.api.netns)
    const { address } = this.plan.api
    const advertise = { address, port: apiPort }
    const fd = listenTcp(namespace, address, apiPort)
    // The listening socket keeps the namespace alive by itself.
    namespace.close()
    const running = await startApi({ dir: api, serviceCIDR, advertise, listeners: [{ fd }], loopbackPort: 0 })
    const controllers = startControllers(running.store, { log: (line: string) => this.log(line), signal: this.signal })
    this.closers.push(
      () => running.close(),
      () => controllers.close(),
    )
    createNodeObjects(running.store, this.plan.nodes)
    this.writeKubeconfigs(running)
    return running
  }

  private writeKubeconfigs(api: Api): void {
    const { kubeconfig, nodeKubeconfig } = labFiles(this.spec.name)
    const underlay = `https://${this.plan.api.address}:${apiPort}`
    writeFileSync(kubeconfig, api.kubeconfig(), { mode: 0o600 })
    writeFileSync(nodeKubeconfig, api.kubeconfig(underlay), { mode: 0o600 })
  }

  private async startNodes(api: Api): Promise<void> {
    const start = (node: TopologyPlan['nodes'][number]) =>
      RunningNode.start(node, this.spec, this.log, () => this.recordProcesses())
    this.nodes = await Promise.all(this.plan.nodes.map(start))
    this.recordProcesses()
    writeLabState(this.state(false))
    await this.wait('nodes are not Ready', () => this.nodesMissing(api))
  }

  private nodesMissing(api: Api): string[] {
    return this.nodes.flatMap(({ plan, processes }) => {
      const node = api.store.get('nodes', undefined, plan.name)
      if (node !== undefined && isReady(node)) return []
      const how = processes.kubelet.lastExit
      return [`${plan.name}${how === undefined ? '' : ` (its kubelet ended with ${how})`}`]
    })
  }

  private async applyManifests(): Promise<void> {
    const client = new ApiClient(await loadKubeconfig(labFiles(this.spec.name).kubeconfig))
    try {
      await applyManifests(client, this.spec.manifests)
    } finally {
      client.close()
    }
  }

  private waitForPods(api: Api): Promise<void> {
    return this.phase('pods running', () => this.wait('not everything is running', () => unfinished(api.store)))
  }

  private async agentsMissing(): Promise<string[]> {
    const statuses = await Promise.all(this.nodes.map((node) => agentStatus(node.labNode)))
    return this.nodes.flatMap((node, i) => {
      const status = statuses[i]
      if (status?.ready) return []
      const how = node.processes.agent.lastExit
      return [`${node.plan.name}: ${status ? 'not ready' : 'no answer'}${how ? ` (ended with ${how})` : ''}`]
    })
  }

  private wait(what: string, missing: () => string[] | Promise<string[]>): Promise<void> {
    const deadlineMs = this.startedMs + this.spec.timeoutSeconds * 1000
    const onWaiting = (left: string[]) => sendProgress({ type: 'waiting', missing: left })
    return waitUntilNothing(what, missing, { deadlineMs, onWaiting })
  }

  private async phase<T>(title: string, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now()
    const result = await work()
    sendProgress({ type: 'phase', title, seconds: (performance.now() - startedMs) / 1000 })
    return result
  }

  private recordProcesses(): void {
    const nodes = this.nodes.map((node) => [node.plan.name, node.processes] as const)
    const processes: LabProcesses = {
      supervisor: processIdentity(process.pid) ?? '',
      nodes: Object.fromEntries(nodes),
    }
    writeJson(labFiles(this.spec.name).processes, processes)
  }

  private state(ready: boolean): LabState {
    return {
      name: this.spec.name,
      supervisorPid: process.pid,
      kubeconfig: labFiles(this.spec.name).kubeconfig,
      serviceCIDR,
      clusterCIDR,
      apiAddress: this.plan.api.address,
      apiPort,
      nodes: this.nodes.map((node) => node.labNode),
      client: this.plan.client,
      ready,
    }
  }
}

function isReady(node: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = node['status']?.conditions ?? []
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
