import { isIPv4 } from 'node:net'
import type { Family } from '../../model/ip.ts'
import { WeftError } from '../../model/error.ts'
import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from '../address.ts'
import { type AttributeReader, type MessageReader, type MessageWriter, WireError } from '../netlink/codec.ts'
import * as n from '../netlink/constants.ts'
import * as c from './constants.ts'
import type { Flow, FlowFilter, FlowTuple } from './types.ts'

const AF_INET = 2
const AF_INET6 = 10
/** nfgenmsg: family, version, resource. */
const NFGEN_LENGTH = 4
/** No message here is longer. */
const MESSAGE_MAX = 512

const familyNumber = (family: Family): number => (family === 'IPv4' ? AF_INET : AF_INET6)

/** nlmsghdr and nfgenmsg; returns the position for `endMessage`. */
export function beginMessage(
  writer: MessageWriter,
  type: number,
  flags: number,
  sequence: number,
  family: Family,
): number {
  writer.reserve(MESSAGE_MAX)
  const start = writer.beginMessage(type, n.NLM_F_REQUEST | flags, sequence)
  writer.u8(familyNumber(family))
  writer.u8(0)
  writer.u16(0)
  return start
}

/** A request for all flows that match; what this kernel cannot filter by itself it leaves to us. */
export function writeGet(writer: MessageWriter, flags: number, sequence: number, filter: FlowFilter): void {
  const start = beginMessage(writer, c.IPCTNL_MSG_CT_GET, flags, sequence, filter.family)
  writeFilter(writer, filter)
  if (filter.mark !== undefined) {
    u32be(writer, c.CTA_MARK, filter.mark)
    u32be(writer, c.CTA_MARK_MASK, 0xffff_ffff)
  }
  if (filter.dnat !== undefined) {
    u32be(writer, c.CTA_STATUS, filter.dnat ? c.IPS_DST_NAT : 0)
    u32be(writer, c.CTA_STATUS_MASK, c.IPS_DST_NAT)
  }
  writer.endMessage(start)
}

function writeFilter(writer: MessageWriter, filter: FlowFilter): void {
  const original = byKernel(filter, filter.original)
  const reply = byKernel(filter, filter.reply)
  const protocolFlag = filter.protocol === undefined ? 0 : c.filterFields.protocol
  const originalFlags = flagsOf(original) | protocolFlag
  const replyFlags = flagsOf(reply) === 0 ? 0 : flagsOf(reply) | protocolFlag
  if (originalFlags === 0 && replyFlags === 0) return
  if (originalFlags !== 0) writeTuple(writer, c.CTA_TUPLE_ORIG, original, filter.protocol)
  if (replyFlags !== 0) writeTuple(writer, c.CTA_TUPLE_REPLY, reply, filter.protocol)
  const nest = writer.beginNest(c.CTA_FILTER)
  u32(writer, c.CTA_FILTER_ORIG_FLAGS, originalFlags)
  u32(writer, c.CTA_FILTER_REPLY_FLAGS, replyFlags)
  writer.endAttribute(nest)
}

/**
 * The part of a tuple that the kernel can filter by. Ports only with a protocol (ctnetlink_parse_tuple_filter: EINVAL); addresses of IPv6 not at all: it
 * compares them the wrong way round and leaves out just the ones that match (ctnetlink_filter_match_tuple, seen on 6.18).
 */
function byKernel({ family, protocol }: FlowFilter, tuple: Partial<FlowTuple> = {}): Partial<FlowTuple> {
  const { source, destination, sourcePort, destinationPort } = tuple
  return {
    ...(family === 'IPv4' && source !== undefined && { source }),
    ...(family === 'IPv4' && destination !== undefined && { destination }),
    ...(protocol !== undefined && sourcePort !== undefined && { sourcePort }),
    ...(protocol !== undefined && destinationPort !== undefined && { destinationPort }),
  }
}

const flagsOf = (tuple: Partial<FlowTuple>): number =>
  (Object.keys(tuple) as (keyof FlowTuple)[]).reduce((flags, field) => flags | c.filterFields[field], 0)

