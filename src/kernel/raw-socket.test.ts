import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from './namespaces.ts'
import { ipBatch } from './ip.ts'
import { type RawPacket, RawSocket } from './raw-socket.ts'

const root = process.getuid?.() === 0
/** RFC 3692: for experiments. */
const protocol = 253

describe.skipIf(!root)('a raw socket (needs root)', () => {
  const name = `weft-t${process.pid}-raw`
  let namespace: NetworkNamespace

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    await ipBatch(['link set lo up'], { netns: namespace })
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(name)
  })

  it.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ] as const)('%s gets payloads without the header of IP, and whom they are from', async (family, address) => {
    const packets: RawPacket[] = []
    const socket = new RawSocket(namespace, family, protocol, (packet) => packets.push(packet))
    socket.send(address, Buffer.from('one'))
    socket.send(address, Buffer.from('two'))
    await expect.poll(() => packets.length).toBe(2)
    expect(packets.map(({ from, payload }) => `${from} ${payload.toString()}`)).toEqual([
      `${address} one`,
      `${address} two`,
    ])
    socket.close()
  })

  it('says why a packet cannot be sent', () => {
    const socket = new RawSocket(namespace, 'IPv4', protocol, () => {})
    expect(() => socket.send('192.0.2.1', Buffer.from('x'))).toThrow(/ENETUNREACH/)
    socket.close()
  })
})
