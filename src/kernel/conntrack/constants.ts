/** Numbers of linux/netfilter/nfnetlink_conntrack.h and nf_conntrack_common.h, under the headers' names. */

const NFNL_SUBSYS_CTNETLINK = 1
export const IPCTNL_MSG_CT_NEW = (NFNL_SUBSYS_CTNETLINK << 8) | 0
export const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
export const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2

export const CTA_TUPLE_ORIG = 1
export const CTA_TUPLE_REPLY = 2
export const CTA_STATUS = 3
export const CTA_TIMEOUT = 7
export const CTA_MARK = 8
export const CTA_ID = 12
export const CTA_NAT_DST = 13
export const CTA_ZONE = 18
export const CTA_MARK_MASK = 21
/** Kernel 5.8: which fields of the tuples a dump is to be filtered by. */
export const CTA_FILTER = 25
/** Kernel 5.14. */
export const CTA_STATUS_MASK = 26

export const CTA_TUPLE_IP = 1
export const CTA_TUPLE_PROTO = 2
export const CTA_TUPLE_ZONE = 3

export const CTA_IP_V4_SRC = 1
export const CTA_IP_V4_DST = 2
export const CTA_IP_V6_SRC = 3
export const CTA_IP_V6_DST = 4

export const CTA_PROTO_NUM = 1
export const CTA_PROTO_SRC_PORT = 2
export const CTA_PROTO_DST_PORT = 3

export const CTA_FILTER_ORIG_FLAGS = 1
export const CTA_FILTER_REPLY_FLAGS = 2

/** net/netfilter/nf_conntrack_netlink.c: the bits of both flag words. */
export const filterFields = {
  source: 1 << 0,
  destination: 1 << 1,
  protocol: 1 << 3,
  sourcePort: 1 << 4,
  destinationPort: 1 << 5,
} as const

/** enum ip_conntrack_status */
export const IPS_SEEN_REPLY = 1 << 1
export const IPS_ASSURED = 1 << 2
export const IPS_CONFIRMED = 1 << 3
export const IPS_SRC_NAT = 1 << 4
export const IPS_DST_NAT = 1 << 5
