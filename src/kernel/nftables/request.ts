import { errnoName, errnoValues, KernelError } from '../errors.ts'
import { type AttributeReader, MessageReader, MessageWriter, readI32, WireError } from './codec.ts'
import * as c from './constants.ts'
import { type NetlinkChannel, readAnswer } from './netlink.ts'
import type { Family } from './types.ts'

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

const { EINTR, EPROTO } = errnoValues as { EINTR: number; EPROTO: number }

/** Attempts at a dump of one moment, after which a writer that never rests has won. */
const DUMP_ATTEMPTS = 8

export const interrupted = (request: Request): KernelError =>
  new KernelError({
    errno: EINTR,
    operation: request.operation,
    where: request.where,
    text: `changed during each of ${DUMP_ATTEMPTS} readings`,
  })

function encode(request: Request, flags: number, sequence: number): MessageWriter {
  const writer = new MessageWriter(256)
  const start = writer.beginMessage(request.type, c.NLM_F_REQUEST | flags, sequence, request.family)
  for (const [type, text] of request.strings ?? []) writer.string(type, text)
  writer.endMessage(start)
  return writer
}

/**
 * One attempt at a dump: yields copies of the datagrams as they come, and returns whether they are of one moment. The kernel says so for most objects
 * (NLM_F_DUMP_INTR); for elements it only shows in the generation that each message carries. @throws KernelError, WireError
 */
export function* dumpDatagrams(socket: NetlinkChannel, request: Request): Generator<Buffer, boolean> {
  const sequence = socket.sequences(1)
  const writer = encode(request, c.NLM_F_DUMP, sequence)
  socket.send(writer.bytes, writer.position)
  const state: DumpState = { done: false, consistent: true, generation: -1 }
  while (!state.done) {
    const datagram = socket.receive()
    if (datagram === undefined) throw new WireError('dump', 0, `of ${request.where} ends without NLMSG_DONE`)
    inspect(datagram, sequence, request, state)
    yield Buffer.from(datagram)
  }
  return state.consistent
}

interface DumpState {
  done: boolean
  consistent: boolean
  generation: number
}

function inspect(datagram: Buffer, sequence: number, request: Request, state: DumpState): void {
  const reader = new MessageReader(datagram)
  while (reader.next()) {
    if (reader.sequence !== sequence) continue
    if ((reader.flags & c.NLM_F_DUMP_INTR) !== 0) state.consistent = false
    if (reader.type === c.NLMSG_ERROR) refuse(readAnswer(reader).errno, request)
    else if (reader.type === c.NLMSG_DONE) {
      state.done = true
      if (reader.end >= reader.start + 4) refuse(-readI32(reader.bytes, reader.start), request)
    } else {
      if (state.generation >= 0 && reader.resource() !== state.generation) state.consistent = false
      state.generation = reader.resource()
    }
  }
}

function refuse(errno: number, request: Request): void {
  if (errno !== 0) throw new KernelError({ errno, operation: request.operation, where: request.where })
}

/** Calls `visit` for each object in a datagram of a dump. @throws WireError */
export function eachObject(datagram: Buffer, visit: (attributes: AttributeReader) => void): void {
  const reader = new MessageReader(datagram)
  while (reader.next()) if (reader.type >= c.NFNL_SUBSYS_NFTABLES << 8) visit(reader.attributes())
}

/** A whole dump of one moment, without letting the event loop run: for what is small. @throws KernelError, WireError */
export function dumpNow(socket: NetlinkChannel, request: Request): Buffer[] {
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const datagrams = collectNow(socket, request)
    if (datagrams) return datagrams
  }
  throw interrupted(request)
}

function collectNow(socket: NetlinkChannel, request: Request): Buffer[] | undefined {
  const datagrams: Buffer[] = []
  const dump = dumpDatagrams(socket, request)
  try {
    for (;;) {
      const step = dump.next()
      if (step.done) return step.value ? datagrams : undefined
      datagrams.push(step.value)
    }
  } catch (error) {
    finishDump(socket)
    throw error
  }
}

/** A dump that is left half read would make the socket's next one fail with EBUSY. */
function finishDump(socket: NetlinkChannel): void {
  while (socket.receive() !== undefined);
}

/**
 * A whole dump of one moment; the event loop runs after each datagram. A writer on the event loop itself would interrupt every such reading of a large set, so the
 * later attempts do not let it in. The socket must serve nothing else meanwhile. @throws KernelError EINTR when foreign writers changed it each time
 */
export async function dumpBreathing(socket: NetlinkChannel, request: Request): Promise<Buffer[]> {
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const datagrams =
      attempt < DUMP_ATTEMPTS / 2 ? await collectBreathing(socket, request) : collectNow(socket, request)
    if (datagrams) return datagrams
    await breathe()
  }
  throw interrupted(request)
}

async function collectBreathing(socket: NetlinkChannel, request: Request): Promise<Buffer[] | undefined> {
  const datagrams: Buffer[] = []
  const dump = dumpDatagrams(socket, request)
  for (;;) {
    const step = dump.next()
    if (step.done) return step.value ? datagrams : undefined
    datagrams.push(step.value)
    await breathe()
  }
}

export const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** One object's attributes. @throws KernelError, e.g. ENOENT */
export function get<T>(socket: NetlinkChannel, request: Request, read: (attributes: AttributeReader) => T): T {
  const sequence = socket.sequences(1)
  const writer = encode(request, 0, sequence)
  socket.send(writer.bytes, writer.position)
  for (;;) {
    const datagram = socket.receive()
    if (datagram === undefined) break
    const reader = new MessageReader(datagram)
    while (reader.next()) {
      if (reader.sequence !== sequence) continue
      if (reader.type !== c.NLMSG_ERROR) return read(reader.attributes())
      refuse(readAnswer(reader).errno, request)
    }
  }
  throw new KernelError({
    errno: EPROTO,
    operation: request.operation,
    where: request.where,
    text: `no answer (${errnoName(EPROTO)})`,
  })
}
