import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KernelError } from '../errors.ts'
import { hostLittleEndian, MessageReader, MessageWriter, WireError } from '../netlink/codec.ts'
import type { NetlinkChannel } from '../netlink/socket.ts'
import { deviceRequest, familyRequest, readFamily, readListenPort, writeGeneric } from './codec.ts'
import * as c from './constants.ts'
import { listenPortBy } from './listen-port.ts'

const written = (write: (writer: MessageWriter) => void): Buffer => {
  const writer = new MessageWriter(256)
  write(writer)
  return Buffer.from(writer.written())
}

const family = 0x25
const u16 = (writer: MessageWriter, type: number, value: number): void => {
  const start = writer.beginAttribute(type)
  writer.u16(value)
  writer.endAttribute(start)
}

const answer = (type: number, sequence: number, attributes: (writer: MessageWriter) => void): Buffer =>
  written((writer) =>
    writeGeneric(writer, { type, flags: 0, sequence, command: 1, version: 1 }, () => attributes(writer)),
  )

/** What the kernel says instead of an answer, or at the end of a dump: an errno. */
const verdict = (type: number, sequence: number, errno: number): Buffer =>
  written((writer) => {
    const start = writer.beginMessage(type, 0, sequence)
    writer.u32(-errno >>> 0)
    writer.endMessage(start)
  })

/** Answers each request by its sequence number. */
function channel(answers: (sequence: number) => Buffer[]): NetlinkChannel {
  let sequence = 0
  const queue: Buffer[] = []
  return {
    sequences: () => ++sequence,
    send: () => void queue.push(...answers(sequence)),
    receive: () => queue.shift(),
  }
}

const familyAnswer = (sequence: number) => answer(c.GENL_ID_CTRL, sequence, (writer) => u16(writer, 1, family))

describe.runIf(hostLittleEndian)('questions about WireGuard', () => {
  // nlmsghdr; then command, version and two zeros (linux/genetlink.h); then the name, its NUL, and zeros up to four bytes.
  it('are a generic header and a name', () => {
    const bytes = (request: ReturnType<typeof familyRequest>, flags: number) =>
      written((writer) => request.encode(writer, flags, 1)).toString('hex')
    expect(bytes(familyRequest('wireguard'), 1)).toBe(
      '24000000100001000100000000000000030100000e000200776972656775617264000000',
    )
    expect(bytes(deviceRequest(family, 'wg0'), 0x301)).toBe('1c000000250001030100000000000000000100000800020077673000')
  })
})

describe('the listen port of a WireGuard device', () => {
  it('stands in the first message of the dump', () => {
    const device = (sequence: number) =>
      answer(family, sequence, (writer) => {
        writer.string(c.WGDEVICE_A_IFNAME, 'wg0')
        u16(writer, c.WGDEVICE_A_LISTEN_PORT, 51_820)
      })
    const peers = (sequence: number) => answer(family, sequence, (writer) => writer.string(c.WGDEVICE_A_IFNAME, 'wg0'))
    const net = channel((sequence) =>
      sequence === 1
        ? [familyAnswer(sequence)]
        : [device(sequence), peers(sequence), verdict(c.NLMSG_DONE, sequence, 0)],
    )
    expect(listenPortBy(net, 'wg0')).toBe(51_820)
  })

  it('is none while it is 0', () => {
    const net = channel((sequence) =>
      sequence === 1
        ? [familyAnswer(sequence)]
        : [
            answer(family, sequence, (writer) => u16(writer, c.WGDEVICE_A_LISTEN_PORT, 0)),
            verdict(c.NLMSG_DONE, sequence, 0),
          ],
    )
    expect(listenPortBy(net, 'wg0')).toBeUndefined()
  })

  it('is an error that says so without WireGuard, and without the device', () => {
    const noFamily = channel((sequence) => [verdict(c.NLMSG_ERROR, sequence, 2)])
    const noDevice = channel((sequence) =>
      sequence === 1 ? [familyAnswer(sequence)] : [verdict(c.NLMSG_ERROR, sequence, 19)],
    )
    const codeOf = (net: NetlinkChannel): string | undefined => {
      try {
        listenPortBy(net, 'wg0')
        return undefined
      } catch (error) {
        return error instanceof KernelError ? error.errnoName : String(error)
      }
    }
    expect([codeOf(noFamily), codeOf(noDevice)]).toEqual(['ENOENT', 'ENODEV'])
  })

  it('is read from any bytes without a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        for (const read of [readFamily, readListenPort]) {
          try {
            const reader = new MessageReader(Buffer.from(bytes))
            while (reader.next()) read(reader)
          } catch (error) {
            if (!(error instanceof WireError)) throw error
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
