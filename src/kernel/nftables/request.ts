import { type AttributeReader, MessageReader } from '../netlink/codec.ts'
import * as generic from '../netlink/dump.ts'
import type { NetlinkChannel } from '../netlink/socket.ts'
import * as c from './constants.ts'
import { attributesOf, beginMessage, resourceOf } from './nfgenmsg.ts'
import type { Family } from './types.ts'

export { breathe } from '../netlink/dump.ts'

/** A request for objects of nf_tables. */
export interface Request {
  type: number
  family: Family | undefined
  /** String attributes: number and text. */
  strings?: readonly (readonly [number, string])[]
  /** For messages: `GETSETELEM set services`. */
  operation: string
  where: string
}

/** For elements an interrupted dump only shows in the generation that each message carries. */
const asGeneric = (request: Request): generic.NetlinkRequest => ({
  operation: request.operation,
  where: request.where,
  generationOf: resourceOf,
  encode: (writer, flags, sequence) => {
    const start = beginMessage(writer, request.type, flags, sequence, request.family)
    for (const [type, text] of request.strings ?? []) writer.string(type, text)
    writer.endMessage(start)
  },
})

/** Calls `visit` for each object in a datagram of a dump. @throws WireError */
export function eachObject(datagram: Buffer, visit: (attributes: AttributeReader) => void): void {
  const reader = new MessageReader(datagram)
  while (reader.next()) if (reader.type >= c.NFNL_SUBSYS_NFTABLES << 8) visit(attributesOf(reader))
}

/** See netlink/dump.ts. @throws KernelError, WireError */
export const dumpNow = (socket: NetlinkChannel, request: Request): Buffer[] =>
  generic.dumpNow(socket, asGeneric(request))

/** See netlink/dump.ts. @throws KernelError, WireError */
export const dumpBreathing = (socket: NetlinkChannel, request: Request): Promise<Buffer[]> =>
  generic.dumpBreathing(socket, asGeneric(request))

/** One object's attributes. @throws KernelError, e.g. ENOENT */
export const get = <T>(socket: NetlinkChannel, request: Request, read: (attributes: AttributeReader) => T): T =>
  generic.getObject(socket, asGeneric(request), (reader) => read(attributesOf(reader)))
