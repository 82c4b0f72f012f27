import type { Log } from '../log.ts'
import type { Conflist } from './cni-conflist.ts'
import type { DnsFacts } from './dns.ts'
import type { EnvSources } from './env.ts'
import type { NodeApi } from './node-api.ts'
import type { Pod, Service } from './pod.ts'

/** What all pods of a node share. */
export interface PodHost {
  nodeName: string
  /** One a family, primary family first. */
  nodeAddresses: string[]
  /** The network that new pods are attached to. @throws WeftError CNI_NOT_CONFIGURED */
  network(): Conflist
  api: NodeApi
  /** Services of a namespace, as they are now. */
  services(namespace: string): Service[]
  /** Resolves when the API's objects that the pod refers to are known, and its tokens are there. */
  ready(pod: Pod): Promise<void>
  /** The pod with what admission adds on a real API server. */
  admitted(pod: Pod): Promise<Pod>
  objects(namespace: string): Pick<EnvSources, 'configMap' | 'secret'>
  token(pod: Pod, audience: string | undefined): string
  /** The pod is gone for good. */
  forget(pod: Pod): void
  /** Whether pods can have PID namespaces of their own here, as far as is known by now. */
  ownPids(): boolean
  dns(): DnsFacts
  nodeHosts(): string
  event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** Bounds how many pods are wired at once. */
  limit: <T>(work: () => Promise<T>) => Promise<T>
  log: Log
}
