import { join } from 'node:path'
import { askStatus } from '../daemon/ask-status.ts'
import { socketName } from '../daemon/status-server.ts'
import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import { agentStatus } from './agent-status.ts'
import { type ChildState, type LabProcesses, labFiles, type NodeProcesses, readJson } from './files.ts'
import type { Pod } from './nodes/pod.ts'
import { diskProblems, problemsOf } from './problems.ts'
import { isLabRunning } from './running.ts'
import { type LabNode, type LabState, readLabState } from './state.ts'
import { cutOff } from './verify/cut-off.ts'

/** A node as `weft lab status` shows it. */
export interface NodeReport {
  name: string
  addresses: string[]
  podCIDRs: string[]
  zone: string
  /** How often the node was made again, since its holder died. */
  restarts: number
  /** Condition Ready of the Node; absent if the API does not answer. */
  ready?: boolean
  /** Absent if the API does not answer. */
  pods?: number
  kubelet: ProcessReport
  agent: ProcessReport & { ready: boolean }
}

/** A process that the supervisor keeps running. */
export interface ProcessReport {
  pid?: number
  restarts: number
  /** How it ended last, e.g. `signal SIGKILL`. */
  lastExit?: string
}

export interface LabReport {
  name: string
  /** `degraded`: it was ready, and now a node, an agent, the controller or the API is not; `dead`: the supervisor is gone, and `weft lab down` or the next `up` cleans up. */
  state: 'ready' | 'degraded' | 'starting' | 'dead'
  kubeconfig: string
  serviceCIDRs: string[]
  clusterCIDRs: string[]
  client: LabState['client']
  families: LabState['families']
  /** The API with its controllers; with an API server that was given, what carries it into the lab. */
  api: ProcessReport
  /** What gives Nodes their pod CIDRs; absent with an API server that was given. */
  controller?: ProcessReport & { answers?: boolean }
  /** Sentences about the API, the controller, the disk and links, where these are not well; empty for a lab that is dead. */
  problems: string[]
  nodes: NodeReport[]
}

/** Looks at a lab: its files, its agents and its API. @throws WeftError LAB_NOT_FOUND */
export async function labReport(name: string): Promise<LabReport> {
  const state = readLabState(name)
  const running = isLabRunning(name)
  const processes = readJson(labFiles(name).processes) as LabProcesses | undefined
  const objects = running ? await readObjects(state) : undefined
  const { kubeconfig, families, serviceCIDRs, clusterCIDRs, client } = state
  const nodes = await Promise.all(state.nodes.map((node) => nodeReport(node, processes?.nodes[node.name], objects)))
  const control = await controlReport(name, processes)
  const { dir, logs } = labFiles(name)
  const problems = running
    ? [...diskProblems(dir), ...cutOffProblems(state), ...problemsOf(control, objects !== undefined, logs)]
    : []
  const whole =
    problems.length === 0 &&
    nodes.every(({ ready, agent, kubelet }) => ready === true && agent.ready && kubelet.pid !== undefined)
  const phase = !state.ready ? 'starting' : whole ? 'ready' : 'degraded'
  return {
    name,
    state: running ? phase : 'dead',
    kubeconfig,
    serviceCIDRs,
    clusterCIDRs,
    client,
    families,
    ...control,
    problems,
    nodes,
  }
}

const cutOffProblems = (state: LabState): string[] => cutOff(state).map(({ name, why }) => `${name} is cut off: ${why}`)

async function controlReport(
  name: string,
  processes: LabProcesses | undefined,
): Promise<Pick<LabReport, 'api' | 'controller'>> {
  const api = processReport(processes?.api)
  if (processes?.controller === undefined) return { api }
  const socket = join(labFiles(name).controllerRunDir, socketName('controller'))
  const answers = await askStatus(socket, 'controller').then(
    () => true,
    () => false,
  )
  return { api, controller: { ...processReport(processes.controller), answers } }
}

interface Objects {
  nodes: { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } }[]
  pods: Pod[]
}

async function nodeReport(
  node: LabNode,
  processes: NodeProcesses | undefined,
  objects: Objects | undefined,
): Promise<NodeReport> {
  const { name, addresses, podCIDRs, zone } = node
  const agent = await agentStatus(node)
  const object = objects?.nodes.find((candidate) => candidate.metadata.name === name)
  const ready = object?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
  return {
    name,
    addresses,
    podCIDRs,
    zone,
    restarts: processes?.restarts ?? 0,
    ...(objects && { ready: ready === true }),
    ...(objects && { pods: objects.pods.filter((pod) => pod.spec.nodeName === name).length }),
    kubelet: processReport(processes?.kubelet),
    agent: { ...processReport(processes?.agent), ready: agent?.ready === true },
  }
}

const processReport = (child: ChildState | undefined): ProcessReport => ({
  ...(child?.pid !== undefined && { pid: child.pid }),
  restarts: child?.restarts ?? 0,
  ...(child?.lastExit !== undefined && { lastExit: child.lastExit }),
})

/** Nodes and pods; undefined if the API does not answer: then the rest of the report is what counts. */
async function readObjects({ kubeconfig }: LabState): Promise<Objects | undefined> {
  const client = new ApiClient(await loadKubeconfig(kubeconfig))
  const list = async <T>(resource: string) =>
    (await client.list<T>(resourcePath({ version: 'v1', resource }), {}, { timeoutSeconds: 5 })).items
  try {
    return { nodes: await list<Objects['nodes'][number]>('nodes'), pods: await list<Pod>('pods') }
  } catch {
    return undefined
  } finally {
    client.close()
  }
}
