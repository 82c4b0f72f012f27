import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { isIPv4, isIPv6, Socket } from 'node:net'
import { WeftError } from '../model/error.ts'
import { parseIPv4, parseIPv6 } from './address.ts'
import { check, libc } from './ffi.ts'
import type { NetworkNamespace } from './network-namespace.ts'

// asm-generic/socket.h, linux/in6.h, bits/socket.h
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPPROTO_SCTP = 132
const IPV6_V6ONLY = 26

const LISTEN_BACKLOG = 511

/**
 * A listening TCP socket inside the namespace, for `net.Server.listen({ fd })`, which then owns and closes it. SO_REUSEADDR, not blocking,
 * close-on-exec; an IPv6 address takes IPv6 only. Port 0 lets the kernel choose (`server.address()` tells).
 * @throws KernelError, e.g. EADDRINUSE, EADDRNOTAVAIL
 */
export const listenTcp = (ns: NetworkNamespace, address: string, port: number): number =>
  listenStream(ns, address, port, 0)

/** A listening SCTP socket in one-to-one style (RFC 6458 §4), otherwise as `listenTcp`. @throws KernelError EPROTONOSUPPORT where the kernel has no SCTP */
export const listenSctp = (ns: NetworkNamespace, address: string, port: number): number =>
  listenStream(ns, address, port, IPPROTO_SCTP)

function listenStream(ns: NetworkNamespace, address: string, port: number, protocol: number): number {
  const fd = boundSocket(ns, SOCK_STREAM, address, port, protocol)
  return orClose(fd, () => {
    check(libc().listen(fd, LISTEN_BACKLOG), 'listen', `${address} port ${port}`)
    return fd
  })
}

export interface ConnectTarget {
  /** An address, never a name: names would be resolved outside of the namespace. */
  address: string
  port: number
  localAddress?: string
}

/**
 * Starts a connection from inside the namespace. The socket is Node's own in all respects: `connecting`, the event `connect`, and errors such as `connect ECONNREFUSED
 * 10.0.0.1:80` (EHOSTUNREACH after three seconds of ARP,
 * if the namespace's lo is up; ETIMEDOUT after the kernel's two minutes: use setTimeout). It may be returned from http.request's `createConnection`.
 */
export const connectTcp = (ns: NetworkNamespace, target: ConnectTarget): Socket => connectStream(ns, target, 0)

/**
 * As `connectTcp`, an SCTP association in one-to-one style (RFC 6458 §4): Node takes it for a connection of TCP, and reads messages as a stream of bytes.
 * @throws KernelError EPROTONOSUPPORT where the kernel has no SCTP
 */
export const connectSctp = (ns: NetworkNamespace, target: ConnectTarget): Socket =>
  connectStream(ns, target, IPPROTO_SCTP)

function connectStream(ns: NetworkNamespace, target: ConnectTarget, protocol: number): Socket {
  const { address, port, localAddress } = target
  sockaddr(address, port)
  const family = isIPv6(address) ? AF_INET6 : AF_INET
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
  const fd = ns.run(() => check(libc().socket(family, type, protocol), 'socket'))
  // net.Socket takes the unconnected socket as its handle; connect() then uses that handle instead of making one out here.
  const socket = orClose(fd, () => new Socket({ fd }))
  return socket.connect({ host: address, port, ...(localAddress !== undefined && { localAddress }) })
}

export interface UdpBinding {
  /** Default: any IPv4 address. */
  address?: string
  /** Default: one that the kernel chooses. */
  port?: number
}

/** A bound UDP socket inside the namespace. @throws KernelError, e.g. EADDRINUSE */
export async function udpSocket(ns: NetworkNamespace, binding: UdpBinding = {}): Promise<DatagramSocket> {
  const { address = '0.0.0.0', port = 0 } = binding
  const fd = boundSocket(ns, SOCK_DGRAM, address, port)
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ fd }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
  return socket
}

function boundSocket(ns: NetworkNamespace, type: number, address: string, port: number, protocol = 0): number {
  const where = `${address} port ${port}`
  const name = sockaddr(address, port)
  const family = isIPv6(address) ? AF_INET6 : AF_INET
  const fd = ns.run(() => check(libc().socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), 'socket', where))
  return orClose(fd, () => {
    if (type === SOCK_STREAM) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
    check(libc().bind(fd, name, name.length), 'bind', where)
    return fd
  })
}

/** setsockopt(2) with an int. */
export function setOption(fd: number, level: number, option: number, value: number): void {
  const bytes = Buffer.from(Int32Array.of(value).buffer)
  check(libc().setsockopt(fd, level, option, bytes, bytes.length), 'setsockopt')
}

function orClose<T>(fd: number, use: () => T): T {
  try {
    return use()
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes), ip(7), ipv6(7). */
export function sockaddr(address: string, port: number): Buffer {
  const v4 = isIPv4(address)
  const bytes = Buffer.alloc(v4 ? 16 : 28)
  Buffer.from(Uint16Array.of(v4 ? AF_INET : AF_INET6).buffer).copy(bytes)
  bytes.writeUInt16BE(port, 2)
  const written = v4 ? parseIPv4(address, 0, address.length, bytes, 4) : parseIPv6(address, 0, address.length, bytes, 8)
  if (written) return bytes
  throw new WeftError(`"${address}" is not an IP address`, { code: 'ADDRESS_INVALID', fault: 'internal' })
}
