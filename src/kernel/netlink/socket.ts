import { KernelError } from '../errors.ts'
import { check, errnoValues, lastErrno, libc, libcInBackground } from '../ffi.ts'
import type { NetworkNamespace } from '../network-namespace.ts'
import { setOption } from '../sockets.ts'
import { MessageReader, readI32, readU32, WireError } from './codec.ts'
import * as c from './constants.ts'

// asm-generic/socket.h, linux/netlink.h, linux/socket.h
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20

/** Limits, not memory that is taken: a failing batch answers with one message for each request in it. */
const RECEIVE_BUFFER_BYTES = 32 << 20
const SEND_BUFFER_BYTES = 1 << 20
/** The kernel fills up to 32 KiB at a time in a dump (net/netlink/af_netlink.c). */
const DATAGRAM_BYTES = 65_536

const { EINTR, EAGAIN, ENOBUFS } = errnoValues as { EINTR: number; EAGAIN: number; ENOBUFS: number }

/** What requests need of a socket; tests put answers of their own here. */
export interface NetlinkChannel {
  /** `count` sequence numbers in a row; the first is returned. */
  sequences(count: number): number
  /** @throws KernelError */
  send(bytes: Buffer, length: number): void
  /**
   * The next datagram, valid until the next call; undefined when there is none.
   * @throws KernelError ENOBUFS when the kernel had to drop an answer; what else is queued can still be received
   */
  receive(): Buffer | undefined
}

/**
 * A socket of one netlink protocol, e.g. NETLINK_ROUTE. Everything is synchronous: the kernel has answered when `send` returns, so nothing here ever waits.
 * It keeps its network namespace alive until it is closed.
 */
export class NetlinkSocket implements NetlinkChannel {
  #fd: number
  #sequence = 0
  #sendLimit = 0
  readonly #received = Buffer.alloc(DATAGRAM_BYTES)

