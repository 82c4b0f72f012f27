import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { untilAborted } from '../../kube/abort.ts'
import { ApiClient } from '../../kube/client.ts'
import { loadKubeconfig } from '../../kube/kubeconfig.ts'
import { agentStatus } from '../agent-status.ts'
import { type LabProcesses, type LabSpec, labFiles, writeJson } from '../files.ts'
import { jsonLog, type Log } from '../log.ts'
import { joinLab } from '../process-group.ts'
import { processIdentity } from '../process-identity.ts'
import { type LabState, writeLabState } from '../state.ts'
import { buildTopology } from '../topology/build.ts'
import { apiPort, clusterCIDR, planTopology, serviceCIDR, type TopologyPlan } from '../topology/plan.ts'
import { applyManifests } from './apply.ts'
import { SupervisedChild } from './child.ts'
import { apiMissing, Cluster, orAway } from './cluster.ts'
import { RunningNode } from './node.ts'
import { sendProgress, toWire } from './progress.ts'
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

class Supervisor {
  private readonly spec: LabSpec
  private readonly plan: TopologyPlan
  private readonly log: Log = jsonLog('supervisor')
  private readonly startedMs = performance.now()
  private nodes: RunningNode[] = []
  private api: SupervisedChild | undefined

  constructor(spec: LabSpec) {
    this.spec = spec
    this.plan = planTopology(spec.name, spec.nodes)
  }

  async bringUp(): Promise<void> {
    mkdirSync(labFiles(this.spec.name).logs, { recursive: true })
    this.recordProcesses()
    await this.phase('network namespaces and links', () => buildTopology(this.plan))
    const client = await this.phase('API and controllers', () => this.startApi())
    try {
      await this.populate(client)
    } finally {
      client.close()
    }
  }

  stop(): void {
    for (const node of this.nodes) node.stop()
    this.api?.stop()
  }

  /** From an API without nodes to a lab that is ready. */
  private async populate(client: ApiClient): Promise<void> {
    const cluster = new Cluster(client)
    await this.phase(`nodes Ready: ${this.plan.nodes.length}`, () => this.startNodes(cluster))
    // Only now: pods would all be bound to the first node that is Ready.
    await this.phase(`objects applied: ${this.spec.manifests.length}`, () =>
      applyManifests(client, this.spec.manifests),
    )
    await this.phase('pods running', () => this.wait('not everything is running', () => cluster.unfinished()))
    await this.phase('agents in sync', () => this.wait('agents are not in sync', () => this.agentsMissing()))
    writeLabState(this.state(true))
    const seconds = (performance.now() - this.startedMs) / 1000
    sendProgress({ type: 'ready', seconds, pods: await cluster.countPods() })
    this.log('lab ready', { seconds })
  }

  private async startApi(): Promise<ApiClient> {
    const { logs, kubeconfig } = labFiles(this.spec.name)
    const api = new SupervisedChild({
      name: 'api',
      command: [...this.spec.program, 'lab', 'api', '--name', this.spec.name],
      logFile: join(logs, 'api.log'),
      log: this.log,
      onChange: () => this.recordProcesses(),
    })
    this.api = api
    this.recordProcesses()
    await this.wait('the API does not answer', () => apiMissing(kubeconfig, api.state.lastExit))
    return new ApiClient(await loadKubeconfig(kubeconfig))
  }

  private async startNodes(cluster: Cluster): Promise<void> {
    await cluster.createNodes(this.plan.nodes)
    const start = (node: TopologyPlan['nodes'][number]) =>
      RunningNode.start(node, this.spec, this.log, () => this.recordProcesses())
    this.nodes = await Promise.all(this.plan.nodes.map(start))
    this.recordProcesses()
    writeLabState(this.state(false))
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
      api: this.api?.state ?? { restarts: 0 },
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
