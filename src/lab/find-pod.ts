import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import { WeftError } from '../model/error.ts'
import { type Pod, podKey } from './nodes/pod.ts'
import type { LabNode, LabState } from './state.ts'

/** How the command line names a pod and one of its containers. */
export interface PodReference {
  /** Namespace of the pod, unless `pod` names it itself. */
  namespace: string
  /** `name` or `namespace/name`. */
  pod: string
  /** Default: the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, else the first. */
  container?: string
}

/** Asks the lab's API for a pod. @throws WeftError LAB_POD_NOT_FOUND */
export async function findPod(state: LabState, { pod, namespace }: PodReference): Promise<Pod> {
  const wanted = pod.includes('/') ? pod : `${namespace}/${pod}`
  const client = new ApiClient(await loadKubeconfig(state.kubeconfig))
  try {
    const { items } = await client.list<Pod>(resourcePath({ version: 'v1', resource: 'pods' }))
    const found = items.find((item) => podKey(item) === wanted)
    if (found) return found
    throw podNotFound(wanted, items.map(podKey))
  } finally {
    client.close()
  }
}

/** The lab's node that a pod is bound to. @throws WeftError LAB_POD_NOT_RUNNING */
export function nodeOf(state: LabState, pod: Pod): LabNode {
  const node = state.nodes.find(({ name }) => name === pod.spec.nodeName)
  if (node === undefined) throw podNotRunning(pod)
  return node
}

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container'

/** Name of the container that is meant. @throws WeftError LAB_CONTAINER_NOT_FOUND */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const names = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(({ name }) => name)
  const { annotations } = pod.metadata as { annotations?: Record<string, string> }
  const wanted = asked ?? annotations?.[defaultContainerAnnotation] ?? names[0] ?? ''
  if (names.includes(wanted)) return wanted
  throw new WeftError(`the pod ${podKey(pod)} has no container "${wanted}"`, {
    code: 'LAB_CONTAINER_NOT_FOUND',
    fault: 'user',
    where: '--container',
    remedy: `there is: ${names.join(', ')}`,
    exitCode: 4,
  })
}

/** Pods whose name begins like the one that was asked for, else of its namespace, else any. */
function podNotFound(wanted: string, keys: string[]): WeftError {
  const [namespace, name = ''] = wanted.split('/')
  const stem = name.split('-')[0] ?? name
  const similar = keys.filter((key) => key.split('/')[1]?.includes(stem))
  const near = similar.length > 0 ? similar : keys.filter((key) => key.startsWith(`${namespace}/`))
  const shown = (near.length > 0 ? near : keys).sort().slice(0, 10)
  return new WeftError(`there is no pod ${wanted}`, {
    code: 'LAB_POD_NOT_FOUND',
    fault: 'user',
    where: 'POD',
    remedy: shown.length > 0 ? `there is: ${shown.join(', ')}` : 'the lab has no pods; apply a Deployment first',
    exitCode: 4,
  })
}

/** What the user is told whose pod has no running container. */
export const podNotRunning = (pod: Pod): WeftError =>
  new WeftError(`the pod ${podKey(pod)} is not running`, {
    code: 'LAB_POD_NOT_RUNNING',
    fault: 'user',
    where: 'POD',
    remedy: `'kubectl describe pod -n ${pod.metadata.namespace} ${pod.metadata.name}' may say why`,
  })
