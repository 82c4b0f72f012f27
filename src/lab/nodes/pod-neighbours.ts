import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import type { Change } from '../../kernel/rtnetlink/types.ts'
import type { CniResult } from './cni.ts'

/** What the plugin `bridge` says of links (CNI specification, "Success"). */
interface CniInterface {
  name: string
  mac?: string
  /** Absent for links of the node. */
  sandbox?: string
}

/**
 * Tells a pod and its node of each other for good. One table of neighbours serves all network namespaces of a machine, and is full with 1,024 entries (net.ipv4.neigh.default.gc_thresh3) of
 * those that come and go; permanent ones do not count (net/core/neighbour.c, neigh_alloc). So 500 pods that talk at once do not lose each other.
 *
 * @param netns path of the pod's network namespace
 */
export function introduce(netns: string, result: CniResult): void {
  const { bridge, pod } = endsOf(result)
  if (bridge?.mac === undefined || pod?.mac === undefined) return
  const { name: dev } = bridge
  const [lladdr, gatewayLladdr] = [pod.mac, bridge.mac]
  const inNode = addressesOf(result).map((address) => neighbour('replace', { dev, address, lladdr }))
  const gateways = (result.ips ?? []).flatMap(({ gateway }) => gateway ?? [])
  const inPod = gateways.map((address) => neighbour('replace', { dev: pod.name, address, lladdr: gatewayLladdr }))
  new KernelRouteNetlink().apply(inNode)
  const namespace = NetworkNamespace.open(netns)
  try {
    new KernelRouteNetlink(namespace).apply(inPod)
  } finally {
    namespace.close()
  }
}

/** Makes the node forget a pod. What is not there, or not any more, is left alone. */
export function forgetNeighbour(result: CniResult): void {
  const { bridge } = endsOf(result)
  if (bridge === undefined) return
  const { name: dev } = bridge
  new KernelRouteNetlink().apply(addressesOf(result).map((address) => neighbour('delete', { dev, address })))
}

type Neighbour = Extract<Change, { object: 'neighbour' }>

const neighbour = (op: Neighbour['op'], value: Neighbour['value']): Change => ({ object: 'neighbour', op, value })

const addressesOf = ({ ips = [] }: CniResult): string[] => ips.map(({ address }) => address.replace(/\/\d+$/, ''))

/** The bridge is the first of the node's links, the other one is the port (containernetworking/plugins, bridge). */
function endsOf(result: CniResult): { bridge?: CniInterface; pod?: CniInterface } {
  const links = (result['interfaces'] ?? []) as CniInterface[]
  const bridge = links.find(({ sandbox }) => !sandbox)
  const pod = links.find(({ sandbox }) => sandbox)
  return { ...(bridge && { bridge }), ...(pod && { pod }) }
}
