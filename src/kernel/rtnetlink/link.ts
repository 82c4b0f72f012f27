import { type AttributeReader, type MessageReader, type MessageWriter, readU32, WireError } from '../netlink/codec.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import * as c from './constants.ts'
import type { Link, LinkChange, NewLink, VxlanSettings } from './types.ts'
import {
  addressBytes,
  checkLinkName,
  invalid,
  macBytes,
  readAddress,
  readMac,
  writeBytes,
  writeU8,
  writeU32,
} from './values.ts'

/** What an encoder must look up: the kernel speaks of links by index, and of namespaces by open file. */
export interface Resolver {
  /** @throws KernelError ENODEV */
  index(name: string): number
  /** An open file of the namespace, good until the message is sent. */
  namespaceFd(namespace: NetworkNamespace): number
}

function ifinfo(writer: MessageWriter, index: number, flags: number, change: number): void {
  writer.u32(0)
  writer.u32(index)
  writer.u32(flags)
  writer.u32(change)
}

const settings = (writer: MessageWriter, link: { mtuBytes?: number; address?: string }): void => {
  if (link.mtuBytes !== undefined) writeU32(writer, c.IFLA_MTU, link.mtuBytes)
  if (link.address !== undefined) writeBytes(writer, c.IFLA_ADDRESS, macBytes(link.address))
}

/** RTM_NEWLINK. @throws KernelError EINVAL, ENODEV */
export function writeNewLink(writer: MessageWriter, link: NewLink, resolve: Resolver): void {
  ifinfo(writer, 0, link.up ? c.IFF_UP : 0, link.up ? c.IFF_UP : 0)
  settings(writer, link)
  writer.string(c.IFLA_IFNAME, checkLinkName(link.name))
  if (link.master !== undefined) writeU32(writer, c.IFLA_MASTER, resolve.index(link.master))
  const info = writer.beginNest(c.IFLA_LINKINFO)
  writer.string(c.IFLA_INFO_KIND, link.kind)
  if (link.kind === 'veth' || link.kind === 'vxlan') {
    writer.reserve(64)
    const data = writer.beginNest(c.IFLA_INFO_DATA)
    if (link.kind === 'veth') writePeer(writer, link.peer, resolve)
    else writeVxlan(writer, link.vxlan, resolve)
    writer.endAttribute(data)
  }
  writer.endAttribute(info)
}

function writePeer(writer: MessageWriter, peer: Extract<NewLink, { kind: 'veth' }>['peer'], resolve: Resolver): void {
  const nest = writer.beginNest(c.VETH_INFO_PEER)
  ifinfo(writer, 0, 0, 0)
  writer.string(c.IFLA_IFNAME, checkLinkName(peer.name))
  if (peer.address !== undefined) writeBytes(writer, c.IFLA_ADDRESS, macBytes(peer.address))
  if (peer.namespace !== undefined) writeU32(writer, c.IFLA_NET_NS_FD, resolve.namespaceFd(peer.namespace))
  writer.endAttribute(nest)
}

function writeVxlan(
  writer: MessageWriter,
  vxlan: Extract<NewLink, { kind: 'vxlan' }>['vxlan'],
  resolve: Resolver,
): void {
  if (vxlan.id < 0 || vxlan.id > 0xff_ffff) throw invalid(`VNI ${vxlan.id} has more than 24 bits`)
  writeU32(writer, c.IFLA_VXLAN_ID, vxlan.id)
  if (vxlan.dev !== undefined) writeU32(writer, c.IFLA_VXLAN_LINK, resolve.index(vxlan.dev))
  if (vxlan.local !== undefined) {
    const bytes = addressBytes(vxlan.local)
    writeBytes(writer, bytes.length === 4 ? c.IFLA_VXLAN_LOCAL : c.IFLA_VXLAN_LOCAL6, bytes)
  }
  writeU8(writer, c.IFLA_VXLAN_LEARNING, vxlan.learning ? 1 : 0)
  // Big-endian, unlike most of rtnetlink (drivers/net/vxlan).
  writeBytes(writer, c.IFLA_VXLAN_PORT, Uint8Array.of(vxlan.port >> 8, vxlan.port & 0xff))
}

