import { existsSync } from 'node:fs'
import { type ApiClient, ApiError, isAlreadyExists, isNetworkError } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import type { KubeObject } from '../api/types.ts'
import type { PlannedNode } from '../topology/plan.ts'
import { nodeObject } from './node-objects.ts'
import { unfinished } from './rollout.ts'

const timeoutSeconds = 5

/** What the supervisor asks of the lab's API. It may be away for a moment: then that is what is missing. */
export class Cluster {
  readonly #client: ApiClient

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** Creates the Node of each node, with what a cloud and the node IPAM controller would have filled in. @throws ApiError */
  async createNodes(nodes: readonly PlannedNode[]): Promise<void> {
    for (const node of nodes) {
      try {
        await this.#client.create(resourcePath({ version: 'v1', resource: 'nodes' }), nodeObject(node))
      } catch (error) {
        if (!isAlreadyExists(error)) throw error
      }
    }
  }

  /** Names of those nodes that are Ready. */
  async readyNodes(): Promise<Set<string>> {
    const nodes = await this.#list('', 'nodes')
    return new Set(nodes.filter(isReady).map(({ metadata }) => metadata.name))
  }

  /** What is still missing until everything that was applied runs. */
  async unfinished(): Promise<string[]> {
    const objects: Record<string, KubeObject[]> = {
      deployments: await this.#list('apps', 'deployments'),
      statefulsets: await this.#list('apps', 'statefulsets'),
      daemonsets: await this.#list('apps', 'daemonsets'),
      jobs: await this.#list('batch', 'jobs'),
      pods: await this.#list('', 'pods'),
    }
    return unfinished({ list: (resource) => objects[resource] ?? [] })
  }

  async countPods(): Promise<number> {
    return (await this.#list('', 'pods')).length
  }

  async #list(group: string, resource: string): Promise<KubeObject[]> {
    const path = resourcePath({ group, version: 'v1', resource })
    const { items } = await this.#client.list<KubeObject>(path, {}, { timeoutSeconds })
    return items
  }
}

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
