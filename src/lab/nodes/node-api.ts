import { ApiClient, isConflict, isNotFound, isRecreated } from '../../kube/client.ts'
import { resourcePath } from '../../kube/paths.ts'
import { nodeLease, nodeStatus } from './node-status.ts'
import type { Pod, PodStatus } from './pod.ts'

/** What a node says to the API. */
export interface NodeApi {
  /** Writes a pod's status; nothing happens if the pod is gone. */
  reportPod(pod: Pod, status: PodStatus): Promise<void>
  /** Removes a pod whose containers have ended; nothing happens if it is gone. */
  finishPod(pod: Pod): Promise<void>
  /** Reports the node's addresses, capacity and that it is Ready. */
  reportNode(name: string, addresses: string[]): Promise<void>
  /** Renews the node's lease, or takes it for the first time. */
  renewLease(name: string): Promise<void>
}

/** The API of a node, through a client. */
export function nodeApi(client: ApiClient): NodeApi {
  const nodeUids = new Map<string, string>()
  return {
    async reportPod(pod, status) {
      const preconditioned = { metadata: { uid: pod.metadata.uid }, status }
      await unlessGone(client.patch(podPath(pod, 'status'), preconditioned))
    },
    async finishPod(pod) {
      const options = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } }
      await unlessGone(client.remove(podPath(pod), options))
    },
    async reportNode(name, addresses) {
      const path = resourcePath({ version: 'v1', resource: 'nodes', name, subresource: 'status' })
      const node = await client.patch<Pod>(path, { status: nodeStatus(name, addresses, new Date()) })
      nodeUids.set(name, node.metadata.uid)
    },
    async renewLease(name) {
      const lease = nodeLease(name, nodeUids.get(name) ?? '', new Date())
      try {
        await client.patch(leasePath(name), { spec: lease.spec })
      } catch (error) {
        if (!isNotFound(error)) throw error
        await client.create(leasePath(), lease)
      }
    },
  }
}

/** A pod that is gone, or whose name another one has by now, needs no more words. */
async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error) && !isRecreated(error)) throw error
  }
}

const podPath = (pod: Pod, subresource?: string): string => {
  const { namespace, name } = pod.metadata
  return resourcePath({ version: 'v1', resource: 'pods', namespace, name, ...(subresource && { subresource }) })
}

const leasePath = (name?: string): string => {
  const lease = { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', namespace: 'kube-node-lease' }
  return resourcePath({ ...lease, ...(name && { name }) })
}
