import type { AttributeReader, MessageReader, MessageWriter } from '../netlink/codec.ts'
import { WireError } from '../netlink/codec.ts'
import { families, NFGEN_LENGTH } from './constants.ts'
import type { Family } from './types.ts'

/** nlmsghdr and nfgenmsg. `resource` is big-endian: the subsystem in a batch's begin and end. Returns the position for `endMessage`. */
export function beginMessage(
  writer: MessageWriter,
  type: number,
  flags: number,
  sequence: number,
  family: Family | undefined,
  resource = 0,
): number {
  const start = writer.beginMessage(type, flags, sequence)
  writer.u8(family === undefined ? 0 : families[family])
  writer.u8(0)
  writer.view.setUint16(writer.position, resource)
  writer.position += 2
  return start
}

/** The subsystem's attributes, after nfgenmsg. @throws WireError */
export const attributesOf = (reader: MessageReader): AttributeReader => reader.attributes(NFGEN_LENGTH)

/** nfgenmsg's res_id: in answers of nf_tables the low 16 bits of the generation. @throws WireError */
export function resourceOf(reader: MessageReader): number {
  if (reader.start + NFGEN_LENGTH > reader.end) throw new WireError('message', reader.at, 'nfgenmsg is cut off')
  return reader.bytes.readUInt16BE(reader.start + 2)
}
