import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WeftError } from '../../model/error.ts'
import { errnoValues, KernelError } from '../errors.ts'
import { AttributeReader, hostLittleEndian, MessageReader, MessageWriter, WireError } from '../netlink/codec.ts'
import type { NetlinkChannel } from '../netlink/socket.ts'
import { drainAnswers } from '../netlink/socket.ts'
import { Batch } from './batch.ts'
import { add, conformanceSets, remove } from './conformance.ts'
import { ElementDecoder, readComment, shapeOf, writeElement } from './elements.ts'
import { dumpBreathing, dumpNow, get } from './request.ts'
import { readTable } from './ruleset.ts'
import { runs, writeRun } from './runs.ts'
import type { Element, ElementChange, SetSpec } from './types.ts'

const shapes = new Map(conformanceSets.map((spec) => [spec.name, shapeOf(spec)]))
const shape = (set: string): ReturnType<typeof shapeOf> => shapes.get(set) as ReturnType<typeof shapeOf>
const EINVAL = errnoValues['EINVAL'] as number

/** Keeps what is sent and answers from a list; a number is an errno that receive fails with. */
class Script implements NetlinkChannel {
  sent = Buffer.alloc(0)
  readonly #answers: (Buffer | number)[]
  constructor(...answers: (Buffer | number)[]) {
    this.#answers = answers
  }
  sequences(): number {
    return 1
  }
  send(bytes: Buffer, length: number): void {
    this.sent = Buffer.from(bytes.subarray(0, length))
  }
  receive(): Buffer | undefined {
    const answer = this.#answers.shift()
    if (typeof answer === 'number') throw new KernelError({ errno: answer, operation: 'recv' })
    return answer
  }
}

