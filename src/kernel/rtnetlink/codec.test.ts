import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KernelError } from '../errors.ts'
import { hostLittleEndian, MessageReader, MessageWriter, WireError } from '../netlink/codec.ts'
import type { NetlinkChannel } from '../netlink/socket.ts'
import { addAddress, addLink, addRoute, deleteRoute } from './conformance.ts'
import * as c from './constants.ts'
import { writeChange } from './encode.ts'
import { KernelRouteNetlink } from './kernel.ts'
import type { Resolver } from './link.ts'
import { decodeEvent, type NetworkEvent } from './monitor.ts'
import type { Change, RouteSpec } from './types.ts'

const indexes: Record<string, number> = { lo: 1, br0: 2, v1: 3, v0: 4, 'flannel.1': 5 }
const resolver: Resolver = { index: (name) => indexes[name] as number, namespaceFd: () => 9 }
const nameOf = (index: number): string => Object.keys(indexes).find((name) => indexes[name] === index) ?? `if${index}`

function encode(change: Change): Buffer {
  const writer = new MessageWriter(64)
  writeChange(writer, change, 0, resolver)
  return Buffer.from(writer.written())
}

function decode(bytes: Buffer): NetworkEvent | undefined {
  const reader = new MessageReader(bytes)
  return reader.next() ? decodeEvent(reader, nameOf) : undefined
}

const route = (over: Partial<RouteSpec> = {}): RouteSpec => ({
  dst: '10.42.1.0/24',
  via: '10.0.0.2',
  dev: 'br0',
  protocol: 87,
  ...over,
})
const neighbour = { dev: 'br0', address: '10.0.0.2', lladdr: '02:00:00:00:00:02' }
const fdb = { dev: 'flannel.1', lladdr: '02:00:00:00:00:02', via: '10.0.0.2' }
const vxlan = { id: 1, dev: 'br0', local: '10.0.0.1', port: 8472, learning: false }

