import { type Family, formatAddress } from '../model/ip.ts'
import { errnoValues } from './errors.ts'
import { check, lastErrno, libc } from './ffi.ts'
import type { NetworkNamespace } from './network-namespace.ts'
import { watchReadable } from './readable.ts'
import { sockaddr } from './sockets.ts'

// asm-generic/socket.h, bits/socket.h
const domains = { IPv4: 2, IPv6: 10 } as const
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000

/** Longest IP packet. */
const PACKET_BYTES = 65_535

/** What came in: the payload of the IP packet, and who sent it. */
export interface RawPacket {
  from: string
  payload: Buffer
}

/**
 * A raw IP socket inside a namespace (raw(7)): all packets of one protocol that arrive there, as copies, and packets of that protocol to anywhere. The kernel writes the IP
 * header, the caller everything after it, checksums included. For protocols that the kernel has no sockets for.
 */
export class RawSocket {
  readonly #fd: number
  readonly #family: Family
  readonly #watch: { close(): void }
  readonly #buffer = Buffer.alloc(PACKET_BYTES)

  /** @param protocol a number of IANA's, such as 132 for SCTP. @throws KernelError EPERM without CAP_NET_RAW */
  constructor(ns: NetworkNamespace, family: Family, protocol: number, onPacket: (packet: RawPacket) => void) {
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC
    this.#family = family
    this.#fd = ns.run(() => check(libc().socket(domains[family], type, protocol), 'socket', `protocol ${protocol}`))
    this.#watch = watchReadable(this.#fd, () => this.#read(onPacket))
  }

  /** @throws KernelError, e.g. ENETUNREACH, EPERM where a rule drops it on its way out */
  send(to: string, payload: Buffer): void {
    const name = sockaddr(to, 0)
    check(libc().sendto(this.#fd, payload, payload.length, 0, name, name.length), 'sendto', to)
  }

  close(): void {
    this.#watch.close()
    libc().close(this.#fd)
  }

  #read(onPacket: (packet: RawPacket) => void): void {
    for (;;) {
      const name = Buffer.alloc(28)
      const nameLength = Buffer.from(Uint32Array.of(name.length).buffer)
      const length = libc().recvfrom(this.#fd, this.#buffer, PACKET_BYTES, 0, name, nameLength)
      if (length < 0) {
        // An ICMP error that belongs to an earlier packet is told here; the next packet may be there all the same.
        if (lastErrno() === errnoValues['EAGAIN']) return
        continue
      }
      // IPv4 comes with its header, IPv6 without (ipv6(7)).
      const header = this.#family === 'IPv4' ? ((this.#buffer[0] as number) & 15) * 4 : 0
      onPacket({ from: sender(this.#family, name), payload: Buffer.from(this.#buffer.subarray(header, length)) })
    }
  }
}

function sender(family: Family, name: Buffer): string {
  const bytes = family === 'IPv4' ? name.subarray(4, 8) : name.subarray(8, 24)
  return formatAddress({ family, number: BigInt(`0x${bytes.toString('hex')}`) })
}
