import { join } from 'node:path'
import { netnsPath } from '../../kernel/namespaces.ts'
import type { LabSpec, NodeProcesses } from '../files.ts'
import { labFiles } from '../files.ts'
import type { Log } from '../log.ts'
import { type Holder, inNode, startHolder } from '../nodes/holder.ts'
import { agentSocketPath, type LabNode } from '../state.ts'
import { clusterCIDR, type PlannedNode, serviceCIDR } from '../topology/plan.ts'
import { SupervisedChild } from './child.ts'

/** A node that runs: its holder, kubelet and agent. */
export class RunningNode {
  readonly plan: PlannedNode
  private readonly holder: Holder
  private readonly kubelet: SupervisedChild
  private readonly agent: SupervisedChild

  private constructor(plan: PlannedNode, holder: Holder, kubelet: SupervisedChild, agent: SupervisedChild) {
    this.plan = plan
    this.holder = holder
    this.kubelet = kubelet
    this.agent = agent
  }

  static async start(plan: PlannedNode, spec: LabSpec, log: Log, onChange: () => void): Promise<RunningNode> {
    const holder = await startHolder(plan.name, netnsPath(plan.netns))
    const child = (role: string, args: string[]) =>
      new SupervisedChild({
        name: `${plan.name} ${role}`,
        command: inNode(holder.pid, [...spec.program, ...args]),
        logFile: join(labFiles(spec.name).logs, `${plan.name}-${role}.log`),
        log,
        onChange,
      })
    const kubelet = child('kubelet', kubeletArguments(spec.name, plan))
    return new RunningNode(plan, holder, kubelet, child('agent', agentArguments(spec.name, plan)))
  }

  get labNode(): LabNode {
    const { name, address, podCIDR, netns } = this.plan
    return { name, address, podCIDR, netns, holderPid: this.holder.pid }
  }

  get processes(): NodeProcesses {
    return { holderPid: this.holder.pid, kubelet: this.kubelet.state, agent: this.agent.state }
  }

  stop(): void {
    this.kubelet.stop()
    this.agent.stop()
    this.holder.process.kill('SIGKILL')
  }
}

const kubeletArguments = (lab: string, { name, address, podCIDR }: PlannedNode): string[] => {
  const { nodeKubeconfig } = labFiles(lab)
  const node = ['--node-name', name, '--node-ip', address, '--pod-cidr', podCIDR]
  return ['lab', 'node', '--kubeconfig', nodeKubeconfig, ...node]
}

const agentArguments = (lab: string, { name }: PlannedNode): string[] => {
  const runDir = agentSocketPath.slice(0, agentSocketPath.lastIndexOf('/'))
  const networks = ['--cluster-cidr', clusterCIDR, '--service-cidr', serviceCIDR, '--flannel-backend', 'host-gw']
  const { nodeKubeconfig } = labFiles(lab)
  return ['agent', '--kubeconfig', nodeKubeconfig, '--node-name', name, '--run-dir', runDir, ...networks]
}
