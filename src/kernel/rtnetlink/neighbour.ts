import { type MessageReader, type MessageWriter, readU16, readU32 } from '../netlink/codec.ts'
import * as c from './constants.ts'
import type { Resolver } from './link.ts'
import type { FdbEntry, Neighbour, NeighbourState } from './types.ts'
import { addressBytes, familyOfNumber, macBytes, readAddress, readMac, writeBytes } from './values.ts'

const stateNames = new Map<number, NeighbourState>(
  Object.entries(c.neighbourStates).map(([name, bit]) => [bit, name as NeighbourState]),
)

function ndmsg(writer: MessageWriter, family: number, index: number, state: number, flags: number): void {
  writer.u32(0)
  writer.bytes[writer.position - 4] = family
  writer.u32(index)
  writer.u16(state)
  writer.u8(flags)
  writer.u8(0)
}

const stateOf = (value: { state?: NeighbourState }): number => c.neighbourStates[value.state ?? 'permanent']

/** RTM_NEWNEIGH and RTM_DELNEIGH of an IP address. @throws KernelError EINVAL, ENODEV */
export function writeNeighbour(writer: MessageWriter, value: Neighbour, resolve: Resolver): void {
  const address = addressBytes(value.address)
  ndmsg(writer, address.length === 4 ? c.AF_INET : c.AF_INET6, resolve.index(value.dev), stateOf(value), 0)
  writeBytes(writer, c.NDA_DST, address)
  if (value.lladdr !== undefined) writeBytes(writer, c.NDA_LLADDR, macBytes(value.lladdr))
}

/** RTM_NEWNEIGH and RTM_DELNEIGH of a device's own forwarding table (bridge-fdb(8), `self`). @throws KernelError EINVAL, ENODEV */
export function writeFdbEntry(writer: MessageWriter, value: FdbEntry, resolve: Resolver): void {
  // NUD_NOARP keeps a bridge from ageing the entry as well.
  const state = value.state === undefined ? c.neighbourStates.permanent | c.neighbourStates.noarp : stateOf(value)
  ndmsg(writer, c.AF_BRIDGE, resolve.index(value.dev), state, c.NTF_SELF)
  writeBytes(writer, c.NDA_LLADDR, macBytes(value.lladdr))
  if (value.via !== undefined) writeBytes(writer, c.NDA_DST, addressBytes(value.via))
}

/** RTM_GETNEIGH: of AF_BRIDGE for forwarding tables, of AF_UNSPEC for IP addresses. */
export const writeNeighbourDump = (writer: MessageWriter, family: number): void => ndmsg(writer, family, 0, 0, 0)

/** An entry of either kind, undefined for other families. Of several states the highest counts: permanent before noarp. @throws WireError */
export function readNeighbour(
  reader: MessageReader,
  nameOf: (index: number) => string,
): { neighbour: Neighbour } | { fdb: FdbEntry } | undefined {
  const attributes = reader.attributes(c.NDMSG_LENGTH)
  const { bytes, start } = reader
  const family = bytes[start] as number
  const bits = readU16(bytes, start + 8)
  const dev = nameOf(readU32(bytes, start + 4))
  const state = bits === 0 ? undefined : stateNames.get(1 << (31 - Math.clz32(bits)))
  let address: string | undefined
  let lladdr: string | undefined
  while (attributes.next()) {
    if (attributes.type === c.NDA_DST) address = readAddress(attributes)
    else if (attributes.type === c.NDA_LLADDR) lladdr = readMac(attributes)
  }
  const common = { dev, ...(state !== undefined && { state }) }
  if (family === c.AF_BRIDGE) {
    if (lladdr === undefined) return undefined
    return { fdb: { ...common, lladdr, ...(address !== undefined && { via: address }) } }
  }
  if (familyOfNumber(family) === undefined || address === undefined) return undefined
  return { neighbour: { ...common, address, ...(lladdr !== undefined && { lladdr }) } }
}
