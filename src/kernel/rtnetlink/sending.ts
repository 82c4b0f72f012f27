import { errnoValues, KernelError } from '../errors.ts'
import { check, libc } from '../ffi.ts'
import type { MessageWriter } from '../netlink/codec.ts'
import { drainAnswers, type NetlinkChannel } from '../netlink/socket.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { describeChange } from './describe.ts'
import { writeChange } from './encode.ts'
import type { Resolver } from './link.ts'
import type { Change, Failure } from './types.ts'

/** Messages in one send: each answers with one acknowledgement, and all of them wait in the receive buffer. */
const CHANGES_PER_SEND = 1000

const { ENOBUFS, EPROTO } = errnoValues as { ENOBUFS: number; EPROTO: number }

/** fcntl.h: O_RDONLY | O_CLOEXEC. */
const READ_ONLY_CLOEXEC = 0o2000000

interface Sent {
  sequence: number
  index: number
}

/** The changes of one `apply` on their way: packed into sends, each acknowledged on its own. */
export class Sending implements Resolver {
  readonly #socket: NetlinkChannel
  readonly #writer: MessageWriter
  readonly #changes: readonly Change[]
  readonly #lookUp: (name: string) => number | undefined
  readonly #indexes = new Map<string, number>()
  readonly #failures: Failure[] = []
  #sent: Sent[] = []
  #openFiles: number[] = []
  #linksPending = false

  constructor(
    socket: NetlinkChannel,
    writer: MessageWriter,
    changes: readonly Change[],
    lookUp: (name: string) => number | undefined,
  ) {
    this.#socket = socket
    this.#writer = writer
    this.#changes = changes
    this.#lookUp = lookUp
    writer.position = 0
  }

  add(index: number): void {
    const change = this.#changes[index] as Change
    // What follows may speak of a link by a name that only these messages make true.
    if (this.#linksPending) this.#send()
    if (this.#sent.length >= CHANGES_PER_SEND) this.#send()
    const sequence = this.#socket.sequences(1)
    try {
      writeChange(this.#writer, change, sequence, this)
      this.#sent.push({ sequence, index })
      this.#linksPending = change.object === 'link'
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      this.#fail(index, error.errno, error.message)
    }
  }

  finish(): Failure[] {
    this.#send()
    return this.#failures.sort((a, b) => a.index - b.index)
  }

  index(name: string): number {
    const known = this.#indexes.get(name)
    if (known !== undefined) return known
    const found = this.#lookUp(name)
    if (found === undefined) {
      throw new KernelError({ errno: errnoValues['ENODEV'] as number, operation: 'look up', where: `link ${name}` })
    }
    this.#indexes.set(name, found)
    return found
  }

  namespaceFd(namespace: NetworkNamespace): number {
    const fd = check(libc().open(namespace.path, READ_ONLY_CLOEXEC), 'open', namespace.path)
    this.#openFiles.push(fd)
    return fd
  }

  #send(): void {
    if (this.#sent.length > 0) {
      this.#socket.send(this.#writer.bytes, this.#writer.position)
      this.#judge()
    }
    for (const fd of this.#openFiles) libc().close(fd)
    if (this.#linksPending) this.#indexes.clear()
    this.#openFiles = []
    this.#sent = []
    this.#linksPending = false
    this.#writer.position = 0
  }

  #judge(): void {
    const { answers, lost } = drainAnswers(this.#socket)
    const bySequence = new Map(answers.map((answer) => [answer.sequence, answer]))
    for (const { sequence, index } of this.#sent) {
      const answer = bySequence.get(sequence)
      if (answer === undefined) {
        this.#fail(index, lost ? ENOBUFS : EPROTO, 'the answer was lost; read to see whether the change was made')
      } else if (answer.errno !== 0) this.#fail(index, answer.errno, answer.text)
    }
  }

  #fail(index: number, errno: number, text: string | undefined): void {
    const change = this.#changes[index] as Change
    const error = new KernelError({
      errno,
      operation: `${change.op} ${change.object}`,
      where: describeChange(change),
      ...(text !== undefined && { text }),
    })
    this.#failures.push({ index, error })
  }
}
