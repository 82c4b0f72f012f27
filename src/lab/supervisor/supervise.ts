import { mkdirSync } from 'node:fs'
import { untilAborted } from '../../kube/abort.ts'
import type { ApiClient } from '../../kube/client.ts'
import { agentStatus } from '../agent-status.ts'
import { type LabProcesses, type LabSpec, labFiles, writeJson } from '../files.ts'
import { errorText, jsonLog, type Log } from '../log.ts'
import { joinLab } from '../process-group.ts'
import { processIdentity } from '../process-identity.ts'
import { type LabState, writeLabState } from '../state.ts'
import { buildTopology, routePods } from '../topology/build.ts'
import { LinkKeeper } from '../topology/keep-links.ts'
import { linkSetups, podRoutes } from '../topology/links.ts'
import { apiPort, type TopologyPlan } from '../topology/plan.ts'
import { applyManifests } from './apply.ts'
import { Cluster, orAway } from './cluster.ts'
import { ControlPlane } from './control-plane.ts'
import { inTurn } from './in-turn.ts'
import { RunningNode } from './node.ts'
import { awaitPodCIDRs } from './pod-cidrs.ts'
import { sendProgress, toWire } from './progress.ts'
import { ownObjects } from './own-objects.ts'
import { planOf } from './spec.ts'
import { waitUntilNothing } from './wait.ts'

/**
 * Runs a lab until the signal aborts: its API with the controllers, and its nodes, as processes that are started again
 * when they die. Tells its progress on `progressFd`.
 *
 * @returns exit code: 1 if the lab could not be brought up (the starter cleans up)
 */
export async function supervise(spec: LabSpec, signal: AbortSignal): Promise<number> {
  joinLab(spec.name, 'control')
  const supervisor = new Supervisor(spec)
  try {
    await supervisor.bringUp()
  } catch (error) {
    sendProgress({ type: 'error', error: toWire(error) })
    return 1
  }
  await untilAborted(signal)
  supervisor.stop()
  return 0
}

/** Nodes that are started at the same time: each runs a dozen short processes and two that take long to load. */
const parallelNodes = 4

const recordAgainMs = 1_000

class Supervisor {
  private readonly spec: LabSpec
  private readonly plan: TopologyPlan
  private readonly log: Log = jsonLog('supervisor')
  private readonly startedMs = performance.now()
  private readonly controlPlane: ControlPlane
  /** Files that could not be written, with when that is tried again. */
  private readonly late = new Map<string, NodeJS.Timeout>()
  private links: LinkKeeper | undefined
  private nodes: RunningNode[] = []
  private ready = false

  constructor(spec: LabSpec) {
    this.spec = spec
    this.plan = planOf(spec)
    const { plan, log } = this
    this.controlPlane = new ControlPlane({ spec, plan, log, onChange: () => this.recordProcesses() })
  }

  async bringUp(): Promise<void> {
    mkdirSync(labFiles(this.spec.name).logs, { recursive: true })
    this.recordProcesses()
    await this.phase('network namespaces and links', () => buildTopology(this.plan))
    this.links = new LinkKeeper(linkSetups(this.plan), this.log)
    const title = this.spec.givenApi === undefined ? 'API and controllers' : 'API server reached'
    const client = await this.phase(title, () => this.startControlPlane())
    try {
      await this.populate(client)
    } finally {
      client.close()
    }
  }

  stop(): void {
    for (const node of this.nodes) node.stop()
    this.controlPlane.stop()
    this.links?.close()
  }

  /** From an API without the lab's nodes to a lab that is ready. */
  private async populate(client: ApiClient): Promise<void> {
    const cluster = new Cluster(client)
    await this.phase(`nodes Ready: ${this.plan.nodes.length}`, () => this.startNodes(cluster))
    // Only now: pods would all be bound to the first node that is Ready.
    await this.phase(`objects applied: ${this.spec.manifests.length}`, () =>
      applyManifests(client, this.spec.manifests),
    )
    const names = new Set(this.plan.nodes.map(({ name }) => name))
    const counts = this.spec.givenApi && ownObjects(this.spec.manifests, names)
    await this.phase('pods running', () => this.wait('not everything is running', () => cluster.unfinished(counts)))
    await this.phase('agents in sync', () => this.wait('agents are not in sync', () => this.agentsMissing()))
    this.ready = true
    this.recordState()
    const seconds = (performance.now() - this.startedMs) / 1000
    sendProgress({ type: 'ready', seconds, pods: await cluster.countPods(names) })
    this.log('lab ready', { seconds })
  }

  private async startControlPlane(): Promise<ApiClient> {
    const missing = await this.controlPlane.start()
    await this.wait('the API does not answer', missing)
    this.controlPlane.startController()
    return this.controlPlane.client()
  }

  private async startNodes(cluster: Cluster): Promise<void> {
    await cluster.createNodes(this.plan.nodes, this.spec.givenApi?.registration)
    const planned = await awaitPodCIDRs(cluster, this.plan, {
      wait: (what, missing) => this.wait(what, missing),
      allocator: () => this.controlPlane.controllerExit,
    })
    await routePods(this.plan, planned)
    this.links?.add(podRoutes(this.plan, planned))
    const { spec, plan, log } = this
    const around = { spec, plan, log, onChange: () => this.recordProcesses(), onRemade: () => this.recordState() }
    this.nodes = await inTurn(planned, parallelNodes, (node) => RunningNode.start(node, around))
    this.recordProcesses()
    this.recordState()
    await this.wait('nodes are not Ready', () => this.nodesMissing(cluster))
  }

  private async nodesMissing(cluster: Cluster): Promise<string[]> {
    const ready = await cluster.readyNodes()
    return this.nodes.flatMap(({ plan, processes }) => {
      if (ready.has(plan.name)) return []
      const how = processes.kubelet.lastExit
      return [`${plan.name}${how === undefined ? '' : ` (its kubelet ended with ${how})`}`]
    })
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
    return waitUntilNothing(what, () => orAway(async () => missing()), { deadlineMs, onWaiting })
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
      ...this.controlPlane.processes,
      nodes: Object.fromEntries(nodes),
    }
    this.record(labFiles(this.spec.name).processes, () => writeJson(labFiles(this.spec.name).processes, processes))
  }

  /** What others read of this lab may be late while the disk is full; the lab goes on. */
  private record(file: string, write: () => void): void {
    clearTimeout(this.late.get(file))
    try {
      write()
    } catch (error) {
      this.log('not written', { file, error: errorText(error) })
      const again = setTimeout(() => this.record(file, write), recordAgainMs)
      this.late.set(file, again.unref())
    }
  }

  private recordState(): void {
    const { spec, plan, nodes, ready } = this
    const { families, serviceCIDRs, clusterCIDRs } = plan
    const state: LabState = {
      name: spec.name,
      supervisorPid: process.pid,
      kubeconfig: labFiles(spec.name).kubeconfig,
      families,
      serviceCIDRs,
      clusterCIDRs,
      apiAddress: plan.api.addresses[0] ?? '',
      apiPort,
      nodes: nodes.map((node) => node.labNode),
      client: { netns: plan.client.netns, addresses: plan.client.addresses },
      router: { netns: plan.router.netns, addresses: plan.router.addresses },
      ready,
    }
    this.record(labFiles(spec.name).state, () => writeLabState(state))
  }
}
