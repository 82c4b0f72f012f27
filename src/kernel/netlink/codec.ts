import { endianness } from 'node:os'
import { WeftError } from '../../model/error.ts'
import { NLA_F_NESTED, NLA_HEADER_LENGTH, NLA_TYPE_MASK, NLMSG_HEADER_LENGTH } from './constants.ts'

/** Netlink headers and attribute headers are in host order (netlink(7)). */
export const hostLittleEndian = endianness() === 'LE'

/** Bytes that are not what they should be. The only thing that the decoders here throw. */
export class WireError extends WeftError {
  /** What was being read, e.g. `attribute`. */
  readonly layer: string
  /** Byte offset in what was given to the decoder. */
  readonly offset: number
  readonly reason: string

  constructor(layer: string, offset: number, reason: string) {
    super(`netlink ${layer} at byte ${offset}: ${reason}`, { code: 'WIRE_INVALID', fault: 'kernel', where: layer })
    this.layer = layer
    this.offset = offset
    this.reason = reason
  }
}

const INITIAL_CAPACITY = 65_536
/** No family's own header is longer: ifinfomsg has 16 bytes. */
const FAMILY_HEADER_MAX = 32

const align4 = (length: number): number => (length + 3) & ~3

/**
 * Cursor over one buffer that is written in place and grows when needed. Callers reserve room (`reserve`) for a piece and then write without
 * further checks. Everything that starts a message or attribute returns its position, which closes it.
 */
export class MessageWriter {
  bytes: Buffer
  view: DataView
  position = 0

  constructor(capacity = INITIAL_CAPACITY) {
    this.bytes = Buffer.alloc(capacity)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, capacity)
  }

  /** Back to an empty buffer of the initial size. */
  shrink(): void {
    this.#use(Buffer.alloc(INITIAL_CAPACITY))
    this.position = 0
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    if (this.position + length <= this.bytes.length) return
    const bigger = Buffer.alloc(Math.max(this.bytes.length * 2, this.position + length))
    this.bytes.copy(bigger, 0, 0, this.position)
    this.#use(bigger)
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  u8(value: number): void {
    this.bytes[this.position++] = value
  }

  u16(value: number): void {
    this.view.setUint16(this.position, value, hostLittleEndian)
    this.position += 2
  }

  u32(value: number): void {
    this.view.setUint32(this.position, value, hostLittleEndian)
    this.position += 4
  }

  u32be(value: number): void {
    this.view.setUint32(this.position, value)
    this.position += 4
  }

  /** nlmsghdr (netlink(7)), with room for the header of the family that the caller writes next. */
  beginMessage(type: number, flags: number, sequence: number): number {
    this.reserve(NLMSG_HEADER_LENGTH + FAMILY_HEADER_MAX)
    const start = this.position
    this.u32(0)
    this.u16(type)
    this.u16(flags)
    this.u32(sequence)
    this.u32(0)
    return start
  }

  addFlags(start: number, flags: number): void {
    this.view.setUint16(start + 6, this.view.getUint16(start + 6, hostLittleEndian) | flags, hostLittleEndian)
  }

  endMessage(start: number): void {
    this.view.setUint32(start, this.position - start, hostLittleEndian)
  }

  beginAttribute(type: number): number {
    const start = this.position
    this.position += 2
    this.u16(type)
    return start
  }

  beginNest(type: number): number {
    return this.beginAttribute(type | NLA_F_NESTED)
  }

  /** Writes the length, and zeros up to the next multiple of four. */
  endAttribute(start: number): void {
    this.view.setUint16(start, this.position - start, hostLittleEndian)
    while ((this.position & 3) !== 0) this.bytes[this.position++] = 0
  }

  /** A NUL-terminated string attribute. */
  string(type: number, text: string): void {
    this.reserve(NLA_HEADER_LENGTH + text.length * 3 + 4)
    const start = this.beginAttribute(type)
    this.position += this.bytes.write(text, this.position, 'utf8')
    this.bytes[this.position++] = 0
    this.endAttribute(start)
  }

  /** What has been written, without a copy. */
  written(): Buffer {
    return this.bytes.subarray(0, this.position)
  }
}