// Bytes of iproute2 6.1 for the same commands: type and flags, then all after the nlmsghdr. Set right here: NLA_F_NESTED, and the NUL after a link's kind, which it leaves out.
describe.runIf(hostLittleEndian)('messages as ip and bridge write them', () => {
  it.each<[string, Change, string]>([
    [
      'link add br0 type bridge',
      addLink({ kind: 'bridge', name: 'br0' }),
      '1000 0506 00000000000000000000000000000000 0800030062723000 10001280 0b00010062726964676500 00',
    ],
    [
      'link add v0 mtu 1400 address … type veth peer name v1',
      addLink({ kind: 'veth', name: 'v0', mtuBytes: 1400, address: '02:00:00:00:00:01', peer: { name: 'v1' } }),
      `1000 0506 00000000000000000000000000000000 0800040078050000 0a00010002000000000100 00 0700030076300000
       30001280 090001007665746800000000 20000280 1c000180 00000000000000000000000000000000 0700030076310000`,
    ],
    [
      'link add flannel.1 type vxlan id 1 dev br0 local 10.0.0.1 dstport 8472 nolearning',
      addLink({ kind: 'vxlan', name: 'flannel.1', vxlan }),
      `1000 0506 00000000000000000000000000000000 0e000300666c616e6e656c2e31000000
       3c001280 0a0001007678 6c616e000000 2c000280 0800010001000000 0800030002000000 080004000a000001 0500070000000000 06000f0021180000`,
    ],
    [
      'link set v0 up master br0',
      { object: 'link', op: 'set', value: { name: 'v0', up: true, master: 'br0' } },
      '1000 0500 00000000040000000100000001000000 08000a0002000000',
    ],
    [
      'link set v1 name v2',
      { object: 'link', op: 'set', value: { name: 'v1', newName: 'v2' } },
      '1000 0500 00000000030000000000000000000000 0700030076320000',
    ],
    [
      'addr add 10.0.0.1/24 brd + dev br0',
      addAddress('br0', '10.0.0.1/24'),
      '1400 0506 0218020002000000 080002000a000001 080001000a000001 080004000a0000ff',
    ],
    [
      'addr add fd00::1/64 dev br0 nodad',
      addAddress('br0', 'fd00::1/64'),
      `1400 0506 0a40020002000000 14000200fd000000000000000000000000000001 14000100fd000000000000000000000000000001`,
    ],
    [
      'addr del 10.0.0.1/24 dev br0',
      { object: 'address', op: 'delete', value: { dev: 'br0', address: '10.0.0.1/24' } },
      '1500 0500 0218000002000000 080002000a000001 080001000a000001',
    ],
    [
      'route add 10.42.1.0/24 via 10.0.0.2 dev br0 proto 87',
      addRoute(route()),
      '1800 0506 02180000fe57000100000000 080001000a2a0100 080005000a000002 0800040002000000',
    ],
    [
      'route add fd42:1::/64 via fd00::2 dev br0 proto 87',
      addRoute(route({ dst: 'fd42:1::/64', via: 'fd00::2' })),
      `1800 0506 0a400000fe57000100000000 14000100fd420001000000000000000000000000
       14000500fd000000000000000000000000000002 0800040002000000`,
    ],
    [
      'route replace 10.42.1.0/24 via 10.0.0.3 dev br0 proto 87',
      { object: 'route', op: 'replace', value: route({ via: '10.0.0.3' }) },
      '1800 0505 02180000fe57000100000000 080001000a2a0100 080005000a000003 0800040002000000',
    ],
    [
      'route add 10.42.2.0/24 via 10.9.9.9 dev br0 onlink metric 50 table 7000',
      addRoute({ dst: '10.42.2.0/24', via: '10.9.9.9', dev: 'br0', onlink: true, metric: 50, table: 7000 }),
      `1800 0506 021800000003000104000000 080001000a2a0200 080005000a090909 0800060032000000 08000f00581b0000
       0800040002000000`,
    ],
    [
      'route add blackhole 10.43.0.0/16',
      addRoute({ dst: '10.43.0.0/16', type: 'blackhole' }),
      '1800 0506 02100000fe03000600000000 080001000a2b0000',
    ],
    [
      'route add local 10.44.0.0/16 dev lo table local',
      addRoute({ dst: '10.44.0.0/16', type: 'local', dev: 'lo', table: 255 }),
      '1800 0506 02100000ff03fe0200000000 080001000a2c0000 0800040001000000',
    ],
    [
      'route del 10.42.1.0/24 via 10.0.0.3 dev br0 proto 87',
      deleteRoute(route({ via: '10.0.0.3' })),
      '1900 0500 02180000fe57ff0000000000 080001000a2a0100 080005000a000003 0800040002000000',
    ],
    [
      'neigh add 10.0.0.2 lladdr … dev br0 nud permanent',
      { object: 'neighbour', op: 'add', value: neighbour },
      '1c00 0506 020000000200000080000000 080001000a000002 0a00020002000000000200 00',
    ],
    [
      'neigh replace fd00::2 lladdr … dev br0 nud permanent',
      { object: 'neighbour', op: 'replace', value: { ...neighbour, address: 'fd00::2' } },
      '1c00 0505 0a0000000200000080000000 14000100fd000000000000000000000000000002 0a00020002000000000200 00',
    ],
    [
      'neigh del 10.0.0.2 dev br0',
      { object: 'neighbour', op: 'delete', value: { dev: 'br0', address: '10.0.0.2' } },
      '1d00 0500 020000000200000080000000 080001000a000002',
    ],
    [
      'fdb add … dev flannel.1 dst 10.0.0.2 self permanent',
      { object: 'fdb', op: 'add', value: fdb },
      '1c00 0506 0700000005000000c0000200 0a00020002000000000200 00 080001000a000002',
    ],
    [
      'fdb del … dev flannel.1 dst 10.0.0.2 self',
      { object: 'fdb', op: 'delete', value: fdb },
      '1d00 0500 0700000005000000c0000200 0a00020002000000000200 00 080001000a000002',
    ],
  ])('%s', (_, change, golden) => {
    const bytes = encode(change)
    expect(bytes.toString('hex', 4, 8) + bytes.toString('hex', 16)).toBe(golden.replace(/\s+/g, ''))
    expect(bytes.readUInt32LE(0)).toBe(bytes.length)
  })

  // `link del` by name instead of index: one request instead of two.
  it('link del v0', () => {
    const bytes = encode({ object: 'link', op: 'delete', value: { name: 'v0' } })
    expect(bytes.toString('hex', 4, 8)).toBe('11000500')
    expect(bytes.toString('hex', 16)).toBe('000000000000000000000000000000000700030076300000')
  })
})

