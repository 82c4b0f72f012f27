import {
  AttributeReader,
  type MessageReader,
  type MessageWriter,
  readU16,
  readU32,
  WireError,
} from '../netlink/codec.ts'
import * as c from './constants.ts'
import type { Resolver } from './link.ts'
import type { NextHop, Route, RouteFilter, RouteSpec, RouteType } from './types.ts'
import {
  addressBytes,
  familyNumber,
  familyOfNumber,
  invalid,
  parsePrefix,
  readAddress,
  writeBytes,
  writeU32,
} from './values.ts'

const typeNames = new Map<number, RouteType>(
  Object.entries(c.routeTypes).map(([name, number]) => [number, name as RouteType]),
)

/** As ip-route(8) chooses it; a delete takes any scope. */
function scopeOf(op: 'add' | 'replace' | 'delete', route: RouteSpec): number {
  if (op === 'delete') return c.RT_SCOPE_NOWHERE
  if (route.type === 'local') return c.RT_SCOPE_HOST
  const onLink = route.via === undefined && (route.type ?? 'unicast') === 'unicast'
  return onLink ? c.RT_SCOPE_LINK : c.RT_SCOPE_UNIVERSE
}

/** RTM_NEWROUTE and RTM_DELROUTE. @throws KernelError EINVAL, ENODEV */
export function writeRoute(
  writer: MessageWriter,
  op: 'add' | 'replace' | 'delete',
  route: RouteSpec,
  resolve: Resolver,
): void {
  const dst = parsePrefix(route.dst)
  const table = route.table ?? c.RT_TABLE_MAIN
  const removes = op === 'delete'
  writer.u8(familyNumber(dst.family))
  writer.u8(dst.length)
  writer.u8(0)
  writer.u8(0)
  writer.u8(table < 256 ? table : c.AF_UNSPEC)
  writer.u8(route.protocol ?? (removes ? 0 : c.RTPROT_BOOT))
  writer.u8(scopeOf(op, route))
  writer.u8(route.type === undefined && removes ? 0 : c.routeTypes[route.type ?? 'unicast'])
  writer.u32(route.onlink ? c.RTNH_F_ONLINK : 0)
  if (dst.length > 0) writeBytes(writer, c.RTA_DST, dst.bytes)
  if (route.via !== undefined) {
    const via = addressBytes(route.via)
    if (via.length !== dst.bytes.length) throw invalid(`gateway ${route.via} is of another family`)
    writeBytes(writer, c.RTA_GATEWAY, via)
  }
  if (route.metric !== undefined) writeU32(writer, c.RTA_PRIORITY, route.metric)
  if (route.source !== undefined) writeBytes(writer, c.RTA_PREFSRC, addressBytes(route.source))
  if (table > 255) writeU32(writer, c.RTA_TABLE, table)
  if (route.dev !== undefined) writeU32(writer, c.RTA_OIF, resolve.index(route.dev))
}

/** RTM_GETROUTE of one family. The kernel itself filters by table and protocol (NETLINK_GET_STRICT_CHK). */
export function writeRouteDump(writer: MessageWriter, filter: RouteFilter & { family: Route['family'] }): void {
  writer.u8(familyNumber(filter.family))
  writer.u8(0)
  writer.u8(0)
  writer.u8(0)
  writer.u8(0)
  writer.u8(filter.protocol ?? 0)
  writer.u8(0)
  writer.u8(0)
  writer.u32(0)
  if (filter.table !== undefined) writeU32(writer, c.RTA_TABLE, filter.table)
}

/** undefined for cached entries, and for families other than IPv4 and IPv6. @throws WireError */
export function readRoute(reader: MessageReader, nameOf: (index: number) => string): Route | undefined {
  const attributes = reader.attributes(c.RTMSG_LENGTH)
  const { bytes, start } = reader
  const family = familyOfNumber(bytes[start] as number)
  const type = typeNames.get(bytes[start + 7] as number)
  const flags = readU32(bytes, start + 8)
  if (family === undefined || type === undefined || (flags & c.RTM_F_CLONED) !== 0) return undefined
  const length = bytes[start + 1] as number
  const route: Route = {
    family,
    dst: `${family === 'IPv4' ? '0.0.0.0' : '::'}/${length}`,
    metric: 0,
    table: bytes[start + 4] as number,
    protocol: bytes[start + 5] as number,
    type,
    onlink: (flags & c.RTNH_F_ONLINK) !== 0,
  }
  while (attributes.next()) readAttribute(attributes, route, length, nameOf)
  return route
}

function readAttribute(
  attribute: AttributeReader,
  route: Route,
  length: number,
  nameOf: (index: number) => string,
): void {
  if (attribute.type === c.RTA_DST) route.dst = `${readAddress(attribute)}/${length}`
  else if (attribute.type === c.RTA_GATEWAY) route.via = readAddress(attribute)
  else if (attribute.type === c.RTA_VIA) route.via = readVia(attribute)
  else if (attribute.type === c.RTA_OIF) route.dev = nameOf(attribute.u32())
  else if (attribute.type === c.RTA_PRIORITY) route.metric = attribute.u32()
  else if (attribute.type === c.RTA_TABLE) route.table = attribute.u32()
  else if (attribute.type === c.RTA_PREFSRC) route.source = readAddress(attribute)
  else if (attribute.type === c.RTA_MULTIPATH) route.nextHops = readNextHops(attribute, nameOf)
}

/** struct rtvia: an IPv4 route through an IPv6 gateway. */
function readVia(attribute: AttributeReader): string {
  const inner = new AttributeReader(attribute.bytes, attribute.start, attribute.end)
  inner.start = attribute.start + 2
  inner.end = attribute.end
  return readAddress(inner)
}

function readNextHops(attribute: AttributeReader, nameOf: (index: number) => string): NextHop[] {
  const { bytes } = attribute
  const hops: NextHop[] = []
  let at = attribute.start
  while (at < attribute.end) {
    const length = at + c.RTNEXTHOP_LENGTH <= attribute.end ? readU16(bytes, at) : 0
    if (length < c.RTNEXTHOP_LENGTH || at + length > attribute.end) {
      throw new WireError('rtnexthop', at, `length ${length} does not fit`)
    }
    const hop: NextHop = {
      dev: nameOf(readU32(bytes, at + 4)),
      onlink: ((bytes[at + 2] as number) & c.RTNH_F_ONLINK) !== 0,
    }
    const inner = new AttributeReader(bytes, at + c.RTNEXTHOP_LENGTH, at + length)
    while (inner.next()) {
      if (inner.type === c.RTA_GATEWAY) hop.via = readAddress(inner)
      else if (inner.type === c.RTA_VIA) hop.via = readVia(inner)
    }
    hops.push(hop)
    at += (length + 3) & ~3
  }
  return hops
}
