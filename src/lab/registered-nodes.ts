import { existsSync } from 'node:fs'
import { ApiClient, isNotFound } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import type { Node } from '../kube/types.ts'
import { type LabSpec, labFiles, readJson } from './files.ts'
import { registrationLabel } from './supervisor/node-objects.ts'

const timeoutSeconds = 5

/** What became of the Nodes that a lab had registered with an API server that was there before it. */
export interface Unregistered {
  /** Names of those that were removed. */
  removed: string[]
  /** Why others may be left, and how to remove them; absent if all went. */
  left?: string
}

/**
 * Removes the Nodes of a lab from the API server that it was given; nothing happens for a lab with an API of its own. Call when its kubelets
 * have ended. Never throws: an API server that is gone keeps nobody from removing a lab.
 */
export async function unregisterNodes(lab: string): Promise<Unregistered> {
  const { givenApi } = (readJson(labFiles(lab).spec) as LabSpec | undefined) ?? {}
  if (givenApi === undefined) return { removed: [] }
  const labelSelector = `${registrationLabel}=${givenApi.registration}`
  const removed: string[] = []
  try {
    const client = new ApiClient(await loadKubeconfig(kubeconfigOf(lab, givenApi.kubeconfig)))
    try {
      for (const name of await nodeNames(client, labelSelector)) {
        await remove(client, name)
        removed.push(name)
      }
    } finally {
      client.close()
    }
    return { removed }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const how = `kubectl --kubeconfig ${givenApi.kubeconfig} delete nodes -l ${labelSelector}`
    return { removed, left: `the lab's Nodes could not be removed from the API (${why}); do it with: ${how}` }
  }
}

/** The lab's own copy, if it got as far as making one. */
function kubeconfigOf(lab: string, given: string): string {
  const own = labFiles(lab).kubeconfig
  return existsSync(own) ? own : given
}

async function nodeNames(client: ApiClient, labelSelector: string): Promise<string[]> {
  const path = resourcePath({ version: 'v1', resource: 'nodes' })
  const { items } = await client.list<Node>(path, { labelSelector }, { timeoutSeconds })
  return items.map(({ metadata }) => metadata.name)
}

async function remove(client: ApiClient, name: string): Promise<void> {
  try {
    await client.remove(resourcePath({ version: 'v1', resource: 'nodes', name }))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