/** Steps through the attributes between two offsets. `next` throws WireError where a length is impossible. */
export class AttributeReader {
  /** Without the nested and byte-order flags. */
  type = 0
  /** Offsets of the current attribute's payload. */
  start = 0
  end = 0
  readonly bytes: Buffer
  #next: number
  readonly #limit: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes
    this.#next = start
    this.#limit = end
  }

  next(): boolean {
    const at = this.#next
    if (at >= this.#limit) return false
    if (at + NLA_HEADER_LENGTH > this.#limit) throw new WireError('attribute', at, 'header is cut off')
    const length = readU16(this.bytes, at)
    if (length < NLA_HEADER_LENGTH || at + length > this.#limit) {
      throw new WireError('attribute', at, `length ${length} does not fit`)
    }
    this.type = readU16(this.bytes, at + 2) & NLA_TYPE_MASK
    this.start = at + NLA_HEADER_LENGTH
    this.end = at + length
    this.#next = at + align4(length)
    return true
  }

  /** Reader of the attributes nested in the current one. */
  nested(): AttributeReader {
    return new AttributeReader(this.bytes, this.start, this.end)
  }

  u32be(): number {
    if (this.end - this.start !== 4) throw new WireError('attribute', this.start, 'is not a 32-bit number')
    return this.bytes.readUInt32BE(this.start)
  }

  u32(): number {
    if (this.end - this.start !== 4) throw new WireError('attribute', this.start, 'is not a 32-bit number')
    return readU32(this.bytes, this.start)
  }

  string(): string {
    const closed = this.end > this.start && this.bytes[this.end - 1] === 0
    return this.bytes.toString('utf8', this.start, closed ? this.end - 1 : this.end)
  }
}

/** Steps through the messages of one received datagram. */
export class MessageReader {
  type = 0
  flags = 0
  sequence = 0
  /** Port of the socket that asked for what this tells of; 0 when the kernel acted by itself. */
  port = 0
  /** Offsets of the message and of what follows its nlmsghdr. */
  at = 0
  start = 0
  end = 0
  readonly bytes: Buffer
  #next = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  next(): boolean {
    const at = this.#next
    if (at >= this.bytes.length) return false
    if (at + NLMSG_HEADER_LENGTH > this.bytes.length) throw new WireError('message', at, 'header is cut off')
    const length = readU32(this.bytes, at)
    if (length < NLMSG_HEADER_LENGTH || at + length > this.bytes.length) {
      throw new WireError('message', at, `length ${length} does not fit`)
    }
    this.type = readU16(this.bytes, at + 4)
    this.flags = readU16(this.bytes, at + 6)
    this.sequence = readU32(this.bytes, at + 8)
    this.port = readU32(this.bytes, at + 12)
    this.at = at
    this.start = at + NLMSG_HEADER_LENGTH
    this.end = at + length
    this.#next = at + align4(length)
    return true
  }

  /** The attributes after the family's own header of this many bytes (nfgenmsg: 4, rtmsg: 12, …). @throws WireError when it is cut off */
  attributes(headerLength: number): AttributeReader {
    const start = this.start + align4(headerLength)
    if (start > this.end) throw new WireError('message', this.at, 'the header of its family is cut off')
    return new AttributeReader(this.bytes, start, this.end)
  }

  /** Attributes of a capped error or acknowledgement: after the errno and the request's nlmsghdr (netlink(7), NETLINK_EXT_ACK). */
  extendedAttributes(): AttributeReader {
    const start = this.start + 4 + NLMSG_HEADER_LENGTH
    return new AttributeReader(this.bytes, Math.min(start, this.end), this.end)
  }
}

/** Host order. The caller has checked the bounds. */
export const readU16 = (bytes: Buffer, at: number): number =>
  hostLittleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)

/** Host order. The caller has checked the bounds. */
export const readU32 = (bytes: Buffer, at: number): number =>
  hostLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)

/** Host order. The caller has checked the bounds. */
export const readI32 = (bytes: Buffer, at: number): number =>
  hostLittleEndian ? bytes.readInt32LE(at) : bytes.readInt32BE(at)
