/** Numbers of linux/netlink.h, linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h, under the headers' names. */

export const AF_NETLINK = 16
export const NETLINK_NETFILTER = 12

export const NLM_F_REQUEST = 0x01
export const NLM_F_MULTI = 0x02
export const NLM_F_ACK = 0x04
/** The dump met a change and is not of one moment. */
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_CREATE = 0x400
/** In an error message: the request is not quoted, attributes follow. */
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const NLMSGERR_ATTR_MSG = 1
export const NLMSGERR_ATTR_OFFS = 2

export const NLMSG_HEADER_LENGTH = 16
/** nlmsghdr and nfgenmsg. */
export const NFGEN_HEADER_LENGTH = 20
export const NLA_HEADER_LENGTH = 4
export const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff

export const NFNL_SUBSYS_NFTABLES = 10
export const NFNL_MSG_BATCH_BEGIN = 16
export const NFNL_MSG_BATCH_END = 17

export const families = { ip: 2, ip6: 10 } as const

const subsystem = NFNL_SUBSYS_NFTABLES << 8
export const NFT_MSG_NEWTABLE = subsystem | 0
export const NFT_MSG_GETTABLE = subsystem | 1
export const NFT_MSG_DELTABLE = subsystem | 2
export const NFT_MSG_NEWCHAIN = subsystem | 3
export const NFT_MSG_GETCHAIN = subsystem | 4
export const NFT_MSG_NEWRULE = subsystem | 6
export const NFT_MSG_GETRULE = subsystem | 7
export const NFT_MSG_NEWSETELEM = subsystem | 12
export const NFT_MSG_GETSETELEM = subsystem | 13
export const NFT_MSG_DELSETELEM = subsystem | 14
export const NFT_MSG_NEWGEN = subsystem | 15
export const NFT_MSG_GETGEN = subsystem | 16

export const NFTA_LIST_ELEM = 1
export const NFTA_TABLE_NAME = 1
export const NFTA_TABLE_USERDATA = 6
export const NFTA_CHAIN_TABLE = 1
export const NFTA_CHAIN_NAME = 3
export const NFTA_RULE_TABLE = 1
export const NFTA_RULE_CHAIN = 2
export const NFTA_GEN_ID = 1
export const NFTA_DATA_VALUE = 1
export const NFTA_SET_ELEM_LIST_TABLE = 1
export const NFTA_SET_ELEM_LIST_SET = 2
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3
export const NFTA_SET_ELEM_KEY = 1
export const NFTA_SET_ELEM_DATA = 2
export const NFTA_SET_ELEM_FLAGS = 3
export const NFTA_SET_ELEM_USERDATA = 6
export const NFTA_SET_ELEM_KEY_END = 10

export const NFT_SET_ELEM_INTERVAL_END = 1
export const NFT_SET_ELEM_CATCHALL = 2

/** libnftnl/udata.h: type of a comment in the user data of a table and of a set element alike. */
export const NFTNL_UDATA_COMMENT = 0
/**
 * The closing NUL included: NFT_USERDATA_MAXLEN (256) less type and length. nft itself takes 128 at most (NFTNL_UDATA_COMMENT_MAXLEN) and prints any; a Service
 * port's full name needs up to 150.
 */
export const COMMENT_MAX_LENGTH = 254
