import { ApiClient } from '../../kube/client.ts'
import { loadKubeconfig } from '../../kube/kubeconfig.ts'
import { jsonLog } from '../log.ts'
import { type KubeletOptions, runKubelet } from './kubelet.ts'

export type NodeOptions = Omit<KubeletOptions, 'client' | 'log'> & { kubeconfig: string }

/** Runs a node's kubelet stand-in in this process, which is in the node's namespaces, until SIGTERM or SIGINT. */
export async function runNode({ kubeconfig, ...node }: NodeOptions): Promise<number> {
  const client = new ApiClient(await loadKubeconfig(kubeconfig))
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  await runKubelet({ ...node, client, log: jsonLog('kubelet') }, stop.signal)
  client.close()
  return 0
}
