/** Numbers of linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h and if.h, under the headers' names, beside those of all netlink. */

export * from '../netlink/constants.ts'

export const AF_UNSPEC = 0
export const AF_INET = 2
export const AF_BRIDGE = 7
export const AF_INET6 = 10

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30

/** Lengths of ifinfomsg, ifaddrmsg, rtmsg, ndmsg and rtnexthop. */
export const IFINFO_LENGTH = 16
export const IFADDR_LENGTH = 8
export const RTMSG_LENGTH = 12
export const NDMSG_LENGTH = 12
export const RTNEXTHOP_LENGTH = 8

export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_LINK = 5
export const IFLA_MASTER = 10
export const IFLA_LINKINFO = 18
export const IFLA_NET_NS_FD = 28
export const IFLA_EXT_MASK = 29
export const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
export const VETH_INFO_PEER = 1
/** Leaves the counters out of a dump of links. */
export const RTEXT_FILTER_SKIP_STATS = 8

export const IFLA_VXLAN_ID = 1
export const IFLA_VXLAN_LINK = 3
export const IFLA_VXLAN_LOCAL = 4
export const IFLA_VXLAN_LEARNING = 7
export const IFLA_VXLAN_PORT = 15
export const IFLA_VXLAN_LOCAL6 = 17
export const IFLA_GENEVE_PORT = 5

export const IFF_UP = 0x1
/** The other end, or the cable, is there too. */
export const IFF_LOWER_UP = 0x1_0000

export const IFA_ADDRESS = 1
export const IFA_LOCAL = 2
export const IFA_BROADCAST = 4
export const IFA_FLAGS = 8
export const IFA_F_NODAD = 0x02
export const IFA_F_DEPRECATED = 0x20
export const IFA_F_TENTATIVE = 0x40

export const RTA_DST = 1
export const RTA_OIF = 4
export const RTA_GATEWAY = 5
export const RTA_PRIORITY = 6
export const RTA_PREFSRC = 7
export const RTA_MULTIPATH = 9
export const RTA_TABLE = 15
export const RTA_VIA = 18

export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_HOST = 254
export const RT_SCOPE_NOWHERE = 255

export const RT_TABLE_MAIN = 254

export const RTPROT_KERNEL = 2
export const RTPROT_BOOT = 3

export const RTNH_F_ONLINK = 4
export const RTM_F_CLONED = 0x200

/** By `ip route`'s names. */
export const routeTypes = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const

export const NDA_DST = 1
export const NDA_LLADDR = 2
export const NTF_SELF = 0x02

/** By `ip neigh`'s names. */
export const neighbourStates = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const

/** Multicast groups of NETLINK_ROUTE (enum rtnetlink_groups). */
export const RTNLGRP_LINK = 1
export const RTNLGRP_NEIGH = 3
export const RTNLGRP_IPV4_IFADDR = 5
export const RTNLGRP_IPV4_ROUTE = 7
export const RTNLGRP_IPV6_IFADDR = 9
export const RTNLGRP_IPV6_ROUTE = 11
