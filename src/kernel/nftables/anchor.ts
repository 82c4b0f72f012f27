import { errnoName, isPermission, KernelError } from '../errors.ts'
import { type IptablesCommand, iptables } from '../iptables.ts'
import { anchorTable } from '../names.ts'
import type { MessageWriter } from '../netlink/codec.ts'
import { type NetlinkSocket, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { Batch } from './batch.ts'
import * as c from './constants.ts'
import { ownerSocket } from './ownership.ts'
import type { Family } from './types.ts'

/** What holds translated connections through a flush of everything else. */
export type AnchorKind = 'owned-table' | 'iptables-legacy' | 'none'

// linux/netfilter.h, linux/netfilter/nf_tables.h
const NF_INET_PRE_ROUTING = 0
const NF_ACCEPT = 1
const NFT_REG_VERDICT = 0
const NFT_REG_1 = 1
const NFT_CT_STATUS = 2
const NFT_CMP_NEQ = 1
const IPS_DST_NAT = 1 << 5
/** After all others. */
const HOOK_PRIORITY = 300

/** A rule that no packet can meet, and that still makes the kernel track connections. */
const legacyRule = ['-m', 'conntrack', '--ctstate', 'INVALID', '-d', '255.255.255.254'] as const

/**
 * Where the table of Services can be flushed by anybody, this keeps its established connections alive until it is written again: the kernel goes on translating them for as
 * long as somebody in the namespace has a nat hook and a rule that uses connection tracking. A little table that this process owns (kernel 5.12), which goes with the process; else a rule of
 * iptables-legacy in IPv4, which a flush of nf_tables does not reach.
 */
export class NatAnchor {
  readonly #family: Family
  readonly #namespace: NetworkNamespace | undefined
  #socket: NetlinkSocket | undefined

  constructor(family: Family, namespace?: NetworkNamespace) {
    this.#family = family
    this.#namespace = namespace
  }

  /** Drops it where it is not there yet. @param kinds what may be tried, in this order. @throws KernelError EPERM without the right to write */
  hold(kinds: readonly AnchorKind[] = ['owned-table', 'iptables-legacy']): AnchorKind {
    if (this.#socket !== undefined) return 'owned-table'
    for (const kind of kinds) {
      if (kind === 'owned-table' && this.#holdTable()) return kind
      if (kind === 'iptables-legacy' && holdLegacy(this.#family, this.#namespace)) return kind
    }
    return 'none'
  }

  /** The owned table goes; the rule of iptables-legacy stays for the next agent (`removeLegacyAnchor`). */
  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  #holdTable(): boolean {
    const socket = ownerSocket(this.#namespace)
    try {
      writeAnchor(socket, this.#family, this.#namespace)
      this.#socket = socket
      return true
    } catch (error) {
      socket.close()
      // Before 5.12 the flag is refused as unknown.
      if (error instanceof KernelError && ['EINVAL', 'EOPNOTSUPP'].includes(errnoName(error.errno))) return false
      throw error
    }
  }
}

const legacyCommand = (family: Family): IptablesCommand => (family === 'ip' ? 'iptables-legacy' : 'ip6tables-legacy')

function holdLegacy(family: Family, ns: NetworkNamespace | undefined): boolean {
  // Nobody has asked for it in IPv6.
  if (family !== 'ip') return false
  if (hasLegacy(family, ns)) return true
  try {
    return iptables(legacyCommand(family), ['-t', 'nat', '-A', 'PREROUTING', ...legacyRule], ns) !== undefined
  } catch (error) {
    if (isPermission(error) || !(error instanceof KernelError)) throw error
    // The kernel has no legacy tables.
    return false
  }
}

export function hasLegacy(family: Family, ns: NetworkNamespace | undefined): boolean {
  try {
    return iptables(legacyCommand(family), ['-t', 'nat', '-C', 'PREROUTING', ...legacyRule], ns) !== undefined
  } catch (error) {
    if (error instanceof KernelError) return false
    throw error
  }
}

/** For a clean-up. True: there was one. Call only where the legacy nat table is in use, since asking would make it. */
export function removeLegacyAnchor(ns?: NetworkNamespace): boolean {
  if (!hasLegacy('ip', ns)) return false
  iptables('iptables-legacy', ['-t', 'nat', '-D', 'PREROUTING', ...legacyRule], ns)
  return true
}

/** `table F weft-anchor { flags owner; chain c { type nat hook prerouting priority 300; ct status dnat accept } }`, in one transaction of the owner's own. */
function writeAnchor(socket: NetlinkSocket, family: Family, ns: NetworkNamespace | undefined): void {
  const where = `table ${family} ${anchorTable}`
  const batch = new Batch(socket, sharedSocket(c.NETLINK_NETFILTER, ns))
  const { writer } = batch
  const create = c.NLM_F_CREATE
  batch.begin(3)
  const table = batch.beginMessage(c.NFT_MSG_NEWTABLE, create | c.NLM_F_EXCL, family, where)
  writer.string(c.NFTA_TABLE_NAME, anchorTable)
  u32be(writer, c.NFTA_TABLE_FLAGS, c.NFT_TABLE_F_OWNER)
  batch.endMessage(table)
  const chain = batch.beginMessage(c.NFT_MSG_NEWCHAIN, create, family, where)
  writer.string(c.NFTA_CHAIN_TABLE, anchorTable)
  writer.string(c.NFTA_CHAIN_NAME, 'translated')
  const hook = writer.beginNest(c.NFTA_CHAIN_HOOK)
  u32be(writer, 1, NF_INET_PRE_ROUTING)
  u32be(writer, 2, HOOK_PRIORITY)
  writer.endAttribute(hook)
  writer.string(c.NFTA_CHAIN_TYPE, 'nat')
  batch.endMessage(chain)
  const rule = batch.beginMessage(c.NFT_MSG_NEWRULE, create | c.NLM_F_APPEND, family, where)
  writer.string(c.NFTA_RULE_TABLE, anchorTable)
  writer.string(c.NFTA_RULE_CHAIN, 'translated')
  writeStatusDnatAccept(writer)
  batch.endMessage(rule)
  batch.commit('create', where)
}

/** The expressions of `ct status dnat accept`, as nft makes them (nft --debug=netlink). */
function writeStatusDnatAccept(writer: MessageWriter): void {
  writer.reserve(512)
  const list = writer.beginNest(c.NFTA_RULE_EXPRESSIONS)
  expression(writer, 'ct', () => {
    u32be(writer, 1, NFT_REG_1)
    u32be(writer, 2, NFT_CT_STATUS)
  })
  expression(writer, 'bitwise', () => {
    u32be(writer, 1, NFT_REG_1)
    u32be(writer, 2, NFT_REG_1)
    u32be(writer, 3, 4)
    value(writer, 4, IPS_DST_NAT)
    value(writer, 5, 0)
  })
  expression(writer, 'cmp', () => {
    u32be(writer, 1, NFT_REG_1)
    u32be(writer, 2, NFT_CMP_NEQ)
    value(writer, 3, 0)
  })
  expression(writer, 'immediate', () => {
    u32be(writer, 1, NFT_REG_VERDICT)
    const data = writer.beginNest(2)
    const verdict = writer.beginNest(2)
    u32be(writer, 1, NF_ACCEPT)
    writer.endAttribute(verdict)
    writer.endAttribute(data)
  })
  writer.endAttribute(list)
}

function expression(writer: MessageWriter, name: string, writeData: () => void): void {
  const element = writer.beginNest(c.NFTA_LIST_ELEM)
  writer.string(1, name)
  const data = writer.beginNest(2)
  writeData()
  writer.endAttribute(data)
  writer.endAttribute(element)
}

function u32be(writer: MessageWriter, type: number, number: number): void {
  const at = writer.beginAttribute(type)
  writer.u32be(number)
  writer.endAttribute(at)
}

/** Data in a register, in host order. */
function value(writer: MessageWriter, type: number, number: number): void {
  const nest = writer.beginNest(type)
  const at = writer.beginAttribute(c.NFTA_DATA_VALUE)
  writer.u32(number)
  writer.endAttribute(at)
  writer.endAttribute(nest)
}