/**
 * A request to forget one flow. The tuple must be there whole: without one the kernel would flush the table.
 * @throws WeftError CONNTRACK_PROTOCOL
 */
export function writeDelete(writer: MessageWriter, flags: number, sequence: number, flow: Flow): void {
  if (!hasPorts(flow.protocol)) {
    throw new WeftError(`flows of IP protocol ${flow.protocol} have no ports to name them by`, {
      code: 'CONNTRACK_PROTOCOL',
      fault: 'internal',
    })
  }
  const start = beginMessage(writer, c.IPCTNL_MSG_CT_DELETE, flags, sequence, flow.family)
  writeTuple(writer, c.CTA_TUPLE_ORIG, flow.original, flow.protocol)
  u32be(writer, c.CTA_ID, flow.id)
  if (flow.zone !== 0) writeZone(writer, flow.zone)
  writer.endMessage(start)
}

/** TCP, UDP, DCCP, SCTP, UDP-Lite: net/netfilter/nf_conntrack_proto_*.c. */
const portProtocols = new Set([6, 17, 33, 132, 136])
export const hasPorts = (protocol: number): boolean => portProtocols.has(protocol)

/** The fields that are given. */
export function writeTuple(
  writer: MessageWriter,
  type: number,
  tuple: Partial<FlowTuple>,
  protocol: number | undefined,
): void {
  const nest = writer.beginNest(type)
  if (tuple.source !== undefined || tuple.destination !== undefined) {
    const ip = writer.beginNest(c.CTA_TUPLE_IP)
    if (tuple.source !== undefined) writeAddress(writer, tuple.source, c.CTA_IP_V4_SRC, c.CTA_IP_V6_SRC)
    if (tuple.destination !== undefined) writeAddress(writer, tuple.destination, c.CTA_IP_V4_DST, c.CTA_IP_V6_DST)
    writer.endAttribute(ip)
  }
  const proto = writer.beginNest(c.CTA_TUPLE_PROTO)
  if (protocol !== undefined) {
    const at = writer.beginAttribute(c.CTA_PROTO_NUM)
    writer.u8(protocol)
    writer.endAttribute(at)
  }
  if (tuple.sourcePort !== undefined) writePort(writer, c.CTA_PROTO_SRC_PORT, tuple.sourcePort)
  if (tuple.destinationPort !== undefined) writePort(writer, c.CTA_PROTO_DST_PORT, tuple.destinationPort)
  writer.endAttribute(proto)
  writer.endAttribute(nest)
}

export function writeAddress(writer: MessageWriter, address: string, v4Type: number, v6Type: number): void {
  const v4 = isIPv4(address)
  const at = writer.beginAttribute(v4 ? v4Type : v6Type)
  const parse = v4 ? parseIPv4 : parseIPv6
  if (!parse(address, 0, address.length, writer.bytes, writer.position)) {
    throw new WeftError(`"${address}" is not an IP address`, { code: 'ADDRESS_INVALID', fault: 'internal' })
  }
  writer.position += v4 ? 4 : 16
  writer.endAttribute(at)
}

export const writePort = (writer: MessageWriter, type: number, port: number): void => u16be(writer, type, port)
export const writeZone = (writer: MessageWriter, zone: number): void => u16be(writer, c.CTA_ZONE, zone)

function u16be(writer: MessageWriter, type: number, value: number): void {
  const at = writer.beginAttribute(type)
  writer.u8(value >> 8)
  writer.u8(value & 0xff)
  writer.endAttribute(at)
}

export function u32be(writer: MessageWriter, type: number, value: number): void {
  const at = writer.beginAttribute(type)
  writer.u32be(value)
  writer.endAttribute(at)
}

function u32(writer: MessageWriter, type: number, value: number): void {
  const at = writer.beginAttribute(type)
  writer.u32(value)
  writer.endAttribute(at)
}

