import type { Writable } from 'node:stream'
import { podNetnsPath } from '../../state.ts'
import { endInput, openInput } from '../containers/process.ts'
import type { Pod } from '../pod.ts'
import { type ContainerPlace, containerLogPath, enterContainer } from '../runtime.ts'

/** How the server finds what runs on its node. */
export interface NodeRuntime {
  /** Undefined: the container does not run. */
  enter: (podUid: string, container: string) => ContainerPlace | undefined
  /** Log of one run of a container. */
  logPath: (pod: Pod, container: string, run: number) => string
  /** The input of the program of a container, if it has one. */
  openInput: (podUid: string, container: string) => Writable | undefined
  /** Lets that input end when nobody writes to it any more. */
  endInput: (podUid: string, container: string) => void
  /** The network namespace of a pod. */
  netnsPath: (pod: Pod) => string
}

/** The kubelet's own: this process is in the node's namespaces. */
export const nodeRuntime: NodeRuntime = {
  enter: (podUid, container) => enterContainer(podUid, container),
  logPath: containerLogPath,
  openInput,
  endInput,
  netnsPath: (pod) => (pod.spec.hostNetwork ? '/proc/thread-self/ns/net' : podNetnsPath(pod.metadata.uid)),
}
