import { MessageReader } from '../netlink/codec.ts'
import { dumpNow, getObject } from '../netlink/dump.ts'
import { type NetlinkChannel, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { deviceRequest, familyRequest, readFamily, readListenPort } from './codec.ts'
import * as c from './constants.ts'

/**
 * The UDP port at which a WireGuard device of the namespace (the process's own if absent) listens; undefined where it has none yet. Asking for the family has the kernel load
 * the module: ask only where there is such a device. @throws KernelError: ENOENT without WireGuard, ENODEV without the device, EOPNOTSUPP where it is another kind of device
 */
export const wireGuardListenPort = (device: string, namespace?: NetworkNamespace): number | undefined =>
  listenPortBy(sharedSocket(c.NETLINK_GENERIC, namespace), device)

/** The same by any channel. */
export function listenPortBy(channel: NetlinkChannel, device: string): number | undefined {
  const family = getObject(channel, familyRequest(c.WG_GENL_NAME), readFamily)
  for (const datagram of dumpNow(channel, deviceRequest(family, device))) {
    const reader = new MessageReader(datagram)
    while (reader.next()) {
      const port = reader.type === family ? readListenPort(reader) : undefined
      if (port !== undefined) return port
    }
  }
  return undefined
}