const ipv4 = fc.ipV4()
const ipv6 = fc
  .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'))
const cidr = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 1, max: 32 })).map(([address, length]) => `${address}/${length}`),
  fc.tuple(ipv6, fc.integer({ min: 1, max: 128 })).map(([address, length]) => `${address}/${length}`),
)
const dev = fc.constantFrom('lo', 'br0', 'v0', 'flannel.1')
const mac = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'))

describe('what is written can be read', () => {
  it('routes', () => {
    const spec = fc.record(
      {
        dst: cidr,
        dev,
        metric: fc.nat(),
        table: fc.integer({ min: 1, max: 0xffff_ffff }),
        protocol: fc.integer({ min: 1, max: 255 }),
        type: fc.constantFrom('unicast', 'local', 'blackhole', 'unreachable', 'prohibit', 'throw'),
        onlink: fc.boolean(),
      },
      { requiredKeys: ['dst', 'metric', 'table', 'protocol', 'type', 'onlink'] },
    )
    fc.assert(
      fc.property(spec, fc.boolean(), ipv4, ipv6, (value, hasGateway, gateway4, gateway6) => {
        const family = value.dst.includes(':') ? 'IPv6' : 'IPv4'
        const made = { ...value, ...(hasGateway && { via: family === 'IPv4' ? gateway4 : gateway6 }) }
        const event = decode(encode({ object: 'route', op: 'add', value: made }))
        expect(event).toEqual({ op: 'new', port: 0, object: 'route', value: { family, ...made } })
      }),
    )
  })

  it('addresses, neighbours and FDB entries', () => {
    fc.assert(
      fc.property(cidr, dev, mac, fc.oneof(ipv4, ipv6), (address, device, lladdr, ip) => {
        const added = decode(encode({ object: 'address', op: 'add', value: { dev: device, address } }))
        expect(added?.value).toEqual({ dev: device, address, tentative: false, deprecated: false })
        const entry = { dev: device, address: ip, lladdr, state: 'permanent' } as const
        expect(decode(encode({ object: 'neighbour', op: 'delete', value: entry }))).toEqual({
          op: 'delete',
          port: 0,
          object: 'neighbour',
          value: entry,
        })
        const forward = { dev: device, lladdr, via: ip, state: 'permanent' } as const
        expect(decode(encode({ object: 'fdb', op: 'add', value: forward }))).toMatchObject({ value: forward })
      }),
    )
  })

  it('links', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9.]{3,15}$/),
        mac,
        fc.integer({ min: 68, max: 65_535 }),
        fc.boolean(),
        (name, address, mtuBytes, learning) => {
          const made = addLink({ kind: 'vxlan', name, address, mtuBytes, up: true, vxlan: { ...vxlan, learning } })
          const { dev: _, ...settings } = vxlan
          expect(decode(encode(made))).toMatchObject({
            object: 'link',
            value: { name, kind: 'vxlan', up: true, address, mtuBytes, vxlan: { ...settings, learning, devIndex: 2 } },
          })
        },
      ),
    )
  })
})

describe('bytes that are not what they should be', () => {
  const total = (bytes: Buffer): void => {
    try {
      const reader = new MessageReader(bytes)
      while (reader.next()) decodeEvent(reader, nameOf)
    } catch (error) {
      expect(error).toBeInstanceOf(WireError)
    }
  }
  const types = fc.constantFrom(
    c.RTM_NEWLINK,
    c.RTM_DELLINK,
    c.RTM_NEWADDR,
    c.RTM_NEWROUTE,
    c.RTM_DELROUTE,
    c.RTM_NEWNEIGH,
  )

  it('random ones are read or refused, never worse', () => {
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 200 }), (type, payload) => {
        const writer = new MessageWriter(256)
        const start = writer.beginMessage(type, 0, 0)
        writer.bytes.set(payload, writer.position)
        writer.position += payload.length
        writer.endMessage(start)
        total(Buffer.from(writer.written()))
        total(Buffer.from(payload))
      }),
      { numRuns: 2000 },
    )
  })

  it('real ones with one byte changed', () => {
    const real = [
      encode(addLink({ kind: 'vxlan', name: 'flannel.1', vxlan })),
      encode(addRoute(route({ metric: 5, source: '10.0.0.1' }))),
      encode({ object: 'fdb', op: 'add', value: fdb }),
      encode(addAddress('br0', 'fd00::1/64')),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...real), fc.nat(), fc.integer({ min: 0, max: 255 }), (bytes, at, value) => {
        const changed = Buffer.from(bytes)
        changed[at % changed.length] = value
        total(changed)
      }),
      { numRuns: 2000 },
    )
  })
})

