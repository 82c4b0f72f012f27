import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCgroup, killCgroup } from '../../kernel/cgroup.ts'
import { netnsPath } from '../../kernel/namespaces.ts'
import { kubeletIdentityFile } from '../api/certificates.ts'
import type { LabSpec, NodeProcesses } from '../files.ts'
import { labFiles } from '../files.ts'
import type { Log } from '../log.ts'
import { nodeCgroup } from '../name.ts'
import { type Holder, inNode, startHolder } from '../nodes/holder.ts'
import { agentSocketPath, type LabNode } from '../state.ts'
import type { PlannedNode, TopologyPlan } from '../topology/plan.ts'
import { SupervisedChild } from './child.ts'

export interface NodeSurroundings {
  spec: LabSpec
  plan: Pick<TopologyPlan, 'clusterCIDRs' | 'serviceCIDRs'>
  log: Log
  /** Called after each start and end of a process. */
  onChange: () => void
  /** Called when the node has been made again: its holder is another process. */
  onRemade: () => void
}

const remakeDelayMs = 500

/**
 * A node that runs: its holder, kubelet and agent, in a cgroup of its own. When its holder dies, which no real node survives either, everything in the cgroup is ended
 * and the node is made again in the network namespace that it had, where the agent's tables and routes still are.
 */
export class RunningNode {
  readonly plan: PlannedNode
  readonly #around: NodeSurroundings
  readonly #kubelet: SupervisedChild
  readonly #agent: SupervisedChild
  #holder: Holder
  #restarts = 0
  #stopped = false

  private constructor(plan: PlannedNode, around: NodeSurroundings, holder: Holder) {
    this.plan = plan
    this.#around = around
    this.#holder = holder
    this.#kubelet = this.#child('kubelet', kubeletArguments(around.spec, plan))
    this.#agent = this.#child('agent', agentArguments(plan, around))
    this.#watchHolder()
  }

  /** @throws WeftError LAB_NODE_FAILED */
  static async start(plan: PlannedNode, around: NodeSurroundings): Promise<RunningNode> {
    return new RunningNode(plan, around, await makeHolder(plan, around))
  }

  get labNode(): LabNode {
    const { name, addresses, podCIDRs, netns, zone } = this.plan
    return { name, addresses, podCIDRs, netns, zone, holderPid: this.#holder.pid }
  }

  get processes(): NodeProcesses {
    const children = { kubelet: this.#kubelet.state, agent: this.#agent.state }
    return { holderPid: this.#holder.pid, restarts: this.#restarts, ...children }
  }

  stop(): void {
    this.#stopped = true
    this.#kubelet.stop()
    this.#agent.stop()
    this.#holder.process.kill('SIGKILL')
  }

  #child(role: string, args: string[]): SupervisedChild {
    const { spec, log, onChange } = this.#around
    return new SupervisedChild({
      name: `${this.plan.name} ${role}`,
      command: () => inNode(this.#holder.pid, [...spec.program, ...args]),
      logFile: join(labFiles(spec.name).logs, `${this.plan.name}-${role}.log`),
      log,
      onChange,
    })
  }

  #watchHolder(): void {
    this.#holder.process.once('exit', (code, signal) => {
      if (this.#stopped) return
      this.#around.log('node lost its holder', { node: this.plan.name, how: signal ?? `exit code ${code}` })
      void this.#remake()
    })
  }

  async #remake(): Promise<void> {
    this.#restarts++
    const children = [this.#kubelet, this.#agent]
    for (const child of children) child.suspend()
    while (!this.#stopped) {
      try {
        await killCgroup(nodeCgroup(this.#around.spec.name, this.plan.name))
        this.#holder = await makeHolder(this.plan, this.#around)
        break
      } catch (error) {
        this.#around.log('node not made again', { node: this.plan.name, error: String(error) })
        await sleep(remakeDelayMs)
      }
    }
    if (this.#stopped) return
    this.#watchHolder()
    for (const child of children) child.resume()
    this.#around.onRemade()
  }
}

const makeHolder = ({ name, netns }: PlannedNode, { spec }: NodeSurroundings): Promise<Holder> =>
  startHolder(name, netnsPath(netns), createCgroup(nodeCgroup(spec.name, name)))

const kubeletArguments = (spec: LabSpec, { name, addresses, podCIDRs }: PlannedNode): string[] => {
  const { nodeKubeconfig, api } = labFiles(spec.name)
  const who = ['--node-name', name, '--node-ip', addresses.join(','), '--pod-cidr', podCIDRs.join(',')]
  const identity = spec.givenApi === undefined ? ['--identity', join(api, kubeletIdentityFile(name))] : []
  const node = [...who, ...identity]
  return ['lab', 'node', '--kubeconfig', nodeKubeconfig, ...node]
}

const agentArguments = ({ name }: PlannedNode, { spec, plan }: NodeSurroundings): string[] => {
  const runDir = agentSocketPath.slice(0, agentSocketPath.lastIndexOf('/'))
  const ranges = ['--cluster-cidr', plan.clusterCIDRs.join(','), '--service-cidr', plan.serviceCIDRs.join(',')]
  const { nodeKubeconfig } = labFiles(spec.name)
  const who = ['--kubeconfig', nodeKubeconfig, '--node-name', name, '--run-dir', runDir]
  return ['agent', ...who, ...ranges, '--flannel-backend', 'host-gw', ...spec.agentArguments]
}
