import { type MessageReader, type MessageWriter, readU32 } from '../netlink/codec.ts'
import * as c from './constants.ts'
import type { Resolver } from './link.ts'
import type { Address, FoundAddress } from './types.ts'
import { familyNumber, familyOfNumber, parsePrefix, readAddress, writeBytes } from './values.ts'

/** RTM_NEWADDR and RTM_DELADDR. An IPv4 subnet gets its broadcast address, as with ip-address(8) `brd +`. @throws KernelError EINVAL, ENODEV */
export function writeAddress(writer: MessageWriter, op: 'add' | 'delete', value: Address, resolve: Resolver): void {
  const { family, bytes, length } = parsePrefix(value.address)
  writer.u8(familyNumber(family))
  writer.u8(length)
  writer.u8(op === 'add' && value.noDuplicateDetection ? c.IFA_F_NODAD : 0)
  writer.u8(c.RT_SCOPE_UNIVERSE)
  writer.u32(resolve.index(value.dev))
  writeBytes(writer, c.IFA_LOCAL, bytes)
  writeBytes(writer, c.IFA_ADDRESS, bytes)
  if (op === 'add' && family === 'IPv4' && length < 31) {
    writeBytes(writer, c.IFA_BROADCAST, broadcast(bytes, length))
  }
}

const broadcast = (bytes: Uint8Array, length: number): Uint8Array =>
  bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, length - i * 8))))

export function writeAddressDump(writer: MessageWriter): void {
  writer.u32(0)
  writer.u32(0)
}

/** undefined for a family other than IPv4 and IPv6. @throws WireError */
export function readFoundAddress(reader: MessageReader, nameOf: (index: number) => string): FoundAddress | undefined {
  const attributes = reader.attributes(c.IFADDR_LENGTH)
  const { bytes, start } = reader
  if (familyOfNumber(bytes[start] as number) === undefined) return undefined
  const length = bytes[start + 1] as number
  let flags = bytes[start + 2] as number
  let address = ''
  let local = ''
  while (attributes.next()) {
    // IFA_LOCAL is the address itself; IFA_ADDRESS is that of the other end on a point-to-point link (if_addr.h).
    if (attributes.type === c.IFA_LOCAL) local = readAddress(attributes)
    else if (attributes.type === c.IFA_ADDRESS) address = readAddress(attributes)
    else if (attributes.type === c.IFA_FLAGS) flags = attributes.u32()
  }
  return {
    dev: nameOf(readU32(bytes, start + 4)),
    address: `${local === '' ? address : local}/${length}`,
    tentative: (flags & c.IFA_F_TENTATIVE) !== 0,
    deprecated: (flags & c.IFA_F_DEPRECATED) !== 0,
  }
}