/** Answers from a list, whatever is asked; a number is an errno that receive fails with. */
class Script implements NetlinkChannel {
  readonly sent: Buffer[] = []
  readonly #answers: (Buffer | number)[]
  #sequence = 0
  constructor(...answers: (Buffer | number)[]) {
    this.#answers = answers
  }
  sequences(count: number): number {
    this.#sequence += count
    return this.#sequence - count + 1
  }
  send(bytes: Buffer, length: number): void {
    this.sent.push(Buffer.from(bytes.subarray(0, length)))
  }
  receive(): Buffer | undefined {
    const answer = this.#answers.shift()
    if (typeof answer === 'number') throw new KernelError({ errno: answer, operation: 'recv' })
    return answer
  }
}

const reply = (type: number, flags: number, sequence: number, payload: Buffer = Buffer.alloc(0)): Buffer => {
  const writer = new MessageWriter(256)
  const start = writer.beginMessage(type, flags, sequence)
  writer.bytes.set(payload, writer.position)
  writer.position += payload.length
  writer.endMessage(start)
  return Buffer.from(writer.written())
}
const acknowledge = (sequence: number, errno = 0): Buffer =>
  reply(c.NLMSG_ERROR, 0x100, sequence, Buffer.concat([Buffer.from(Int32Array.of(-errno).buffer), Buffer.alloc(16)]))

describe('answers', () => {
  const blackhole = (n: number): Change => addRoute({ dst: `10.0.${n}.0/24`, type: 'blackhole' })

  it('go to the change that they are about, in whatever order; what is lost counts as failed', () => {
    const channel = new Script(acknowledge(3), acknowledge(1), acknowledge(99, 22))
    const failures = new KernelRouteNetlink(undefined, channel).apply([blackhole(1), blackhole(2), blackhole(3)])
    expect(failures.map(({ index, error }) => [index, error.errnoName])).toEqual([[1, 'EPROTO']])
    const lossy = new Script(acknowledge(1), 105, acknowledge(3, 17))
    expect(
      new KernelRouteNetlink(undefined, lossy)
        .apply([blackhole(1), blackhole(2), blackhole(3)])
        .map(({ index, error }) => [index, error.errnoName]),
    ).toEqual([
      [1, 'ENOBUFS'],
      [2, 'EEXIST'],
    ])
  })

  it('many changes go out in sends of 1,000', () => {
    const channel = new Script()
    new KernelRouteNetlink(undefined, channel).apply(Array.from({ length: 2500 }, (_, n) => blackhole(n % 256)))
    expect(channel.sent.map((bytes) => [...messages(bytes)].length)).toEqual([1000, 1000, 500])
  })

  it('a dump that was interrupted starts over', () => {
    const done = (sequence: number, flags = 0): Buffer => reply(c.NLMSG_DONE, 2 | flags, sequence, Buffer.alloc(4))
    const one = (sequence: number, flags = 0): Buffer => {
      const bytes = encode(addRoute({ dst: '10.0.1.0/24', type: 'blackhole', table: 254 }))
      return reply(c.RTM_NEWROUTE, 2 | flags, sequence, bytes.subarray(16))
    }
    // Links first, for the names; then routes: the first reading met a change.
    const channel = new Script(done(1), one(2, 0x10), done(2, 0x10), one(3), done(3))
    expect(new KernelRouteNetlink(undefined, channel).routes({ family: 'IPv4' })).toHaveLength(1)
    expect(channel.sent).toHaveLength(3)
  })
})

function* messages(bytes: Buffer): Generator<number> {
  const reader = new MessageReader(bytes)
  while (reader.next()) yield reader.type
}
