/** Numbers of linux/netlink.h that all netlink families share, under the header's names. */

export const AF_NETLINK = 16
export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12
export const NETLINK_GENERIC = 16

export const NLM_F_REQUEST = 0x01
export const NLM_F_ACK = 0x04
/** The dump met a change and is not of one moment. */
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
/** In an error message: the request is not quoted, attributes follow. */
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const NLMSGERR_ATTR_MSG = 1
export const NLMSGERR_ATTR_OFFS = 2

export const NLMSG_HEADER_LENGTH = 16
export const NLA_HEADER_LENGTH = 4
export const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff
