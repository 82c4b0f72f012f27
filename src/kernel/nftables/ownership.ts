import { errnoName, errnoValues, KernelError } from '../errors.ts'
import { NetlinkSocket, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { probeTable } from '../names.ts'
import { Batch } from './batch.ts'
import * as c from './constants.ts'
import type { Family } from './types.ts'

const both = c.NFT_TABLE_F_OWNER | c.NFT_TABLE_F_PERSIST

/** The answers of kernels that do not know the flag: before 5.12 for owner, before 6.9 for persist (nf_tables_newtable). */
const unknownFlag = new Set(['EINVAL', 'EOPNOTSUPP'])

/** Whether the table can be owned: it was made so. To a plain one the flag cannot be added, nor taken from the other. */
export const isOwnable = (flags: number): boolean => (flags & c.NFT_TABLE_F_PERSIST) !== 0

/** Whether a socket owns the table at present. */
export const isOwned = (flags: number): boolean => (flags & c.NFT_TABLE_F_OWNER) !== 0

/** A socket to own tables with: what it owns can be changed through it alone, and is left to others when it is closed or its process ends. */
export const ownerSocket = (ns?: NetworkNamespace): NetlinkSocket => new NetlinkSocket(c.NETLINK_NETFILTER, ns)

/**
 * Makes an empty table that can be owned later: nft fills it before that, by `add` commands (its block form asks for no flags, which is EOPNOTSUPP here).
 * False: this kernel has no such tables. @throws KernelError, EEXIST where the table is there
 */
export function createOwnableTable(family: Family, name: string, comment: string, ns?: NetworkNamespace): boolean {
  try {
    newTable(sharedSocket(c.NETLINK_NETFILTER, ns), { family, name, comment, flags: c.NFT_TABLE_F_PERSIST }, ns)
    return true
  } catch (error) {
    if (isUnknownFlag(error)) return false
    throw error
  }
}

/**
 * Whether this kernel has tables that can be owned and outlive their owner. Makes one and removes it in one transaction, so that none is ever seen. Where it has not, the kernel waits
 * some milliseconds for an RCU grace period (nf_tables_abort). @throws KernelError EPERM
 */
export function canOwnTables(family: Family, ns?: NetworkNamespace): boolean {
  const socket = sharedSocket(c.NETLINK_NETFILTER, ns)
  const batch = new Batch(socket)
  batch.begin(2)
  writeTable(batch, { family, name: probeTable, flags: c.NFT_TABLE_F_PERSIST, comment: 'weft', mayBeThere: true })
  const where = `table ${family} ${probeTable}`
  const message = batch.beginMessage(c.NFT_MSG_DELTABLE, 0, family, where)
  batch.writer.string(c.NFTA_TABLE_NAME, probeTable)
  batch.endMessage(message)
  try {
    batch.commit('probe', where)
    return true
  } catch (error) {
    if (isUnknownFlag(error)) return false
    throw error
  }
}

const isUnknownFlag = (error: unknown): boolean =>
  error instanceof KernelError && unknownFlag.has(errnoName(error.errno))

/**
 * Takes an ownable table: from now on only this socket changes it, and a `flush ruleset` of others passes it over. Once a socket: again would change nothing, and be
 * counted as a write all the same.
 * One that is gone comes back empty (nf_tables_newtable asks for no NLM_F_CREATE): look at its rules afterwards.
 * @throws KernelError EPERM where another socket owns it
 */
export function ownTable(owner: NetlinkSocket, family: Family, name: string, ns?: NetworkNamespace): void {
  newTable(owner, { family, name, flags: both }, ns)
}

interface NewTable {
  family: Family
  name: string
  flags: number
  /** Absent: the table must be there. */
  comment?: string
  mayBeThere?: true
}

function newTable(socket: NetlinkSocket, table: NewTable, ns: NetworkNamespace | undefined): void {
  const batch = new Batch(socket, sharedSocket(c.NETLINK_NETFILTER, ns))
  batch.begin(1)
  writeTable(batch, table)
  batch.commit(table.comment === undefined ? 'own' : 'create', `table ${table.family} ${table.name}`)
}

function writeTable(batch: Batch, { family, name, flags, comment, mayBeThere }: NewTable): void {
  const create = comment === undefined ? 0 : c.NLM_F_CREATE | (mayBeThere ? 0 : c.NLM_F_EXCL)
  const message = batch.beginMessage(c.NFT_MSG_NEWTABLE, create, family, `table ${family} ${name}`)
  batch.writer.string(c.NFTA_TABLE_NAME, name)
  const at = batch.writer.beginAttribute(c.NFTA_TABLE_FLAGS)
  batch.writer.u32be(flags)
  batch.writer.endAttribute(at)
  if (comment !== undefined) writeComment(batch, comment)
  batch.endMessage(message)
}

function writeComment({ writer }: Batch, comment: string): void {
  const length = Buffer.byteLength(comment) + 1
  if (length > c.COMMENT_MAX_LENGTH)
    throw new KernelError({ errno: errnoValues['EINVAL'] as number, operation: 'comment' })
  writer.reserve(length + 8)
  const at = writer.beginAttribute(c.NFTA_TABLE_USERDATA)
  writer.u8(c.NFTNL_UDATA_COMMENT)
  writer.u8(length)
  writer.position += writer.bytes.write(comment, writer.position, 'utf8')
  writer.u8(0)
  writer.endAttribute(at)
}
