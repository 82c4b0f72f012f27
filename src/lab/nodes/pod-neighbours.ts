import { NetworkNamespace } from '../../kernel/namespaces.ts'
import { KernelRouteNetlink } from '../../kernel/rtnetlink/kernel.ts'
import type { Change } from '../../kernel/rtnetlink/types.ts'
import type { CniResult } from './cni.ts'

/** What the plugin `bridge` says of links (CNI specification, "Success"). */
interface CniInterface {
  name: string
  /** Absent for links of the node. */
  sandbox?: string
}

/**
 * Tells a pod and its node of each other for good. One table of neighbours serves all network namespaces of a machine, and is full with 1,024 entries (net.ipv4.neigh.default.gc_thresh3) of
 * those that come and go; permanent ones do not count (net/core/neighbour.c, neigh_alloc). So 500 pods that talk at once do not lose each other. Done again it puts right
 * what has changed, e.g. a bridge that was switched off forgot.
 *
 * @param netns path of the pod's network namespace
 */
export function introduce(netns: string, result: CniResult): void {
  const { bridge, pod } = endsOf(result)
  if (bridge === undefined || pod === undefined) return
  const inNode = new KernelRouteNetlink()
  const namespace = NetworkNamespace.open(netns)
  try {
    const inPod = new KernelRouteNetlink(namespace)
    const gateways = (result.ips ?? []).flatMap(({ gateway }) => gateway ?? [])
    tell(inNode, bridge.name, addressesOf(result), inPod.link(pod.name)?.address)
    tell(inPod, pod.name, gateways, inNode.link(bridge.name)?.address)
  } finally {
    namespace.close()
  }
}

/** By what the links are now: a link's address may have changed since the plugin spoke of it. */
function tell(
  netlink: KernelRouteNetlink,
  dev: string,
  addresses: readonly string[],
  lladdr: string | undefined,
): void {
  if (lladdr === undefined) return
  netlink.apply(addresses.map((address) => neighbour('replace', { dev, address, lladdr })))
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
