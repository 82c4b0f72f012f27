import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { isIP } from 'node:net'
import type { Identity } from '../certificates.ts'

export interface DialTarget {
  /** An address, never a name. */
  address: string
  port: number
}

/** Starts a connection from where the API server stands in the network. */
export type Dial = (target: DialTarget) => Socket

/** From this process's own network. */
export const dialFromHere: Dial = ({ address, port }) => connect({ host: address, port })

/** How long a connection may take to be made, in milliseconds. */
const connectTimeoutMs = 10_000

/** A connection that is made. @throws Error in the words of Go's dialer, e.g. `dial tcp 10.42.0.3:80: connect: connection refused` */
export async function connected(dial: Dial, target: DialTarget): Promise<Socket> {
  const socket = dial(target)
  try {
    await within(socket, once(socket, 'connect'))
    return socket
  } catch (cause) {
    socket.destroy()
    throw new Error(`dial tcp ${hostPort(target)}: ${reasonOf(cause)}`, { cause })
  }
}

/** As `connected`, with TLS on it; without an identity nobody is asked who they are (`https:` in a proxied name). */
export async function connectedTls(dial: Dial, target: DialTarget, identity?: Identity): Promise<TLSSocket> {
  const socket = await connected(dial, target)
  const secure = identity && { ca: identity.ca, cert: identity.certificate, key: identity.key }
  const tls = connectTls({ socket, host: target.address, rejectUnauthorized: identity !== undefined, ...secure })
  try {
    await within(tls, once(tls, 'secureConnect'))
    return tls
  } catch (cause) {
    tls.destroy()
    throw new Error(`tls: ${hostPort(target)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** `address:port` as a URL has it. */
export const hostPort = ({ address, port }: DialTarget): string =>
  isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`

async function within(socket: Socket, done: Promise<unknown>): Promise<void> {
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
    connectTimeoutMs,
  )
  try {
    await done
  } finally {
    clearTimeout(timer)
  }
}

/** As strerror(3) says it, and Go after it. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return reasons[code] ?? message
}
