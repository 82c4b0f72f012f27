import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { WeftError } from '../../model/error.ts'
import { errnoFromText, isNotFound, KernelError } from '../errors.ts'
import { type LibNftables, libnftables, nftablesInBackground } from '../ffi.ts'
import type { AttributeReader } from '../netlink/codec.ts'
import { type NetlinkSocket, sharedSocket } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { Batch } from './batch.ts'
import * as c from './constants.ts'
import { readComment } from './elements.ts'
import { beginOwnWrite, isWriting, noteOwnWrites, ownWrites, ownWritesKnown } from './own-writes.ts'
import { dumpNow, eachObject, get } from './request.ts'
import type { Family } from './types.ts'

/** Number of the current generation of all rules and sets of the namespace: each transaction adds one, whoever makes it. A few µs. */
export function generation(ns?: NetworkNamespace): number {
  const request = { type: c.NFT_MSG_GETGEN, family: undefined, operation: 'get', where: 'generation of nf_tables' }
  return get(sharedSocket(c.NETLINK_NETFILTER, ns), request, (attributes) => {
    while (attributes.next()) if (attributes.type === c.NFTA_GEN_ID) return attributes.u32be()
    return 0
  })
}

/** Changes whenever somebody other than this process has written, and never by what it writes itself through Batch or writeNft. Not to be told while it `isWritingBeside`. */
export const foreignWrites = (ns?: NetworkNamespace): number =>
  generation(ns) - ownWrites(sharedSocket(c.NETLINK_NETFILTER, ns))

/** Whether a transaction of this process is under way beside the event loop. */
export const isWritingBeside = (ns?: NetworkNamespace): boolean => isWriting(sharedSocket(c.NETLINK_NETFILTER, ns))

/** `foreignWrites` as soon as it can be told. */
export async function foreignWritesSoon(ns?: NetworkNamespace): Promise<number> {
  await ownWritesKnown(sharedSocket(c.NETLINK_NETFILTER, ns))
  return foreignWrites(ns)
}

/** runNft for commands that change something: counted as this process's own. */
export function writeNft(text: string, ns?: NetworkNamespace): void {
  runNft(text, ns)
  noteOwnWrites(sharedSocket(c.NETLINK_NETFILTER, ns), 1)
}

/**
 * writeNft beside the event loop, one after the other: parsing hundreds of rules takes nft tens of milliseconds. In another namespace than the process's own, or without the
 * library, it is done at once instead.
 */
export async function writeNftInBackground(text: string, ns?: NetworkNamespace): Promise<void> {
  const library = libnftables()
  if (library === undefined || ns !== undefined || !takesNewFiles()) return writeNft(text, ns)
  const before = inTurn
  const mine = before.then(() => writeBeside(library, text))
  inTurn = mine.catch(() => {})
  await mine
}

let inTurn: Promise<void> = Promise.resolve()

async function writeBeside(library: LibNftables, text: string): Promise<void> {
  const ended = beginOwnWrite(sharedSocket(c.NETLINK_NETFILTER))
  const context = library.nft_ctx_new(NFT_CTX_DEFAULT)
  let failed = true
  try {
    library.nft_ctx_buffer_output(context)
    library.nft_ctx_buffer_error(context)
    failed = (await counted(nftablesInBackground(library, 'nft_run_cmd_from_buffer', context, text))) !== 0
    if (failed) throw refusal(library.nft_ctx_get_error_buffer(context))
  } finally {
    ended(!failed)
    freeContext(library, context)
  }
}

/** Calls of the library that are under way beside the event loop. */
let underWay = 0

async function counted<T>(call: Promise<T>): Promise<T> {
  underWay++
  try {
    return await call
  } finally {
    underWay--
  }
}

/** The library waits by select(2), and glibc ends a process that does so with a file beyond these (FD_SETSIZE). A call opens two or three. */
const mostFiles = 1024 - 16

function takesNewFiles(): boolean {
  const next = openSync('/dev/null', 'r')
  closeSync(next)
  return next < mostFiles
}

export interface Table {
  name: string
  comment?: string
  /** NFT_TABLE_F_*; 0 for most. */
  flags: number
}

/** All tables of a family, foreign ones too. @throws KernelError */
export function listTables(family: Family, ns?: NetworkNamespace): Table[] {
  const tables: Table[] = []
  const request = { type: c.NFT_MSG_GETTABLE, family, operation: 'list', where: `tables ${family}` }
  for (const datagram of dumpNow(sharedSocket(c.NETLINK_NETFILTER, ns), request)) {
    eachObject(datagram, (attributes) => tables.push(readTable(attributes)))
  }
  return tables
}

/** @throws WireError */
export function readTable(attributes: AttributeReader): Table {
  const table: Table = { name: '', flags: 0 }
  while (attributes.next()) {
    if (attributes.type === c.NFTA_TABLE_NAME) table.name = attributes.string()
    else if (attributes.type === c.NFTA_TABLE_FLAGS) table.flags = attributes.u32be()
    else if (attributes.type === c.NFTA_TABLE_USERDATA) {
      const comment = readComment(attributes.bytes, attributes.start, attributes.end)
      if (comment !== undefined) table.comment = comment
    }
  }
  return table
}

/**
 * Deletes a table and all in it, in one transaction. False: there was none.
 * @param owner the socket that owns the table, if any does: for all others it is EPERM. @throws KernelError
 */
