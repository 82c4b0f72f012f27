import { podNetnsPath } from '../../state.ts'
import type { Pod } from '../pod.ts'
import { type ContainerPlace, containerLogPath, enterContainer } from '../runtime.ts'

/** How the server finds what runs on its node. */
export interface NodeRuntime {
  /** Undefined: the container does not run. */
  enter: (podUid: string, container: string) => ContainerPlace | undefined
  /** Log of one run of a container. */
  logPath: (pod: Pod, container: string, run: number) => string
  /** The network namespace of a pod. */
  netnsPath: (pod: Pod) => string
}

/** The kubelet's own: this process is in the node's namespaces. */
export const nodeRuntime: NodeRuntime = {
  enter: (podUid, container) => enterContainer(podUid, container),
  logPath: containerLogPath,
  netnsPath: (pod) => (pod.spec.hostNetwork ? '/proc/thread-self/ns/net' : podNetnsPath(pod.metadata.uid)),
}
