/** Numbers of linux/genetlink.h and linux/wireguard.h, under the headers' names, beside those of all netlink. */

export * from '../netlink/constants.ts'

/** Length of genlmsghdr: command, version, two reserved bytes. */
export const GENL_HDRLEN = 4
export const GENL_ID_CTRL = 0x10
export const CTRL_CMD_GETFAMILY = 3
export const CTRL_ATTR_FAMILY_ID = 1
export const CTRL_ATTR_FAMILY_NAME = 2

export const WG_GENL_NAME = 'wireguard'
export const WG_GENL_VERSION = 1
export const WG_CMD_GET_DEVICE = 0
export const WG_CMD_SET_DEVICE = 1
export const WGDEVICE_A_IFNAME = 2
export const WGDEVICE_A_LISTEN_PORT = 6
