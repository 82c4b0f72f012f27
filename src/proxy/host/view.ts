import type { CIDR, Family } from '../../model/ip.ts'
import type { Subject } from '../../reconcile/types.ts'

/** A chain of somebody else's on the forward hook, as `ip filter FORWARD`, or `legacy ip filter FORWARD` for that of iptables-legacy. */
export interface FirewallChain {
  /** Drops what nobody in it has spoken for. */
  drops: boolean
}

/** What the host must be like for Services to work, and what its firewalls are. Pure data. */
export interface HostView {
  families: readonly Family[]
  /** Traffic from and to these is the cluster's own. */
  clusterCIDRs: readonly CIDR[]
  /** Interfaces with addresses of the node: no ICMP redirects leave them. */
  interfaces: readonly string[]
  /** By id. */
  chains: ReadonlyMap<string, FirewallChain>
  /** As uname(2) has it, e.g. `6.1.0-18-amd64`. */
  kernelRelease: string
  /** The kernel tracks connections in this namespace. */
  tracksConnections: boolean
  /** Further settings that flags ask for (kube-proxy's --conntrack-*), by slashed name. */
  extraSysctls: ReadonlyMap<string, string>
}

/** What can only be told, on the Node: hence the `@`. */
export const kernelSubject: Subject = '@kernel'
export const sysctlSubject = (key: string): Subject => `sysctl ${key}`
export const chainSubject = (id: string): Subject => `chain ${id}`

/** Kernel settings that Services need, by the slashed name of sysctl(8), since an interface's name may hold a dot. */
export function wantedSysctls({ families, interfaces, extraSysctls }: HostView): Map<string, string> {
  const wanted = new Map(extraSysctls)
  if (families.includes('IPv4')) {
    wanted.set('net/ipv4/ip_forward', '1')
    wanted.set('net/bridge/bridge-nf-call-iptables', '1')
    for (const name of ['all', 'default', ...interfaces]) wanted.set(`net/ipv4/conf/${name}/send_redirects`, '0')
  }
  if (families.includes('IPv6')) {
    wanted.set('net/ipv6/conf/all/forwarding', '1')
    wanted.set('net/bridge/bridge-nf-call-ip6tables', '1')
  }
  return wanted
}

/** The families whose packets a chain meets. */
export function familiesOf(chainId: string): readonly Family[] {
  const family = chainId.replace(/^legacy /, '').split(' ')[0]
  return family === 'ip' ? ['IPv4'] : family === 'ip6' ? ['IPv6'] : ['IPv4', 'IPv6']
}
