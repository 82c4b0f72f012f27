import { KernelError } from '../../src/kernel/errors.ts'
import type { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { RawSocket } from '../../src/kernel/raw-socket.ts'
import { type Family, familyOf } from '../../src/model/ip.ts'
import { afterSilence } from '../silence.ts'

/**
 * The first half of an SCTP association (RFC 9260 §5.1), by raw packets: kernels without SCTP sockets still translate it. The state cookie of the INIT ACK carries what the
 * endpoint wants to say.
 */

const SCTP = 132
const ICMP = { IPv4: { protocol: 1, type: 3, code: 3 }, IPv6: { protocol: 58, type: 1, code: 4 } } as const
const INIT = 1
const INIT_ACK = 2
const STATE_COOKIE = 7

interface Chunk {
  type: number
  sourcePort: number
  destinationPort: number
  /** Of the packet: what the peer asked for, 0 for an INIT. */
  verificationTag: number
  initiateTag: number
  cookie: string
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value >>> 0
})

/** CRC32c (RFC 9260 appendix A) with the checksum field taken as 0. */
function checksum(packet: Buffer): number {
  let crc = 0xffffffff
  for (const [at, byte] of packet.entries()) {
    const counted = at >= 8 && at < 12 ? 0 : byte
    crc = ((crcTable[(crc ^ counted) & 0xff] as number) ^ (crc >>> 8)) >>> 0
  }
  return ~crc >>> 0
}

function encode({ type, sourcePort, destinationPort, verificationTag, initiateTag, cookie }: Chunk): Buffer {
  const text = Buffer.from(cookie)
  const parameter = text.length === 0 ? 0 : 4 + ((text.length + 3) & ~3)
  const packet = Buffer.alloc(12 + 20 + parameter)
  packet.writeUInt16BE(sourcePort, 0)
  packet.writeUInt16BE(destinationPort, 2)
  packet.writeUInt32BE(verificationTag, 4)
  packet.writeUInt8(type, 12)
  packet.writeUInt16BE(20 + (text.length === 0 ? 0 : 4 + text.length), 14)
  packet.writeUInt32BE(initiateTag, 16)
  // a_rwnd, outbound and inbound streams, initial TSN
  packet.writeUInt32BE(65_536, 20)
  packet.writeUInt16BE(1, 24)
  packet.writeUInt16BE(1, 26)
  packet.writeUInt32BE(1, 28)
  if (text.length > 0) {
    packet.writeUInt16BE(STATE_COOKIE, 32)
    packet.writeUInt16BE(4 + text.length, 34)
    text.copy(packet, 36)
  }
  packet.writeUInt32LE(checksum(packet), 8)
  return packet
}

/** undefined: no INIT or INIT ACK. @throws if the checksum is wrong */
function decode(packet: Buffer): Chunk | undefined {
  if (packet.length < 32) return undefined
  if (packet.readUInt32LE(8) !== checksum(packet)) throw new Error('wrong checksum')
  const type = packet.readUInt8(12)
  if (type !== INIT && type !== INIT_ACK) return undefined
  return {
    type,
    sourcePort: packet.readUInt16BE(0),
    destinationPort: packet.readUInt16BE(2),
    verificationTag: packet.readUInt32BE(4),
    initiateTag: packet.readUInt32BE(16),
    cookie: packet.length > 36 ? packet.subarray(36, 32 + packet.readUInt16BE(34)).toString() : '',
  }
}

/** Answers every INIT to the port with `name SOURCE`, or with what is wrong with it. Returns what ends it. */
export function serveSctp(namespace: NetworkNamespace, family: Family, name: string, port: number): () => void {
  const socket = new RawSocket(namespace, family, SCTP, ({ from, payload }) => {
    if (payload.readUInt16BE(2) !== port) return
    let says = `${name} ${from}`
    let tag = 0
    try {
      const chunk = decode(payload)
      if (chunk?.type !== INIT) return
      tag = chunk.initiateTag
    } catch (error) {
      says = String(error)
      tag = payload.readUInt32BE(16)
    }
    const answer: Chunk = {
      type: INIT_ACK,
      sourcePort: port,
      destinationPort: payload.readUInt16BE(0),
      verificationTag: tag,
      initiateTag: 1,
      cookie: says,
    }
    socket.send(from, encode(answer))
  })
  return () => socket.close()
}

let lastPort = 20_000

/** How long until the INIT is sent again; an association waits longer (RFC 9260 §5.1, T1-init). */
const againMs = 400

/** An INIT from a port of its own, sent again until something comes back: what the INIT ACK says; ECONNREFUSED for a port unreachable, TIMEOUT for nothing at all, or what is wrong with the answer. */
export async function askSctp(ns: NetworkNamespace, address: string, port: number, waitMs = 5000): Promise<string> {
  const family = familyOf(address)
  const sourcePort = ++lastPort
  const tag = 0x10_0000 + sourcePort
  const icmp = ICMP[family]
  const open: { close(): void }[] = []
  const answer = new Promise<string>((resolve) => {
    const stop = afterSilence(waitMs, () => resolve('TIMEOUT'))
    const settle = (text: string): void => {
      stop()
      resolve(text)
    }
    const socket = new RawSocket(ns, family, SCTP, ({ from, payload }) => {
      if (payload.readUInt16BE(2) !== sourcePort || payload.readUInt8(12) !== INIT_ACK) return
      try {
        const chunk = decode(payload)
        const isMine = from === address && chunk?.sourcePort === port && chunk.verificationTag === tag
        settle(isMine ? chunk.cookie : `answered by ${from} port ${chunk?.sourcePort}`)
      } catch (error) {
        settle(String(error))
      }
    })
    const errors = new RawSocket(ns, family, icmp.protocol, ({ payload }) => {
      if (payload[0] !== icmp.type || payload[1] !== icmp.code) return
      // ICMP header, then the packet that it is about: its own IP header, and the ports.
      const header = family === 'IPv4' ? ((payload[8] as number) & 15) * 4 : 40
      const about = payload.subarray(8 + header)
      if (about.length >= 4 && about.readUInt16BE(0) === sourcePort && about.readUInt16BE(2) === port) {
        settle('ECONNREFUSED')
      }
    })
    open.push(socket, errors)
    const again = setInterval(() => send(), againMs)
    open.push({ close: () => clearInterval(again) })
    const init = { type: INIT, sourcePort, destinationPort: port, verificationTag: 0, initiateTag: tag, cookie: '' }
    const packet = encode(init)
    const send = (): void => {
      try {
        socket.send(address, packet)
      } catch (error) {
        // Refused on its way out; the ICMP error says why.
        if (!(error instanceof KernelError && error.errnoName === 'EPERM')) settle(String(error))
      }
    }
    send()
  })
  const text = await answer
  for (const socket of open) socket.close()
  return text
}
