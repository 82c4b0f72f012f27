import type { Pod } from '../pod.ts'
import { Refusal } from './refusal.ts'

/** The pods of the node, as they are now. */
export type PodsOfNode = () => Iterable<Pod>

/** @throws Refusal 404 */
export function findPod(pods: PodsOfNode, namespace: string, name: string): Pod {
  for (const pod of pods()) if (pod.metadata.namespace === namespace && pod.metadata.name === name) return pod
  throw new Refusal(404, `pod "${name}" does not exist on this node`)
}

/** What the kubelet last reported of a container (ContainerStatus, core/v1), as far as logs depend on it. */
export interface ContainerStatus {
  name: string
  restartCount?: number
  state?: { running?: object; waiting?: { reason?: string }; terminated?: object }
  lastState?: { terminated?: object }
}

const lists = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const

/** Undefined: nothing is known of such a container. */
export function containerStatus(pod: Pod, container: string): ContainerStatus | undefined {
  const statuses = lists.flatMap((list) => (pod.status?.[list] ?? []) as ContainerStatus[])
  return statuses.find(({ name }) => name === container)
}
