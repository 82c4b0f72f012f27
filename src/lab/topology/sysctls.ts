import type { TopologyPlan } from './plan.ts'

/** A sysctl by its name below /proc/sys, with slashes. */
export interface Sysctl {
  netns: string
  key: string
  value: string
}

/**
 * Sysctls that are written before there is any link, so that `default` reaches every link. Duplicate address detection
 * would keep IPv6 addresses tentative for a second, redirects would teach hosts a way around the path that is tested, and
 * reverse path filtering is off as the host's setting would otherwise be inherited (net.core.devconf_inherit_init_net).
 */
export function sysctlsOf(plan: TopologyPlan): Sysctl[] {
  const hosts = [plan.underlay, plan.client.netns, plan.api.netns]
  const forwarding = [plan.router.netns, ...plan.nodes.map((node) => node.netns)]
  return [
    ...[...hosts, ...forwarding].flatMap((netns) => quietIPv6(netns)),
    ...forwarding.flatMap((netns) => routerSysctls(netns)),
    ...plan.nodes.flatMap(({ netns }) => bridgeSysctls(netns)),
  ]
}

const quietIPv6 = (netns: string): Sysctl[] => [
  { netns, key: 'net/ipv6/conf/default/accept_dad', value: '0' },
  { netns, key: 'net/ipv6/conf/default/accept_ra', value: '0' },
  { netns, key: 'net/ipv6/conf/default/router_solicitations', value: '0' },
]

const routerSysctls = (netns: string): Sysctl[] => [
  { netns, key: 'net/ipv4/ip_forward', value: '1' },
  ...['all', 'default'].flatMap((device) => [
    { netns, key: `net/ipv4/conf/${device}/send_redirects`, value: '0' },
    { netns, key: `net/ipv4/conf/${device}/rp_filter`, value: '0' },
  ]),
]

/** A reply between two pods of one bridge has to pass conntrack, or a translated connection never finds its way back. */
const bridgeSysctls = (netns: string): Sysctl[] => [
  { netns, key: 'net/bridge/bridge-nf-call-iptables', value: '1' },
  { netns, key: 'net/bridge/bridge-nf-call-ip6tables', value: '1' },
]
