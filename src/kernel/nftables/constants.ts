/** Numbers of linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h, under the headers' names, beside those of all netlink. */

export * from '../netlink/constants.ts'

/** nfgenmsg, between nlmsghdr and the attributes. */
export const NFGEN_LENGTH = 4

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