  constructor(protocol: number, namespace?: NetworkNamespace) {
    const open = (): number => check(libc().socket(c.AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), 'socket')
    this.#fd = namespace ? namespace.run(open) : open()
    setOption(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
    setOption(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
    this.#bind()
    // Only then does a dump of routes look at what it is asked to filter by.
    if (protocol === c.NETLINK_ROUTE) setOption(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    this.#limit(SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    this.#allowSend(SEND_BUFFER_BYTES)
  }

  sequences(count: number): number {
    if (this.#sequence + count > 0x7fff_ffff) this.#sequence = 0
    const first = this.#sequence + 1
    this.#sequence += count
    return first
  }

  send(bytes: Buffer, length: number): void {
    this.#allowSend(length)
    for (;;) {
      const sent = libc().send(this.#fd, bytes, length, 0)
      if (sent >= 0) return
      if (lastErrno() !== EINTR) check(sent, 'send', 'netlink socket')
    }
  }

  receive(): Buffer | undefined {
    for (;;) {
      const length = libc().recv(this.#fd, this.#received, DATAGRAM_BYTES, MSG_DONTWAIT | MSG_TRUNC)
      if (length > DATAGRAM_BYTES) throw new WireError('datagram', DATAGRAM_BYTES, `has ${length} bytes`)
      if (length >= 0) return this.#received.subarray(0, length)
      const errno = lastErrno()
      if (errno === EAGAIN) return undefined
      if (errno !== EINTR) throw new KernelError({ errno, operation: 'recv', where: 'netlink socket' })
    }
  }

  /**
   * Like `send` and the first `receive`, beside the event loop: for a question that the kernel may have to look for an answer to for long, as it does all of that within these calls.
   * Nothing else may use the socket meanwhile. @throws KernelError
   */
  async sendInBackground(bytes: Buffer, length: number): Promise<void> {
    this.#allowSend(length)
    if ((await libcInBackground('send', this.#fd, bytes, length, 0)) < 0) this.send(bytes, length)
  }

  /** See `sendInBackground`. @throws KernelError, WireError */
  async receiveInBackground(): Promise<Buffer | undefined> {
    const length = await libcInBackground('recv', this.#fd, this.#received, DATAGRAM_BYTES, MSG_DONTWAIT)
    return length < 0 ? this.receive() : this.#received.subarray(0, length)
  }

  /** How much may wait to be received, in bytes; beyond it the kernel drops, and says ENOBUFS. */
  limitReceived(bytes: number): void {
    this.#limit(SO_RCVBUFFORCE, bytes)
  }

  /** For pollReadable. */
  get fd(): number {
    return this.#fd
  }

  /** The socket's own number in its namespace: notifications of what it asked for carry it. */
  get port(): number {
    const name = Buffer.alloc(12)
    check(libc().getsockname(this.#fd, name, Buffer.from(Uint32Array.of(name.length).buffer)), 'getsockname')
    return readU32(name, 4)
  }

  /** Receive what is multicast to a group of the protocol from now on. @throws KernelError, EPERM in another user namespace */
  join(group: number): void {
    setOption(this.#fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
  }

  close(): void {
    if (this.#fd >= 0) libc().close(this.#fd)
    this.#fd = -1
  }

  /** On a thread of libuv's pool, for sockets whose close may wait for the kernel. Resolves when it is closed. */
  async closeInBackground(): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) await libcInBackground('close', fd).catch(() => {})
  }

  /** Without a port of its own a socket counts as the kernel's, which gets no copy of what the kernel multicasts (do_one_broadcast). */
  #bind(): void {
    // struct sockaddr_nl with port 0: the kernel chooses one.
    const name = Buffer.alloc(12)
    Buffer.from(Uint16Array.of(c.AF_NETLINK).buffer).copy(name)
    check(libc().bind(this.#fd, name, name.length), 'bind', 'netlink socket')
  }

  /** A batch goes out in one datagram, which must fit the send buffer. */
  #allowSend(length: number): void {
    if (length <= this.#sendLimit) return
    this.#sendLimit = length
    this.#limit(SO_SNDBUFFORCE, length)
  }

  #limit(option: number, bytes: number): void {
    try {
      setOption(this.#fd, SOL_SOCKET, option, bytes)
    } catch {
      // Without CAP_NET_ADMIN the default stays; the request itself will then say EPERM, which is clearer than this.
    }
  }
}

/** One error or acknowledgement. */
export interface Answer {
  sequence: number
  /** 0: done. */
  errno: number
  /** The kernel's own words, if any. */
  text: string | undefined
  /** Offset, in the request, of the attribute that was refused. */
  offset: number | undefined
}

/** Reads an NLMSG_ERROR that the reader stands on. @throws WireError */
export function readAnswer(reader: MessageReader): Answer {
  if (reader.end < reader.start + 4) throw new WireError('acknowledgement', reader.at, 'is cut off')
  const answer: Answer = {
    sequence: reader.sequence,
    errno: -readI32(reader.bytes, reader.start),
    text: undefined,
    offset: undefined,
  }
  if ((reader.flags & c.NLM_F_ACK_TLVS) === 0 || (reader.flags & c.NLM_F_CAPPED) === 0) return answer
  const attributes = reader.extendedAttributes()
  while (attributes.next()) {
    if (attributes.type === c.NLMSGERR_ATTR_MSG) answer.text = attributes.string()
    else if (attributes.type === c.NLMSGERR_ATTR_OFFS) answer.offset = attributes.u32()
  }
  return answer
}

/** All errors and acknowledgements that are queued, and whether some were lost. @throws WireError, KernelError */
export function drainAnswers(socket: NetlinkChannel): { answers: Answer[]; lost: boolean } {
  const answers: Answer[] = []
  let lost = false
  for (;;) {
    const datagram = receiveOrLoss()
    if (datagram === undefined) return { answers, lost }
    const reader = new MessageReader(datagram)
    while (reader.next()) if (reader.type === c.NLMSG_ERROR) answers.push(readAnswer(reader))
  }

  function receiveOrLoss(): Buffer | undefined {
    try {
      return socket.receive()
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== ENOBUFS || lost) throw error
      lost = true
      return socket.receive()
    }
  }
}

const shared = new WeakMap<NetworkNamespace, Map<number, NetlinkSocket>>()
const own = new Map<number, NetlinkSocket>()

/**
 * The one socket of this process for that protocol in that namespace, for requests that are answered before the call returns. Closed with the
 * namespace.
 */
export function sharedSocket(protocol: number, namespace?: NetworkNamespace): NetlinkSocket {
  const sockets = namespace === undefined ? own : socketsOf(namespace)
  const known = sockets.get(protocol)
  if (known) return known
  const socket = new NetlinkSocket(protocol, namespace)
  sockets.set(protocol, socket)
  return socket
}

function socketsOf(namespace: NetworkNamespace): Map<number, NetlinkSocket> {
  const known = shared.get(namespace)
  if (known) return known
  const sockets = new Map<number, NetlinkSocket>()
  shared.set(namespace, sockets)
  namespace.onClose(() => {
    shared.delete(namespace)
    for (const socket of sockets.values()) socket.close()
  })
  return sockets
}
