import { errnoValues, KernelError } from '../errors.ts'
import { MessageReader, MessageWriter, readI32, WireError } from './codec.ts'
import * as c from './constants.ts'
import { type NetlinkChannel, type NetlinkSocket, readAnswer } from './socket.ts'

/** A question to the kernel: for one object, or for all by dump. */
export interface NetlinkRequest {
  /** Writes the whole message, with these flags beside NLM_F_REQUEST. */
  encode(writer: MessageWriter, flags: number, sequence: number): void
  /** For messages: `list elements of`. */
  operation: string
  where: string
  /** Where the answers carry a generation: a dump with two of them is not of one moment. */
  generationOf?(reader: MessageReader): number
}

const { EINTR, EPROTO } = errnoValues as { EINTR: number; EPROTO: number }

/** Attempts at a dump of one moment, after which a writer that never rests has won. */
const DUMP_ATTEMPTS = 8

const interrupted = (request: NetlinkRequest): KernelError =>
  new KernelError({
    errno: EINTR,
    operation: request.operation,
    where: request.where,
    text: `changed during each of ${DUMP_ATTEMPTS} readings`,
  })

function sendRequest(socket: NetlinkChannel, request: NetlinkRequest, flags: number): number {
  const sequence = socket.sequences(1)
  const writer = new MessageWriter(256)
  request.encode(writer, c.NLM_F_REQUEST | flags, sequence)
  socket.send(writer.bytes, writer.position)
  return sequence
}

/**
 * One attempt at a dump: yields copies of the datagrams as they come, and returns whether they are of one moment. The kernel says so for most objects
 * (NLM_F_DUMP_INTR); for elements it only shows in the generation that each message carries. @throws KernelError, WireError
 */
function* dumpDatagrams(socket: NetlinkChannel, request: NetlinkRequest): Generator<Buffer, boolean> {
  const sequence = sendRequest(socket, request, c.NLM_F_DUMP)
  const state: DumpState = { done: false, consistent: true, generation: -1 }
  while (!state.done) {
    const datagram = socket.receive()
    if (datagram === undefined) throw new WireError('dump', 0, `of ${request.where} ends without NLMSG_DONE`)
    inspect(datagram, sequence, request, state)
    yield Buffer.from(datagram)
  }
  return state.consistent
}

/**
 * One attempt, as dumpDatagrams, with the kernel's work beside the event loop: for tables that it has to walk through whole, however little of them is asked for. The
 * socket must serve nothing else meanwhile. @throws KernelError, WireError
 */
export async function* dumpInBackground(
  socket: NetlinkSocket,
  request: NetlinkRequest,
): AsyncGenerator<Buffer, boolean> {
  const sequence = socket.sequences(1)
  const writer = new MessageWriter(1024)
  request.encode(writer, c.NLM_F_REQUEST | c.NLM_F_DUMP, sequence)
  await socket.sendInBackground(writer.bytes, writer.position)
  const state: DumpState = { done: false, consistent: true, generation: -1 }
  while (!state.done) {
    const datagram = await socket.receiveInBackground()
    if (datagram === undefined) throw new WireError('dump', 0, `of ${request.where} ends without NLMSG_DONE`)
    inspect(datagram, sequence, request, state)
    yield datagram
  }
  return state.consistent
}

interface DumpState {
  done: boolean
  consistent: boolean
  generation: number
}

function inspect(datagram: Buffer, sequence: number, request: NetlinkRequest, state: DumpState): void {
  const reader = new MessageReader(datagram)
  while (reader.next()) {
    if (reader.sequence !== sequence) continue
    if ((reader.flags & c.NLM_F_DUMP_INTR) !== 0) state.consistent = false
    if (reader.type === c.NLMSG_ERROR) refuse(readAnswer(reader).errno, request)
    else if (reader.type === c.NLMSG_DONE) {
      state.done = true
      if (reader.end >= reader.start + 4) refuse(-readI32(reader.bytes, reader.start), request)
    } else {
      const generation = request.generationOf?.(reader) ?? -1
      if (state.generation >= 0 && generation !== state.generation) state.consistent = false
      state.generation = generation
    }
  }
}

function refuse(errno: number, request: NetlinkRequest): void {
  if (errno !== 0) throw new KernelError({ errno, operation: request.operation, where: request.where })
}

/** A whole dump of one moment, without letting the event loop run: for what is small. @throws KernelError, WireError */
export function dumpNow(socket: NetlinkChannel, request: NetlinkRequest): Buffer[] {
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const datagrams = collectNow(socket, request)
    if (datagrams) return datagrams
  }
  throw interrupted(request)
}

function collectNow(socket: NetlinkChannel, request: NetlinkRequest): Buffer[] | undefined {
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
export async function dumpBreathing(socket: NetlinkChannel, request: NetlinkRequest): Promise<Buffer[]> {
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const datagrams =
      attempt < DUMP_ATTEMPTS / 2 ? await collectBreathing(socket, request) : collectNow(socket, request)
    if (datagrams) return datagrams
    await breathe()
  }
  throw interrupted(request)
}

async function collectBreathing(socket: NetlinkChannel, request: NetlinkRequest): Promise<Buffer[] | undefined> {
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

/** One object, read from the message that the reader stands on. @throws KernelError, e.g. ENOENT */
export function getObject<T>(socket: NetlinkChannel, request: NetlinkRequest, read: (reader: MessageReader) => T): T {
  const sequence = sendRequest(socket, request, 0)
  for (;;) {
    const datagram = socket.receive()
    if (datagram === undefined) break
    const reader = new MessageReader(datagram)
    while (reader.next()) {
      if (reader.sequence !== sequence) continue
      if (reader.type !== c.NLMSG_ERROR) return read(reader)
      refuse(readAnswer(reader).errno, request)
    }
  }
  throw new KernelError({ errno: EPROTO, operation: request.operation, where: request.where, text: 'no answer' })
}
