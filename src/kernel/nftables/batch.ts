import { errnoValues, KernelError } from '../errors.ts'
import { MessageWriter } from '../netlink/codec.ts'
import { type Answer, drainAnswers, type NetlinkChannel, type NetlinkSocket } from '../netlink/socket.ts'
import * as c from './constants.ts'
import { beginMessage } from './nfgenmsg.ts'
import { beginOwnWrite, noteOwnWrites } from './own-writes.ts'
import type { Family } from './types.ts'

/** A piece of a batch: one message and the changes that it carries. */
interface Piece {
  sequence: number
  /** Byte offset of the message in the batch. */
  at: number
  /** Index of the first change, and of the one after the last. */
  first: number
  after: number
  where: string
}

/** After a batch larger than this its buffer is given back. */
const KEPT_BYTES = 1 << 20

/**
 * One transaction of nf_tables in the making: messages between BATCH_BEGIN and BATCH_END, sent as one datagram. The kernel goes through all messages,
 * reports each one that fails, and commits only if none did (nfnetlink_rcv_batch). Errors come whether asked for or not, so only the last message
 * asks for an acknowledgement: a large batch then does not fill the receive buffer.
 */
export class Batch {
  readonly writer = new MessageWriter()
  #socket: NetlinkChannel
  readonly #countedBy: NetlinkChannel
  readonly #pieces: Piece[] = []
  /** Where each change starts in the buffer. */
  readonly #starts: number[] = []
  #firstSequence = 0
  #sequence = 0

  /** @param countedBy the namespace's shared socket, where this process's transactions are counted, if it goes out through another one. */
  constructor(socket: NetlinkChannel, countedBy: NetlinkChannel = socket) {
    this.#socket = socket
    this.#countedBy = countedBy
  }

  /** Starts over. `messages` is how many there can be at most; `socket` is where it goes out from now on. */
  begin(messages: number, socket = this.#socket): void {
    this.#socket = socket
    if (this.writer.bytes.length > KEPT_BYTES) this.writer.shrink()
    this.writer.position = 0
    this.#pieces.length = 0
    this.#starts.length = 0
    this.#firstSequence = this.#socket.sequences(messages + 2)
    this.#sequence = this.#firstSequence
    this.#edge(c.NFNL_MSG_BATCH_BEGIN)
  }

  /** Opens a message and returns its position for `endMessage`. */
  beginMessage(type: number, flags: number, family: Family, where: string): number {
    const sequence = this.#sequence++
    const at = beginMessage(this.writer, type, c.NLM_F_REQUEST | flags, sequence, family)
    this.#pieces.push({ sequence, at, first: this.#starts.length, after: this.#starts.length, where })
    return at
  }

  /** Notes that the next change starts here. */
  change(): void {
    this.#starts.push(this.writer.position)
  }

  endMessage(at: number): void {
    this.writer.endMessage(at)
    const piece = this.#pieces.at(-1)
    if (piece) piece.after = this.#starts.length
  }

  /** Sends and reads the verdict. @throws KernelError with `failed` */
  commit(operation: string, where: string): void {
    if (!this.#close()) return
    this.#socket.send(this.writer.bytes, this.writer.position)
    this.#judge(drainAnswers(this.#socket), operation, where)
    noteOwnWrites(this.#countedBy, 1)
  }

  /**
   * Like `commit`, but the kernel works beside the event loop. The socket is the one that the batch was begun for, and serves nothing else meanwhile.
   * @throws KernelError with `failed`
   */
  async commitInBackground(socket: NetlinkSocket, operation: string, where: string): Promise<void> {
    if (!this.#close()) return
    const ended = beginOwnWrite(this.#countedBy)
    let committed = false
    try {
      await socket.sendInBackground(this.writer.bytes, this.writer.position)
      this.#judge(drainAnswers(socket), operation, where)
      committed = true
    } finally {
      ended(committed)
    }
  }

  /** False: there is nothing in it. */
  #close(): boolean {
    const last = this.#pieces.at(-1)
    if (last === undefined) return false
    this.writer.addFlags(last.at, c.NLM_F_ACK)
    this.#edge(c.NFNL_MSG_BATCH_END)
    return true
  }

  #judge({ answers, lost }: { answers: readonly Answer[]; lost: boolean }, operation: string, where: string): void {
    const mine = answers.filter(({ sequence }) => sequence >= this.#firstSequence && sequence < this.#sequence)
    const errors = mine.filter(({ errno }) => errno !== 0)
    if (errors.length > 0) throw this.#refusal(errors, operation, where)
    const last = this.#pieces.at(-1)
    if (!mine.some(({ sequence }) => sequence === last?.sequence)) throw unknown(operation, where, lost)
  }

  #edge(type: number): void {
    const start = beginMessage(this.writer, type, c.NLM_F_REQUEST, this.#sequence++, undefined, c.NFNL_SUBSYS_NFTABLES)
    this.writer.endMessage(start)
  }

  #refusal(errors: readonly Answer[], operation: string, where: string): KernelError {
    const failed = new Set<number>()
    for (const error of errors) for (const index of this.#blamed(error)) failed.add(index)
    const first = errors[0] as Answer
    const piece = this.#pieces.find(({ sequence }) => sequence === first.sequence)
    return new KernelError({
      errno: first.errno,
      operation,
      where: piece?.where ?? where,
      failed: [...failed].sort((a, b) => a - b),
      ...(first.text !== undefined && { text: first.text }),
    })
  }

  /** The change that the kernel points at, else all of the message; for an error of the batch itself all changes. */
  #blamed({ sequence, offset }: Answer): number[] {
    const piece = this.#pieces.find((candidate) => candidate.sequence === sequence)
    if (piece === undefined) return this.#starts.map((_, index) => index)
    const indexes = Array.from({ length: piece.after - piece.first }, (_, i) => piece.first + i)
    if (offset === undefined) return indexes
    const position = piece.at + offset
    const exact = indexes.findLast((index) => (this.#starts[index] as number) <= position)
    return exact === undefined ? indexes : [exact]
  }
}

/** Nothing was refused, and nothing was acknowledged: only ENOBUFS or a kernel out of memory can do that. */
const unknown = (operation: string, where: string, lost: boolean): KernelError =>
  new KernelError({
    errno: (lost ? errnoValues['ENOBUFS'] : errnoValues['EPROTO']) as number,
    operation,
    where,
    text: 'the answer was lost; read the table to see whether the change was made',
  })