function message(type: number, flags: number, sequence: number, payload: readonly number[] = []): Buffer {
  const bytes = Buffer.alloc(16 + payload.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.set(payload, 16)
  return bytes
}

const i32 = (value: number): number[] => [...Buffer.from(Int32Array.of(value).buffer)]
const error = (errno: number, sequence: number): Buffer =>
  message(2, 0x100, sequence, [...i32(-errno), ...new Array<number>(16).fill(0)])

function encode(changes: readonly ElementChange[], channel = new Script(error(0, 2))): Buffer {
  const batch = new Batch(channel)
  batch.begin(changes.length)
  for (const run of runs(changes)) {
    const set = (changes[run.first] as ElementChange).element.set
    writeRun(batch, { family: set.startsWith('wide') ? 'ip6' : 'ip', name: 't' }, shape(set), changes, run)
  }
  batch.commit('change', 'table ip t')
  return channel.sent
}

const hex = (text: string): string => text.replace(/\s+/g, '')

// Bytes of `nft --debug=mnl` 1.0.6 for the same command, its NFTA_SET_ELEM_LIST_SET_ID (set by name is enough) and its flags and sequence numbers taken out.
describe.runIf(hostLittleEndian)('messages as nft writes them', () => {
  it.each([
    [
      'a map of a concatenation, with a comment',
      add('services', '10.43.0.10 . tcp . 80', String(0x2000_0001), 'default/web'),
      `0a0c 02000000  0600 0100 74000000  0d00 0200 73657276 69636573 00000000  3c00 0380  3800 0180
       1400 0180 1000 0100 0a2b000a 06000000 00500000  0c00 0280 0800 0100 01000020
       1200 0600 000c6465 6661756c 742f7765 62000000`,
    ],
    [
      'an interval, start and end',
      add('cidrs', '10.42.0.0/16'),
      `0a0c 02000000  0600 0100 74000000  0a00 0200 63696472 73000000  2c00 0380
       1000 0180 0c00 0180 0800 0100 0a2a0000
       1800 0180 0800 0300 00000001 0c00 0180 0800 0100 0a2b0000`,
    ],
    [
      'an interval of a concatenation',
      add('sources', '10.0.0.1 . tcp . 80 . 192.168.0.0/24'),
      `0a0c 02000000  0600 0100 74000000  0c00 0200 736f7572 63657300  3800 0380  3400 0180
       1800 0180 1400 0100 0a000001 06000000 00500000 c0a80000
       1800 0a80 1400 0100 0a000001 06000000 00500000 c0a800ff`,
    ],
    [
      'an interface name',
      add('interfaces', 'eth0'),
      `0a0c 02000000  0600 0100 74000000  0f00 0200 696e7465 72666163 65730000  2000 0380  1c00 0180  1800 0180
       1400 0100 65746830 00000000 00000000 00000000`,
    ],
    [
      'an IPv6 key',
      add('wide', 'fd00::1 . udp . 53', '7'),
      `0a0c 0a000000  0600 0100 74000000  0900 0200 77696465 00000000  3400 0380  3000 0180
       2000 0180 1c00 0100 fd000000 00000000 00000000 00000001 11000000 00350000
       0c00 0280 0800 0100 07000000`,
    ],
    [
      'a delete',
      remove('services', '10.43.0.10 . tcp . 80'),
      `0a0e 02000000  0600 0100 74000000  0d00 0200 73657276 69636573 00000000  1c00 0380  1800 0180
       1400 0180 1000 0100 0a2b000a 06000000 00500000`,
    ],
  ])('%s', (_, change, golden) => {
    const sent = encode([change])
    const reader = new MessageReader(sent)
    const parts: string[] = []
    while (reader.next()) {
      const type = Buffer.from([reader.type >> 8, reader.type & 0xff]).toString('hex')
      parts.push(type + sent.toString('hex', reader.start, reader.end))
    }
    expect(parts).toEqual(['00100000000a', hex(golden), '00110000000a'])
  })

  it('asks for one acknowledgement, at the last message', () => {
    const reader = new MessageReader(encode([add('ports', '1'), add('lists', '1', '1')], new Script(error(0, 3))))
    const flags: number[] = []
    while (reader.next()) flags.push(reader.flags)
    expect(flags).toEqual([1, 0x401, 0x405, 1])
  })

  it('packs at most 1,000 elements and 64 KiB into a message', () => {
    const count = (changes: ElementChange[]): number => {
      const sent = encode(changes, new Script(...Array.from({ length: 12 }, (_, i) => error(0, i))))
      const reader = new MessageReader(sent)
      let messages = -2
      while (reader.next()) {
        messages++
        expect(reader.end - reader.at).toBeLessThan(65_536)
      }
      return messages
    }
    const ports = Array.from({ length: 2001 }, (_, i) => add('ports', String(i)))
    expect(count(ports)).toBe(3)
    const long = Array.from({ length: 1000 }, (_, i) => add('wide', `fd00::${i} . udp . 53`, '7', 'x'.repeat(127)))
    expect(count(long)).toBe(3)
  })
})

describe('answers', () => {
  const change = (channel: Script): void => void encode([add('ports', '1'), add('lists', '1', '1')], channel)

  it('is the first refusal, with every message that failed', () => {
    expect(() => change(new Script(error(EINVAL, 2), error(2, 3)))).toThrow(
      expect.objectContaining({ errnoName: 'EINVAL', failed: [0, 1], where: 'set ip t ports' }),
    )
  })

  it('blames all for an error of the batch itself', () => {
    expect(() => change(new Script(error(1, 1)))).toThrow(
      expect.objectContaining({ errnoName: 'EPERM', failed: [0, 1] }),
    )
  })

  it('passes over answers to older requests', () => {
    expect(() => change(new Script(error(EINVAL, 99), error(0, 3)))).not.toThrow()
  })

  it('finds a refusal behind a lost answer, and says so when all are lost', () => {
    const ENOBUFS = errnoValues['ENOBUFS'] as number
    expect(() => change(new Script(ENOBUFS, error(EINVAL, 2)))).toThrow(
      expect.objectContaining({ errnoName: 'EINVAL' }),
    )
    expect(() => change(new Script(ENOBUFS, error(0, 3)))).not.toThrow()
    expect(() => change(new Script(ENOBUFS))).toThrow(expect.objectContaining({ errnoName: 'ENOBUFS' }))
    expect(() => change(new Script())).toThrow(expect.objectContaining({ errnoName: 'EPROTO' }))
  })
})

describe('dumps', () => {
  const request = { type: 0xa0d, family: 'ip', operation: 'list', where: 'set ip t x' } as const
  const part = (flags: number, generation: number): Buffer =>
    message(0xa0c, 2 | flags, 1, [2, 0, generation >> 8, generation & 0xff])
  const done = message(3, 2, 1, i32(0))

  it('starts over when interrupted, or when the generation changes', async () => {
    const good = [part(0, 7), done]
    expect(dumpNow(new Script(part(0x10, 7), done, ...good), request)).toEqual(good)
    expect(dumpNow(new Script(part(0, 6), part(0, 7), done, ...good), request)).toEqual(good)
    expect(await dumpBreathing(new Script(part(0, 6), message(3, 0x12, 1), ...good), request)).toEqual(good)
  })

  it('gives up at last', async () => {
    const script = (): Script => new Script(...Array.from({ length: 8 }, () => [part(0x10, 7), done]).flat())
    expect(() => dumpNow(script(), request)).toThrow(expect.objectContaining({ errnoName: 'EINTR' }))
    await expect(dumpBreathing(script(), request)).rejects.toMatchObject({ errnoName: 'EINTR' })
  })

  it('tells refusals and broken answers', () => {
    expect(() => dumpNow(new Script(error(2, 1)), request)).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }))
    expect(() => dumpNow(new Script(part(0, 7)), request)).toThrow(WireError)
    expect(() => get(new Script(), request, readTable)).toThrow(expect.objectContaining({ errnoName: 'EPROTO' }))
    expect(() => get(new Script(error(2, 1)), request, readTable)).toThrow(
      expect.objectContaining({ errnoName: 'ENOENT' }),
    )
  })
})

function roundTrip(spec: SetSpec, elements: readonly Element[]): Element[] {
  const writer = new MessageWriter(64)
  writer.reserve(8)
  const list = writer.beginNest(3)
  for (const element of elements) writeElement(writer, shapeOf(spec), element, 'add')
  writer.endAttribute(list)
  const decoder = new ElementDecoder(shapeOf(spec))
  const into: Element[] = []
  decoder.message(new AttributeReader(writer.bytes, 0, writer.position), into)
  return [...into, ...decoder.rest()]
}

