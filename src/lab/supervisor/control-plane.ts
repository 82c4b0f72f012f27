import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { netnsPath } from '../../kernel/namespaces.ts'
import { ApiClient } from '../../kube/client.ts'
import { loadKubeconfig } from '../../kube/kubeconfig.ts'
import type { ChildState, LabProcesses, LabSpec } from '../files.ts'
import { labFiles } from '../files.ts'
import type { Log } from '../log.ts'
import type { TopologyPlan } from '../topology/plan.ts'
import { apiUrl } from './api-place.ts'
import { SupervisedChild } from './child.ts'
import { apiMissing } from './cluster.ts'
import { writeGivenKubeconfigs } from './given-kubeconfig.ts'

export interface ControlPlaneOptions {
  spec: LabSpec
  plan: TopologyPlan
  log: Log
  /** Called after each start and end of a process. */
  onChange: () => void
}

/**
 * What the nodes find at the API's address: a server of the lab's own with its controllers, or a forwarder to the one that was given. A process each, started
 * again when it dies.
 */
export class ControlPlane {
  readonly #options: ControlPlaneOptions
  readonly #children: SupervisedChild[] = []

  constructor(options: ControlPlaneOptions) {
    this.#options = options
  }

  /** Starts it. @returns what is missing until its API can be asked; empty when it can */
  async start(): Promise<() => string[]> {
    const { spec, plan } = this.#options
    const { kubeconfig } = labFiles(spec.name)
    if (spec.givenApi !== undefined) await writeGivenKubeconfigs(spec.name, spec.givenApi, apiUrl(plan))
    const role = spec.givenApi === undefined ? 'api' : 'forward'
    const child = this.#run(role, [...spec.program, 'lab', role, '--name', spec.name])
    return () => apiMissing(kubeconfig, child.state.lastExit)
  }

  /** Starts, for an API of the lab's own, what gives Nodes their pod CIDRs. Call when the API answers. */
  startController(): void {
    const { spec, plan } = this.#options
    if (spec.givenApi !== undefined) return
    mkdirSync(labFiles(spec.name).controllerRunDir, { recursive: true, mode: 0o700 })
    this.#run('controller', [...inApiNamespace(plan), ...spec.program, ...controllerArguments(plan)])
  }

  /** A client on the host, when nothing is missing any more. */
  async client(): Promise<ApiClient> {
    return new ApiClient(await loadKubeconfig(labFiles(this.#options.spec.name).kubeconfig))
  }

  get processes(): Pick<LabProcesses, 'api' | 'controller'> {
    const [api, controller] = this.#children.map(({ state }): ChildState => state)
    return { api: api ?? { restarts: 0 }, ...(controller !== undefined && { controller }) }
  }

  /** How what gives Nodes their pod CIDRs ended last; `unknown` if that is not the lab's business. */
  get controllerExit(): string | undefined {
    return this.#options.spec.givenApi === undefined ? this.processes.controller?.lastExit : 'unknown'
  }

  stop(): void {
    for (const child of this.#children) child.stop()
  }

  #run(name: string, command: string[]): SupervisedChild {
    const { spec, log, onChange } = this.#options
    const logFile = join(labFiles(spec.name).logs, `${name}.log`)
    const child = new SupervisedChild({ name, command, logFile, log, onChange })
    this.#children.push(child)
    onChange()
    return child
  }
}

/** Of the network alone: everything else of the process is the host's. */
const inApiNamespace = ({ api }: TopologyPlan): string[] => ['nsenter', `--net=${netnsPath(api.netns)}`]

/** There is one controller: whoever takes the place of a killed one shall not wait for long. */
const election = [
  '--leader-elect-lease-duration=4s',
  '--leader-elect-renew-deadline=3s',
  '--leader-elect-retry-period=500ms',
]

function controllerArguments({ lab, families, clusterCIDRs, serviceCIDRs, nodeMasks }: TopologyPlan): string[] {
  const { nodeKubeconfig, controllerRunDir } = labFiles(lab)
  const masks = nodeMasks.flatMap((mask, i) => [`--node-cidr-mask-size-${families[i]?.toLowerCase()}`, String(mask)])
  const ranges = ['--cluster-cidr', clusterCIDRs.join(','), '--service-cluster-ip-range', serviceCIDRs.join(',')]
  const where = ['--kubeconfig', nodeKubeconfig, '--run-dir', controllerRunDir]
  return ['controller', ...where, ...election, '--allocate-node-cidrs', ...ranges, ...masks]
}
