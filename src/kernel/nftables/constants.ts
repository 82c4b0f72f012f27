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
export const NFT_MSG_GETGEN = subsystem | 16

export const NFTA_LIST_ELEM = 1
export const NFTA_TABLE_NAME = 1
export const NFTA_TABLE_FLAGS = 2
export const NFTA_TABLE_USERDATA = 6
export const NFTA_CHAIN_TABLE = 1
export const NFTA_CHAIN_NAME = 3
export const NFTA_CHAIN_HOOK = 4
export const NFTA_CHAIN_POLICY = 5
export const NFTA_CHAIN_TYPE = 7
export const NFTA_RULE_TABLE = 1
export const NFTA_RULE_CHAIN = 2
export const NFTA_RULE_EXPRESSIONS = 4
export const NFTA_GEN_ID = 1
export const NFTA_DATA_VALUE = 1
export const NFTA_DATA_VERDICT = 2
export const NFTA_VERDICT_CODE = 1
export const NFTA_VERDICT_CHAIN = 2
/** enum nft_verdicts: -3, as an unsigned number of 32 bits. */
export const NFT_JUMP = 0xfffffffd
/** Names of chains, with the closing zero (NFT_CHAIN_MAXNAMELEN). */
export const CHAIN_MAX_LENGTH = 256
export const NFTA_SET_ELEM_LIST_TABLE = 1
export const NFTA_SET_ELEM_LIST_SET = 2
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3
export const NFTA_SET_ELEM_KEY = 1
export const NFTA_SET_ELEM_DATA = 2
export const NFTA_SET_ELEM_FLAGS = 3
export const NFTA_SET_ELEM_USERDATA = 6
export const NFTA_SET_ELEM_KEY_END = 10

/** The table's chains are not asked. */
export const NFT_TABLE_F_DORMANT = 0x1
/** Kernel 5.12: only the socket that set it may change the table; a flush by others passes it over. */
export const NFT_TABLE_F_OWNER = 0x2
/** Kernel 6.9: the table stays when its owner is gone, as an orphan that the next owner may take. */
export const NFT_TABLE_F_PERSIST = 0x4

export const NFT_SET_ELEM_INTERVAL_END = 1
export const NFT_SET_ELEM_CATCHALL = 2

/** libnftnl/udata.h: type of a comment in the user data of a table and of a set element alike. */
export const NFTNL_UDATA_COMMENT = 0
/**
 * The closing NUL included: NFT_USERDATA_MAXLEN (256) less type and length. nft itself takes 128 at most (NFTNL_UDATA_COMMENT_MAXLEN) and prints any; a Service
 * port's full name needs up to 150.
 */
export const COMMENT_MAX_LENGTH = 254
