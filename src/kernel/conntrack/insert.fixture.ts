import { isIPv4 } from 'node:net'
import { KernelError } from '../errors.ts'
import { MessageWriter } from '../netlink/codec.ts'
import * as n from '../netlink/constants.ts'
import { drainAnswers, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { beginMessage, u32be, writeAddress, writePort, writeTuple, writeZone } from './codec.ts'
import * as c from './constants.ts'
import type { NewFlow } from './fake.ts'

// linux/netfilter/nfnetlink_conntrack.h: enum ctattr_nat, ctattr_protonat
const CTA_NAT_V4_MINIP = 1
const CTA_NAT_V6_MINIP = 4
const CTA_NAT_PROTO = 3
const CTA_PROTONAT_PORT_MIN = 1
const CTA_PROTONAT_PORT_MAX = 2

/** Puts flows into a kernel's table, for tests: each lives for ten minutes. A translation needs a nat hook in the namespace. */
export function insertFlows(flows: readonly NewFlow[], namespace?: NetworkNamespace): void {
  const socket = sharedSocket(n.NETLINK_NETFILTER, namespace)
  for (let i = 0; i < flows.length; i += 200) {
    const chunk = flows.slice(i, i + 200)
    const writer = new MessageWriter()
    const first = socket.sequences(chunk.length)
    for (const [k, flow] of chunk.entries()) writeNew(writer, first + k, flow)
    socket.send(writer.bytes, writer.position)
    for (const { errno } of drainAnswers(socket).answers) {
      if (errno !== 0) throw new KernelError({ errno, operation: 'insert flow' })
    }
  }
}

function writeNew(writer: MessageWriter, sequence: number, flow: NewFlow): void {
  const { family, protocol, original, to, zone, mark } = flow
  const flags = n.NLM_F_ACK | n.NLM_F_CREATE | n.NLM_F_EXCL
  const start = beginMessage(writer, c.IPCTNL_MSG_CT_NEW, flags, sequence, family)
  writeTuple(writer, c.CTA_TUPLE_ORIG, original, protocol)
  const reply = {
    source: original.destination,
    sourcePort: original.destinationPort,
    destination: original.source,
    destinationPort: original.sourcePort,
  }
  writeTuple(writer, c.CTA_TUPLE_REPLY, reply, protocol)
  u32be(writer, c.CTA_TIMEOUT, 600)
  u32be(writer, c.CTA_STATUS, c.IPS_CONFIRMED)
  if (mark !== undefined) u32be(writer, c.CTA_MARK, mark)
  if (zone !== undefined) writeZone(writer, zone)
  if (to !== undefined) {
    const nat = writer.beginNest(c.CTA_NAT_DST)
    writeAddress(writer, to.address, CTA_NAT_V4_MINIP, isIPv4(to.address) ? CTA_NAT_V4_MINIP : CTA_NAT_V6_MINIP)
    const ports = writer.beginNest(CTA_NAT_PROTO)
    writePort(writer, CTA_PROTONAT_PORT_MIN, to.port)
    writePort(writer, CTA_PROTONAT_PORT_MAX, to.port)
    writer.endAttribute(ports)
    writer.endAttribute(nat)
  }
  writer.endMessage(start)
}
