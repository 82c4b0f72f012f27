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
 *
 * @param hasIPv6 whether the kernel has IPv6 at all
 */
export function sysctlsOf(plan: TopologyPlan, hasIPv6: boolean): Sysctl[] {
  const hosts = [plan.underlay, plan.client.netns, plan.api.netns]
  const forwarding = [plan.router.netns, ...plan.nodes.map((node) => node.netns)]
  const speaksIPv6 = plan.families.includes('IPv6')
  const all = [
    ...[...hosts, ...forwarding].flatMap((netns) => quietIPv6(netns, speaksIPv6)),
    ...forwarding.flatMap((netns) => routerSysctls(netns)),
    ...plan.nodes.flatMap(({ netns }) => bridgeSysctls(netns)),
  ]
  return hasIPv6 ? all : all.filter(({ key }) => !key.startsWith('net/ipv6/'))
}

const devices = ['all', 'default'] as const

const quietIPv6 = (netns: string, speaksIPv6: boolean): Sysctl[] => [
  { netns, key: 'net/ipv6/conf/default/accept_dad', value: '0' },
  { netns, key: 'net/ipv6/conf/default/accept_ra', value: '0' },
  { netns, key: 'net/ipv6/conf/default/router_solicitations', value: '0' },
  ...devices.map((device) => ({ netns, key: `net/ipv6/conf/${device}/accept_redirects`, value: '0' })),
  // A host that has switched IPv6 off may have handed that down (net.core.devconf_inherit_init_net).
  ...(speaksIPv6 ? devices.map((device) => ({ netns, key: `net/ipv6/conf/${device}/disable_ipv6`, value: '0' })) : []),
]

const routerSysctls = (netns: string): Sysctl[] => [
  { netns, key: 'net/ipv4/ip_forward', value: '1' },
  { netns, key: 'net/ipv6/conf/all/forwarding', value: '1' },
  ...devices.flatMap((device) => [
    { netns, key: `net/ipv4/conf/${device}/send_redirects`, value: '0' },
    { netns, key: `net/ipv4/conf/${device}/rp_filter`, value: '0' },
  ]),
]

/** A reply between two pods of one bridge has to pass conntrack, or a translated connection never finds its way back. */
const bridgeSysctls = (netns: string): Sysctl[] => [
  { netns, key: 'net/bridge/bridge-nf-call-iptables', value: '1' },
  { netns, key: 'net/bridge/bridge-nf-call-ip6tables', value: '1' },
]
