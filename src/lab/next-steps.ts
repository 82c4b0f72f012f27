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
      ...nodePortSteps(lab, services, pods),
      kernelStep(lab),
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
function nodePortSteps(lab: LabState, services: readonly Service[], pods: readonly Pod[]): NextStep[] {
  const { nodes, client } = lab
  const port = services
    .filter((service) => service.spec.externalTrafficPolicy !== 'Local' && isBackedHere(lab, service, pods))
    .flatMap(({ spec }) => spec.ports ?? [])
    .find(({ nodePort, protocol }) => nodePort && protocol === 'TCP')
  if (port === undefined) return []
  const url = urlOf(nodes[0]?.addresses[0] ?? '', port.nodePort ?? 0)
  return [{ command: `ip netns exec ${client.netns} curl -s ${url}`, about: 'from outside of the cluster' }]
}

/** In a lab that has no API of its own, pods of the cluster's other nodes are not reached. */
function isBackedHere({ nodes }: LabState, { metadata, spec }: Service, pods: readonly Pod[]): boolean {
  const wanted = Object.entries(spec.selector ?? {})
  const backing = pods.filter(
    (pod) =>
      pod.metadata.namespace === metadata.namespace &&
      wanted.every(([name, value]) => pod.metadata.labels?.[name] === value),
  )
  const own = new Set(nodes.map(({ name }) => name))
  return wanted.length > 0 && backing.length > 0 && backing.every((pod) => own.has(pod.spec.nodeName ?? ''))
}

/** An IPv6 address in brackets, and these in quotes: zsh takes them for a pattern. */
const urlOf = (address: string, port: number): string =>
  familyOf(address) === 'IPv6' ? `'http://[${address}]:${port}/'` : `http://${address}:${port}/`

/** A lab of IPv6 alone has no table of the other family. */
function kernelStep({ nodes, families }: LabState): NextStep {
  const table = families[0] === 'IPv6' ? 'ip6 weft' : 'ip weft'
  return { command: `ip netns exec ${nodes[0]?.netns} nft list map ${table} services`, about: 'as the kernel has it' }
}
