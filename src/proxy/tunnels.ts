import type { NetworkNamespace } from '../kernel/network-namespace.ts'
import type { Link } from '../kernel/rtnetlink/types.ts'
import { wireGuardListenPort } from '../kernel/wireguard/listen-port.ts'
import type { NodeFact } from './facts.ts'

export type TunnelFact = Extract<NodeFact, { kind: 'tunnel' }>

/** Whether a link may be a tunnel over UDP: what carries a pod network between nodes. */
export const isTunnel = ({ kind }: Pick<Link, 'kind'>): boolean =>
  kind === 'vxlan' || kind === 'geneve' || kind === 'wireguard'

export interface TunnelsOptions {
  /** As the kernel lists them. */
  links: readonly Link[]
  /** What was known before: a device that cannot be asked now keeps its port. */
  before: readonly TunnelFact[]
  /** See wireGuardListenPort. */
  listenPort: (device: string) => number | undefined
}

/** The UDP ports of this node's tunnels. */
export function tunnelFacts({ links, before, listenPort }: TunnelsOptions): TunnelFact[] {
  return links.filter(isTunnel).flatMap((link): TunnelFact[] => {
    const { name: device, kind } = link
    const fact = (of: TunnelFact['of'], port = 0): TunnelFact[] =>
      port === 0 ? [] : [{ kind: 'tunnel', device, of, port }]
    if (kind === 'vxlan') return fact('vxlan', link.vxlan?.port)
    if (kind === 'geneve') return fact('geneve', link.genevePort)
    try {
      return fact('WireGuard', listenPort(device))
    } catch {
      return before.filter((one) => one.device === device)
    }
  })
}

/** For TunnelsOptions: asks the kernel. */
export const askKernel =
  (namespace?: NetworkNamespace): TunnelsOptions['listenPort'] =>
  (device) =>
    wireGuardListenPort(device, namespace)

/** Devices that pod networks make, by name: flannel (flannel.1, flannel-v6.1, flannel-wg), Calico, Cilium, and those on Open vSwitch. */
const podNetwork = /^(flannel[.-]|vxlan(-v6)?\.calico$|wireguard\.cali$|wg-v6\.cali$|cilium_|(vxlan|genev)_sys_)/

/** Whose a tunnel's port is, in words. */
export const tunnelText = ({ device, of }: TunnelFact): string =>
  isPodNetwork({ device }) ? `${device}, the pod network's ${of}` : `${device}, a ${of} device of this node`

/** Whether every node has it: a pod network's tunnel has one name and one port in the whole cluster. */
export const isPodNetwork = ({ device }: Pick<TunnelFact, 'device'>): boolean => podNetwork.test(device)
