import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import type { Pod, Service } from '../kube/types.ts'
import { readLabState } from './state.ts'

/**
 * Commands that a newcomer can copy, with names and addresses of what runs in this lab.
 *
 * @param weft how this command is called, e.g. `bin/weft`
 * @param flag the lab's name as a flag, with a blank before it, or nothing
 */
export async function nextSteps(name: string, weft: string, flag: string): Promise<string[]> {
  const { kubeconfig, nodes, client } = readLabState(name)
  const api = new ApiClient(await loadKubeconfig(kubeconfig))
  try {
    const services = (await api.list<Service>(resourcePath({ version: 'v1', resource: 'services' }))).items
    const pods = (await api.list<Pod>(resourcePath({ version: 'v1', resource: 'pods' }))).items
    const nodePort = services
      .flatMap(({ spec }) => spec.ports ?? [])
      .find((port) => port.nodePort && port.protocol === 'TCP')
    const pod = pods.find(({ status }) => status?.phase === 'Running')?.metadata
    return [
      `export KUBECONFIG=$(${weft} lab kubeconfig${flag})`,
      'kubectl get services,pods -A -o wide',
      `${weft} lab verify${flag}`,
      `${weft} status --name ${name}`,
      ...(pod ? [`${weft} lab exec${flag} ${pod.namespace}/${pod.name} -- ip address`] : []),
      ...(nodePort
        ? [
            `ip netns exec ${client.netns} curl -s http://${nodes[0]?.address}:${nodePort.nodePort}/   # from outside of the cluster`,
          ]
        : []),
      `ip netns exec ${nodes[0]?.netns} nft list map ip weft services`,
      `${weft} lab down${flag}`,
    ]
  } finally {
    api.close()
  }
}