/** The flow in the message that the reader stands on; undefined for what is none (other families, end of a dump). @throws WireError */
export function readFlow(reader: MessageReader): Flow | undefined {
  if (reader.type !== c.IPCTNL_MSG_CT_NEW) return undefined
  const attributes = reader.attributes(NFGEN_LENGTH)
  const number = reader.bytes[reader.start]
  if (number !== AF_INET && number !== AF_INET6) return undefined
  const parts: Parts = { status: 0, mark: 0, zone: 0, id: 0 }
  while (attributes.next()) readPart(attributes, parts)
  const { original, reply, status, mark, zone, id } = parts
  if (original === undefined || reply === undefined) throw new WireError('flow', reader.at, 'has no tuples')
  return {
    family: number === AF_INET ? 'IPv4' : 'IPv6',
    protocol: original.protocol,
    original: original.tuple,
    reply: reply.tuple,
    status: {
      seenReply: (status & c.IPS_SEEN_REPLY) !== 0,
      assured: (status & c.IPS_ASSURED) !== 0,
      snat: (status & c.IPS_SRC_NAT) !== 0,
      dnat: (status & c.IPS_DST_NAT) !== 0,
    },
    mark,
    zone: zone === 0 ? original.zone : zone,
    id,
  }
}

interface Parts {
  original?: WireTuple
  reply?: WireTuple
  status: number
  mark: number
  zone: number
  id: number
}

interface WireTuple {
  tuple: FlowTuple
  protocol: number
  /** A zone of this direction alone. */
  zone: number
}

function readPart(attributes: AttributeReader, parts: Parts): void {
  switch (attributes.type) {
    case c.CTA_TUPLE_ORIG:
      parts.original = readTuple(attributes.nested())
      break
    case c.CTA_TUPLE_REPLY:
      parts.reply = readTuple(attributes.nested())
      break
    case c.CTA_STATUS:
      parts.status = attributes.u32be()
      break
    case c.CTA_MARK:
      parts.mark = attributes.u32be()
      break
    case c.CTA_ID:
      parts.id = attributes.u32be()
      break
    case c.CTA_ZONE:
      parts.zone = readU16be(attributes)
      break
    default:
  }
}

function readTuple(attributes: AttributeReader): WireTuple {
  const tuple: FlowTuple = { source: '', sourcePort: 0, destination: '', destinationPort: 0 }
  const wire: WireTuple = { tuple, protocol: 0, zone: 0 }
  while (attributes.next()) {
    if (attributes.type === c.CTA_TUPLE_IP) readAddresses(attributes.nested(), tuple)
    else if (attributes.type === c.CTA_TUPLE_PROTO) readProtocol(attributes.nested(), wire)
    else if (attributes.type === c.CTA_TUPLE_ZONE) wire.zone = readU16be(attributes)
  }
  return wire
}

function readAddresses(attributes: AttributeReader, tuple: FlowTuple): void {
  while (attributes.next()) {
    const { type } = attributes
    if (type === c.CTA_IP_V4_SRC || type === c.CTA_IP_V6_SRC) tuple.source = readAddress(attributes)
    else if (type === c.CTA_IP_V4_DST || type === c.CTA_IP_V6_DST) tuple.destination = readAddress(attributes)
  }
}

function readAddress({ bytes, start, end }: AttributeReader): string {
  if (end - start === 4) return formatIPv4(bytes, start)
  if (end - start === 16) return formatIPv6(bytes, start)
  throw new WireError('attribute', start, `an address has ${end - start} bytes`)
}

function readProtocol(attributes: AttributeReader, wire: WireTuple): void {
  while (attributes.next()) {
    if (attributes.type === c.CTA_PROTO_NUM) wire.protocol = readU8(attributes)
    else if (attributes.type === c.CTA_PROTO_SRC_PORT) wire.tuple.sourcePort = readU16be(attributes)
    else if (attributes.type === c.CTA_PROTO_DST_PORT) wire.tuple.destinationPort = readU16be(attributes)
  }
}

function readU8({ bytes, start, end }: AttributeReader): number {
  if (end - start !== 1) throw new WireError('attribute', start, 'is not one byte')
  return bytes[start] as number
}

function readU16be({ bytes, start, end }: AttributeReader): number {
  if (end - start !== 2) throw new WireError('attribute', start, 'is not a 16-bit number')
  return bytes.readUInt16BE(start)
}