/** RTM_NEWLINK without NLM_F_CREATE, which is what `ip link set` sends. @throws KernelError EINVAL, ENODEV */
export function writeLinkChange(writer: MessageWriter, change: LinkChange, resolve: Resolver): void {
  const index = resolve.index(change.name)
  ifinfo(writer, index, change.up ? c.IFF_UP : 0, change.up === undefined ? 0 : c.IFF_UP)
  if (change.newName !== undefined) writer.string(c.IFLA_IFNAME, checkLinkName(change.newName))
  settings(writer, change)
  if (change.master === null) writeU32(writer, c.IFLA_MASTER, 0)
  else if (change.master !== undefined) writeU32(writer, c.IFLA_MASTER, resolve.index(change.master))
}

/** RTM_DELLINK and RTM_GETLINK by name. */
export function writeLinkName(writer: MessageWriter, name: string): void {
  ifinfo(writer, 0, 0, 0)
  writer.string(c.IFLA_IFNAME, checkLinkName(name))
}

/** RTM_GETLINK of all links, without their counters. */
export function writeLinkDump(writer: MessageWriter): void {
  ifinfo(writer, 0, 0, 0)
  writeU32(writer, c.IFLA_EXT_MASK, c.RTEXT_FILTER_SKIP_STATS)
}

/** RTM_NEWLINK or RTM_DELLINK as the kernel sends it; undefined for a message about a bridge's port, which is not about the link. @throws WireError */
export function readLink(reader: MessageReader): Link | undefined {
  const attributes = reader.attributes(c.IFINFO_LENGTH)
  if (reader.bytes[reader.start] !== c.AF_UNSPEC) return undefined
  const flags = readU32(reader.bytes, reader.start + 8)
  const link: Link = {
    index: readU32(reader.bytes, reader.start + 4),
    name: '',
    up: (flags & c.IFF_UP) !== 0,
    carrier: (flags & c.IFF_LOWER_UP) !== 0,
    mtuBytes: 0,
  }
  while (attributes.next()) readLinkAttribute(attributes, link)
  return link
}

function readLinkAttribute(attribute: AttributeReader, link: Link): void {
  if (attribute.type === c.IFLA_IFNAME) link.name = attribute.string()
  else if (attribute.type === c.IFLA_MTU) link.mtuBytes = attribute.u32()
  else if (attribute.type === c.IFLA_MASTER) link.masterIndex = attribute.u32()
  else if (attribute.type === c.IFLA_LINK) link.lowerIndex = attribute.u32()
  else if (attribute.type === c.IFLA_LINKINFO) readInfo(attribute.nested(), link)
  else if (attribute.type === c.IFLA_ADDRESS) {
    const address = readMac(attribute)
    if (address !== undefined) link.address = address
  }
}

function readInfo(info: AttributeReader, link: Link): void {
  while (info.next()) {
    if (info.type === c.IFLA_INFO_KIND) link.kind = info.string()
    else if (info.type === c.IFLA_INFO_DATA && link.kind === 'vxlan') link.vxlan = readVxlan(info.nested())
    else if (info.type === c.IFLA_INFO_DATA && link.kind === 'geneve') readGeneve(info.nested(), link)
  }
}

function readGeneve(data: AttributeReader, link: Link): void {
  while (data.next()) if (data.type === c.IFLA_GENEVE_PORT) link.genevePort = readPort(data)
}

/** In network order, as tunnels have theirs. */
function readPort(data: AttributeReader): number {
  if (data.end - data.start !== 2) throw new WireError('attribute', data.start, 'is not a port')
  return data.bytes.readUInt16BE(data.start)
}

function readVxlan(data: AttributeReader): VxlanSettings {
  const vxlan: VxlanSettings = { id: 0, port: 0, learning: false }
  while (data.next()) {
    if (data.type === c.IFLA_VXLAN_ID) vxlan.id = data.u32()
    else if (data.type === c.IFLA_VXLAN_LINK) vxlan.devIndex = data.u32()
    else if (data.type === c.IFLA_VXLAN_LEARNING) vxlan.learning = data.bytes[data.start] === 1 && data.end > data.start
    else if (data.type === c.IFLA_VXLAN_LOCAL || data.type === c.IFLA_VXLAN_LOCAL6) vxlan.local = readAddress(data)
    else if (data.type === c.IFLA_VXLAN_PORT) vxlan.port = readPort(data)
  }
  return vxlan
}
