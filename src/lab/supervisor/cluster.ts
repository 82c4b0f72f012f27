import { existsSync } from 'node:fs'
import { type ApiClient, ApiError, isAlreadyExists, isNetworkError } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import type { KubeObject } from '../api/types.ts'
import type { PlannedNode } from '../topology/plan.ts'
import { nodeObject, registrationLabel } from './node-objects.ts'
import { nodeExists } from './node-errors.ts'
import { unfinished } from './rollout.ts'

const timeoutSeconds = 5

/** What the supervisor asks of the lab's API. It may be away for a moment: then that is what is missing. */
export class Cluster {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  /**
   * Creates the Node of each node. One of that name that was there before is somebody else's, unless it says that it is of this lab.
   *
   * @param registration what Nodes say that they are of this lab by; undefined: the API is the lab's own, and so are all Nodes
   * @throws ApiError; WeftError LAB_NODE_EXISTS
   */
  async createNodes(nodes: readonly PlannedNode[], registration?: string): Promise<void> {
    for (const node of nodes) {
      try {
        await this.#client.create(resourcePath({ version: 'v1', resource: 'nodes' }), nodeObject(node, registration))
      } catch (error) {
        if (!isAlreadyExists(error)) throw error
        if (registration !== undefined) await this.#checkOurs(node.name, registration)
      }
    }
  }

  async #checkOurs(name: string, registration: string): Promise<void> {
    const { metadata } = await this.#client.get<KubeObject>(resourcePath({ version: 'v1', resource: 'nodes', name }))
    if (metadata.labels?.[registrationLabel] !== registration) throw nodeExists(name)
  }

  /** spec.podCIDRs of all Nodes that have any, by name. */
  async podCIDRs(): Promise<Map<string, string[]>> {
    const nodes = await this.#list('', 'nodes')
    const entries = nodes.map(({ metadata, spec }): [string, string[]] => [metadata.name, podCIDRsOf(spec)])
    return new Map(entries.filter(([, podCIDRs]) => podCIDRs.length > 0))
  }

  /** Names of those nodes that are Ready. */
  async readyNodes(): Promise<Set<string>> {
    const nodes = await this.#list('', 'nodes')
    return new Set(nodes.filter(isReady).map(({ metadata }) => metadata.name))
  }

  /** What is still missing until everything that was applied runs. */
  async unfinished(counts: (resource: string, object: KubeObject) => boolean = () => true): Promise<string[]> {
    const objects: Record<string, KubeObject[]> = {
      deployments: await this.#list('apps', 'deployments'),
      statefulsets: await this.#list('apps', 'statefulsets'),
      daemonsets: await this.#list('apps', 'daemonsets'),
      jobs: await this.#list('batch', 'jobs'),
      pods: await this.#list('', 'pods'),
    }
    return unfinished({ list: (resource) => (objects[resource] ?? []).filter((object) => counts(resource, object)) })
  }

  /** Pods on these nodes. */
  async countPods(nodes: ReadonlySet<string>): Promise<number> {
    return (await this.#list('', 'pods')).filter(({ spec }) => nodes.has(spec?.nodeName)).length
  }

  async #list(group: string, resource: string): Promise<KubeObject[]> {
    const path = resourcePath({ group, version: 'v1', resource })
    const { items } = await this.#client.list<KubeObject>(path, {}, { timeoutSeconds })
    return items
  }
}

const podCIDRsOf = (spec: KubeObject['spec']): string[] => spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])

/** Asks `missing`, and takes an API that does not answer for what is missing. Other faults are thrown. */
export async function orAway(missing: () => Promise<string[]>): Promise<string[]> {
  try {
    return await missing()
  } catch (error) {
    if (!isAway(error)) throw error
    return [`the API: ${(error as Error).message}`]
  }
}

const isAway = (error: unknown): boolean => isNetworkError(error) || (error instanceof ApiError && error.status >= 500)

/** What keeps the API from being asked. `kubeconfig` is the last file that it writes. */
export const apiMissing = (kubeconfig: string, lastExit: string | undefined): string[] =>
  existsSync(kubeconfig) ? [] : [`the API${lastExit === undefined ? '' : ` (ended with ${lastExit})`}`]

function isReady(node: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = node['status']?.conditions ?? []
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}
