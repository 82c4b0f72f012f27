import { type MessageReader, type MessageWriter, readU16, WireError } from '../netlink/codec.ts'
import type { NetlinkRequest } from '../netlink/dump.ts'
import * as c from './constants.ts'

/** A message of generic netlink (linux/genetlink.h): the family stands in its type, the command in a header of four bytes. */
export function writeGeneric(
  writer: MessageWriter,
  message: { type: number; flags: number; sequence: number; command: number; version: number },
  attributes: () => void,
): void {
  const start = writer.beginMessage(message.type, message.flags, message.sequence)
  writer.u8(message.command)
  writer.u8(message.version)
  writer.u16(0)
  attributes()
  writer.endMessage(start)
}

/** Asks which message type a family has; the kernel gives them out as families come. */
export const familyRequest = (name: string): NetlinkRequest => ({
  operation: 'find the netlink family',
  where: name,
  encode: (writer, flags, sequence) =>
    writeGeneric(writer, { type: c.GENL_ID_CTRL, flags, sequence, command: c.CTRL_CMD_GETFAMILY, version: 1 }, () =>
      writer.string(c.CTRL_ATTR_FAMILY_NAME, name),
    ),
})

/** The message type of the family that the answer tells of. @throws WireError */
export function readFamily(reader: MessageReader): number {
  const attributes = reader.attributes(c.GENL_HDRLEN)
  while (attributes.next()) {
    if (attributes.type === c.CTRL_ATTR_FAMILY_ID && attributes.end - attributes.start === 2) {
      return readU16(attributes.bytes, attributes.start)
    }
  }
  throw new WireError('family', reader.at, 'has no number')
}

/** Asks for one WireGuard device and its peers; a dump, whose first message has what is of the device itself. */
export const deviceRequest = (family: number, name: string): NetlinkRequest => ({
  operation: 'read the WireGuard device',
  where: name,
  encode: (writer, flags, sequence) =>
    writeGeneric(
      writer,
      { type: family, flags, sequence, command: c.WG_CMD_GET_DEVICE, version: c.WG_GENL_VERSION },
      () => writer.string(c.WGDEVICE_A_IFNAME, name),
    ),
})

/** The listen port (host order) that a message of the dump tells; undefined if it tells none, or 0: the device has not chosen one yet. @throws WireError */
export function readListenPort(reader: MessageReader): number | undefined {
  const attributes = reader.attributes(c.GENL_HDRLEN)
  while (attributes.next()) {
    if (attributes.type !== c.WGDEVICE_A_LISTEN_PORT) continue
    if (attributes.end - attributes.start !== 2) throw new WireError('attribute', attributes.start, 'is not a port')
    return readU16(attributes.bytes, attributes.start) || undefined
  }
  return undefined
}