const fields = {
  ipv4_addr: fc.ipV4(),
  ipv6_addr: fc
    .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.map((group) => group.toString(16)).join(':')),
  inet_proto: fc.oneof(
    fc.constantFrom('tcp', 'udp', 'sctp', 'icmp', 'ipv6-icmp'),
    fc.integer({ min: 200, max: 255 }).map(String),
  ),
  inet_service: fc.integer({ min: 0, max: 65_535 }).map(String),
  u32: fc.integer({ min: 0, max: 0xffff_ffff }).map(String),
  ifname: fc.stringMatching(/^[a-z@][a-z0-9.@_-]{0,14}$/),
} as const

const elementOf = (spec: SetSpec): fc.Arbitrary<Element> =>
  fc
    .tuple(
      fc.tuple(...spec.key.map((type) => fields[type])),
      fc.tuple(...(spec.data ?? []).map((type) => fields[type])),
      fc.option(
        fc
          .string({ unit: 'grapheme', maxLength: 20 })
          .filter((text) => !text.includes('\0') && Buffer.byteLength(text) < 254),
      ),
    )
    .map(([key, data, comment]) => ({
      set: spec.name,
      key: key.join(' . '),
      ...(spec.data && { data: data.join(' . ') }),
      ...(spec.verdict && { data: 'jump sticky-600' }),
      ...(comment !== null && { comment }),
    }))

describe('elements', () => {
  it.each(conformanceSets.map((spec) => [spec.name, spec] as const))('come back as they went: %s', (_, spec) => {
    fc.assert(
      fc.property(elementOf(spec), (element) => {
        const [back] = roundTrip(spec, [element])
        // Addresses come back in their canonical form, which must be stable from then on.
        expect(roundTrip(spec, [back as Element])).toEqual([back])
        if (!spec.key.includes('ipv6_addr') && !spec.data?.includes('ipv6_addr')) expect(back).toEqual(element)
        expect(back?.comment).toBe(element.comment)
      }),
    )
  })

  it('keeps disjoint intervals apart', () => {
    const spec = conformanceSets.find(({ name }) => name === 'cidrs') as SetSpec
    const disjoint = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(disjoint, (numbers) => {
        const elements = numbers.map((n) => ({ set: 'cidrs', key: `${n}.0.0.0/8` }))
        const keys = roundTrip(spec, elements).map(({ key }) => key)
        expect(keys.sort()).toEqual(elements.map(({ key }) => key).sort())
      }),
    )
  })

  it.each([
    '10.0.0.1 . tcp . 80 . 1',
    '10.0.0.1 .tcp . 80',
    '10.0.0.1 . 0x6 . 80',
    '10.0.0.1 . tcp . 080',
    '10.0.0.1 . tcp . 65536',
    '010.0.0.1 . tcp . 80',
    '',
    ' . ',
  ])('refuses "%s"', (key) => {
    expect(() => roundTrip(shape('services').spec, [{ set: 'services', key, data: '1' }])).toThrow(
      expect.objectContaining({ code: 'NFT_ELEMENT_INVALID' }),
    )
  })

  it('refuses text or writes it, whatever it is', () => {
    const anything = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f.:/ -]{0,40}$/))
    fc.assert(
      fc.property(fc.constantFrom(...conformanceSets), anything, (spec, key) => {
        try {
          roundTrip(spec, [{ set: spec.name, key, ...(spec.data && { data: key }) }])
        } catch (error) {
          expect(error).toBeInstanceOf(WeftError)
        }
      }),
    )
  })
})

describe('decoders', () => {
  const total = (decode: (bytes: Buffer) => void): void => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 500 },
    )
  }
  const whole = (bytes: Buffer): AttributeReader => new AttributeReader(bytes, 0, bytes.length)

  it('never throw anything but WireError', () => {
    total((bytes) => {
      const reader = new MessageReader(bytes)
      while (reader.next()) reader.attributes(4).next()
    })
    total((bytes) => readTable(whole(bytes)))
    total((bytes) => readComment(bytes, 0, bytes.length))
    total((bytes) => drainAnswers(new Script(bytes)))
    for (const spec of conformanceSets) {
      total((bytes) => {
        const decoder = new ElementDecoder(shapeOf(spec))
        decoder.message(whole(bytes), [])
        decoder.rest()
      })
    }
  })

  it('never throw anything but WireError for an element with one byte changed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...conformanceSets), fc.nat(), fc.nat(255), (spec, position, byte) => {
        const writer = new MessageWriter(1024)
        const [element] = fc.sample(elementOf(spec), { numRuns: 1, seed: position })
        const list = writer.beginNest(3)
        writeElement(writer, shapeOf(spec), element as Element, 'add')
        writer.endAttribute(list)
        const bytes = Buffer.from(writer.written())
        bytes[position % bytes.length] = byte
        try {
          new ElementDecoder(shapeOf(spec)).message(whole(bytes), [])
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
