import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostLittleEndian, MessageReader, MessageWriter, WireError } from '../netlink/codec.ts'
import { readFlow, writeDelete, writeGet, writeTuple } from './codec.ts'
import * as c from './constants.ts'
import { flowsIn } from './kernel.ts'
import type { Flow, FlowFilter } from './types.ts'

// What Linux 6.18 answered to a dump, x86-64: a translated UDP flow in zone 7 with mark 9, and a translated TCP flow of IPv6.
const goldenUdp = Buffer.from(
  'c80000000001220001000000190a36a7020000003400018014000180080001000a2a0007080002000a2b000a1c0002800500010011000000060002009c40' +
    '000006000300003500003400028014000180080001000a2a0005080002000a2a00071c00028005000100110000000600020014e90000060003009c400000' +
    '060012000007000008000300000001a8080008000000000908000c00c494148708000b000000000108000700000002571c00188008000100000000000800' +
    '0200000000000800030000000000',
  'hex',
)
const goldenTcp = Buffer.from(
  '200100000001220001000000f49d8c8d0a0000004c0001802c00018014000300fd42000000000000000000000000000714000400fd430000000000000000' +
    '0000000000101c0002800500010006000000060002009c41000006000300005000004c0002802c00018014000300fd420000000000000000000000000005' +
    '14000400fd4200000000000000000000000000071c0002800500010006000000060002001f900000060003009c41000008000300000001a8080008000000' +
    '000008000c00be4c561508000b00000000010800070000000257300004802c00018005000100000000000500020000000000050003000000000006000400' +
    '0000000006000500000000001c001880080001000000000008000200000000000800030000000000',
  'hex',
)

const udpFlow: Flow = {
  family: 'IPv4',
  protocol: 17,
  original: { source: '10.42.0.7', sourcePort: 40000, destination: '10.43.0.10', destinationPort: 53 },
  reply: { source: '10.42.0.5', sourcePort: 5353, destination: '10.42.0.7', destinationPort: 40000 },
  status: { seenReply: false, assured: false, snat: false, dnat: true },
  mark: 9,
  zone: 7,
  id: 0xc4941487,
}

const written = (write: (writer: MessageWriter) => void): Buffer => {
  const writer = new MessageWriter()
  write(writer)
  return Buffer.from(writer.written())
}

describe.skipIf(!hostLittleEndian)('flows as the kernel writes them', () => {
  it('are read', () => {
    expect(flowsIn(goldenUdp)).toEqual([udpFlow])
    expect(flowsIn(goldenTcp)).toMatchObject([
      {
        family: 'IPv6',
        protocol: 6,
        original: { source: 'fd42::7', sourcePort: 40001, destination: 'fd43::10', destinationPort: 80 },
        reply: { source: 'fd42::5', sourcePort: 8080, destination: 'fd42::7', destinationPort: 40001 },
        status: { dnat: true },
        zone: 0,
      },
    ])
  })

  it('are named for deletion by whole tuple, zone and id', () => {
    const request = written((writer) => writeDelete(writer, 4, 5, udpFlow))
    // The original tuple is just what the kernel sent.
    expect(request.includes(goldenUdp.subarray(20, 20 + 0x34))).toBe(true)
    expect(request.toString('hex')).toContain('08000c00c4941487')
    expect(request.toString('hex')).toContain('0600120000070000')
  })

  it('are never deleted without a tuple, which would flush the table', () => {
    expect(() => written((writer) => writeDelete(writer, 4, 5, { ...udpFlow, protocol: 1 }))).toThrow(
      expect.objectContaining({ code: 'CONNTRACK_PROTOCOL' }),
    )
    const original = { ...udpFlow.original, source: 'x' }
    expect(() => written((writer) => writeDelete(writer, 4, 5, { ...udpFlow, original }))).toThrow(
      expect.objectContaining({ code: 'ADDRESS_INVALID' }),
    )
  })
})

describe('what the kernel can filter by itself', () => {
  const attributes = (filter: FlowFilter): number[] => {
    const reader = new MessageReader(written((writer) => writeGet(writer, 0x300, 1, filter)))
    reader.next()
    const found: number[] = []
    for (const list = reader.attributes(4); list.next(); ) found.push(list.type)
    return found
  }
  it.each<[string, FlowFilter, number[]]>([
    ['nothing', { family: 'IPv4' }, []],
    ['the protocol', { family: 'IPv4', protocol: 17 }, [c.CTA_TUPLE_ORIG, c.CTA_FILTER]],
    ['an address', { family: 'IPv4', original: { source: '1.2.3.4' } }, [c.CTA_TUPLE_ORIG, c.CTA_FILTER]],
    ['no address of IPv6', { family: 'IPv6', original: { source: 'fd00::1' } }, []],
    ['no port without a protocol', { family: 'IPv4', reply: { sourcePort: 1 } }, []],
    ['mark', { family: 'IPv4', mark: 1 }, [c.CTA_MARK, c.CTA_MARK_MASK]],
    ['status', { family: 'IPv4', dnat: false }, [c.CTA_STATUS, c.CTA_STATUS_MASK]],
  ])('%s', (_name, filter, expected) => {
    expect(attributes(filter)).toEqual(expected)
  })
})

const octet = fc.integer({ min: 0, max: 255 })
const port = fc.integer({ min: 0, max: 65_535 })
const address4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'))
const tupleOf = (address: fc.Arbitrary<string>) =>
  fc.record({ source: address, sourcePort: port, destination: address, destinationPort: port })

describe('the codec', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(tupleOf(address4), tupleOf(address4), octet, (original, reply, protocol) => {
        const message = written((writer) => {
          const start = writer.beginMessage(c.IPCTNL_MSG_CT_NEW, 0, 1)
          writer.u32(2)
          writeTuple(writer, c.CTA_TUPLE_ORIG, original, protocol)
          writeTuple(writer, c.CTA_TUPLE_REPLY, reply, protocol)
          writer.endMessage(start)
        })
        expect(flowsIn(message)).toMatchObject([{ family: 'IPv4', protocol, original, reply, mark: 0, zone: 0, id: 0 }])
      }),
    )
  })

  it('meets any bytes with flows or with WireError', () => {
    const spoilt = fc
      .tuple(fc.constantFrom(goldenUdp, goldenTcp), fc.array(fc.tuple(fc.nat(), octet), { maxLength: 8 }), fc.nat())
      .map(([golden, edits, cut]) => {
        const bytes = Buffer.from(golden)
        for (const [at, value] of edits) bytes[at % bytes.length] = value
        return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
      })
    fc.assert(
      fc.property(
        fc.oneof(
          spoilt,
          fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
        ),
        (bytes) => {
          try {
            flowsIn(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(WireError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('takes no notice of other messages', () => {
    const done = written((writer) => writer.endMessage(writer.beginMessage(3, 0, 1)))
    const reader = new MessageReader(done)
    reader.next()
    expect(readFlow(reader)).toBeUndefined()
  })
})