export function deleteTable(family: Family, name: string, ns?: NetworkNamespace, owner?: NetlinkSocket): boolean {
  const where = `table ${family} ${name}`
  const batch = new Batch(owner ?? sharedSocket(c.NETLINK_NETFILTER, ns), sharedSocket(c.NETLINK_NETFILTER, ns))
  batch.begin(1)
  const message = batch.beginMessage(c.NFT_MSG_DELTABLE, 0, family, where)
  batch.writer.string(c.NFTA_TABLE_NAME, name)
  batch.endMessage(message)
  try {
    batch.commit('delete', where)
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

/** Adds a chain without a hook and without rules, in a transaction of its own. One that is there is left. @throws KernelError */
export function addChain(family: Family, table: string, chain: string, ns?: NetworkNamespace): void {
  const where = `chain ${family} ${table} ${chain}`
  const batch = new Batch(sharedSocket(c.NETLINK_NETFILTER, ns))
  batch.begin(1)
  const message = batch.beginMessage(c.NFT_MSG_NEWCHAIN, c.NLM_F_CREATE, family, where)
  batch.writer.string(c.NFTA_CHAIN_TABLE, table)
  batch.writer.string(c.NFTA_CHAIN_NAME, chain)
  batch.endMessage(message)
  batch.commit('add', where)
}

export interface NftOptions {
  /** Answers of `list` come as JSON (libnftables-json(5)). */
  json?: boolean
  /** Rules of others are listed: they may know interfaces by number (`iif`, `oif`). */
  foreignRules?: boolean
}

// nftables/libnftables.h
const NFT_CTX_DEFAULT = 0
const NFT_CTX_OUTPUT_JSON = 1 << 4

/**
 * Runs commands of nft(8), all in one transaction, and returns what they print. In this process by libnftables where it is installed and can be used at the moment, else by the command `nft`.
 * Synchronous; for rules and questions, not for thousands of elements. @throws KernelError with nft's message; WeftError NFT_MISSING
 */
export function runNft(text: string, ns?: NetworkNamespace, options: NftOptions = {}): string {
  const library = libnftables()
  const call = (): string => {
    if (library === undefined || !takesNewFiles()) return runCommand(text, options)
    if (underWay > 0 && options.foreignRules) return runBesideLibrary(library, text, options, ns)
    return runLibrary(library, text, options, ns)
  }
  return ns ? ns.run(call) : call()
}

/**
 * While another thread is in the library: it keeps the names of interfaces in one list for the whole process, without a lock, which every call and every context empties at its end
 * (iface_cache_release). A listing that looks for the name of a number there would read what has just been freed, and the process would crash.
 */
function runBesideLibrary(library: LibNftables, text: string, options: NftOptions, ns?: NetworkNamespace): string {
  try {
    return runCommand(text, options)
  } catch (error) {
    if (error instanceof WeftError && error.code === noNft) return runLibrary(library, text, options, ns)
    throw error
  }
}

/** A context of its own for each call: contexts keep a cache and a socket, and the socket stays in the namespace where it was opened. */
function runLibrary(library: LibNftables, text: string, options: NftOptions, ns: NetworkNamespace | undefined): string {
  const context = library.nft_ctx_new(NFT_CTX_DEFAULT)
  try {
    library.nft_ctx_buffer_output(context)
    library.nft_ctx_buffer_error(context)
    if (options.json) library.nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_JSON)
    const failed = library.nft_run_cmd_from_buffer(context, text) !== 0
    if (failed) throw refusal(library.nft_ctx_get_error_buffer(context))
    return library.nft_ctx_get_output_buffer(context)
  } finally {
    freeContext(library, context, ns)
  }
}

/**
 * Beside the event loop, and a while later: it closes a socket of nfnetlink, which waits until what was deleted just now is destroyed (netlink/lent-sockets.ts), and no transaction is
 * made meanwhile. In another namespace at once, which it would keep alive.
 */
function freeContext(library: LibNftables, context: unknown, ns?: NetworkNamespace): void {
  const free = (): void => void counted(nftablesInBackground(library, 'nft_ctx_free', context)).catch(() => {})
  if (ns === undefined) setTimeout(free, freeAfterMs).unref()
  else free()
}

/** Between two of the scheduler's looks, twice a second, by which others' rules are listed again. */
const freeAfterMs = 2250

const COMMAND_OUTPUT_BYTES = 256 << 20

/** The command, for machines without the library. Exported for the tests, which run both ways. */
export function runCommand(text: string, options: NftOptions = {}): string {
  // A question goes as an argument: with -j nft opens its input by name, and Node's is a socket, which cannot be (ENXIO).
  const [args, input] = options.json ? [['-j', text], ''] : [['-f', '-'], text]
  const result = spawnSync('nft', args, { input, encoding: 'utf8', maxBuffer: COMMAND_OUTPUT_BYTES })
  const error: NodeJS.ErrnoException | undefined = result.error
  if (error?.code === 'ENOENT') throw missing()
  if (error) throw error
  if (result.status !== 0) throw refusal(result.stderr)
  return result.stdout
}

const noNft = 'NFT_MISSING'

const missing = (): WeftError =>
  new WeftError('there is neither libnftables.so.1 nor a command nft', {
    code: noNft,
    fault: 'user',
    where: 'nftables',
    remedy: 'install the package libnftables1 or nftables',
  })

/** nft tells errors as text only. */
const refusal = (text: string): KernelError =>
  new KernelError({ errno: errnoFromText(text), operation: 'nft', text: text.trim().slice(0, 4096) })
