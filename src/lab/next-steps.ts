import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { resourcePath } from '../kube/paths.ts'
import type { Pod, Service } from '../kube/types.ts'
import { familyOf } from '../model/ip.ts'
import { type LabState, readLabState } from './state.ts'

/** A command that a newcomer can copy, with names and addresses of what runs in this lab. */
export interface NextStep {
  command: string
  /** What it shows, where the command itself does not say so. */
  about?: string
}

/**
 * @param weft how this command is called, e.g. `bin/weft`
 * @param flag the lab's name as a flag, with a blank before it, or nothing
 */
export async function nextSteps(name: string, weft: string, flag: string): Promise<NextStep[]> {
  const lab = readLabState(name)
  const api = new ApiClient(await loadKubeconfig(lab.kubeconfig))
  try {
    const services = (await api.list<Service>(resourcePath({ version: 'v1', resource: 'services' }))).items
    const pods = (await api.list<Pod>(resourcePath({ version: 'v1', resource: 'pods' }))).items
    return [
      { command: `export KUBECONFIG=$(${weft} lab kubeconfig${flag})` },
      { command: 'kubectl get services,pods -A -o wide' },
      { command: `${weft} lab verify${flag}`, about: 'real traffic for all that the cluster claims' },
      { command: `${weft} status --name ${name}`, about: 'what each agent wrote, and what it refused' },
      ...podSteps(lab, pods, `${weft} lab exec${flag}`),
      ...nodePortSteps(lab, services),
      { command: `ip netns exec ${lab.nodes[0]?.netns} nft list map ip weft services`, about: 'as the kernel has it' },
      { command: `${weft} lab down${flag}`, about: 'leaves nothing' },
    ]
  } finally {
    api.close()
  }
}

function podSteps({ nodes }: LabState, pods: readonly Pod[], exec: string): NextStep[] {
  const own = new Set(nodes.map(({ name }) => name))
  const pod = pods.find(({ spec, status }) => own.has(spec.nodeName ?? '') && status?.phase === 'Running')?.metadata
  if (pod === undefined) return []
  return [{ command: `${exec} ${pod.namespace}/${pod.name} -- ip address`, about: 'inside of a pod' }]
}

/** With externalTrafficPolicy Local a node may rightly have no answer. */
function nodePortSteps({ nodes, client }: LabState, services: readonly Service[]): NextStep[] {
  const port = services
    .filter(({ spec }) => spec.externalTrafficPolicy !== 'Local')
    .flatMap(({ spec }) => spec.ports ?? [])
    .find(({ nodePort, protocol }) => nodePort && protocol === 'TCP')
  if (port === undefined) return []
  const url = `http://${inUrl(nodes[0]?.addresses[0] ?? '')}:${port.nodePort}/`
  return [{ command: `ip netns exec ${client.netns} curl -s ${url}`, about: 'from outside of the cluster' }]
}

/** IPv6 in brackets. */
const inUrl = (address: string): string => (familyOf(address) === 'IPv6' ? `[${address}]` : address)
