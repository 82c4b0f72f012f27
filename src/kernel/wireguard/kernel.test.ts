import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { readAnswer, sharedSocket } from '../netlink/socket.ts'
import { MessageReader, MessageWriter } from '../netlink/codec.ts'
import { getObject } from '../netlink/dump.ts'
import { familyRequest, readFamily, writeGeneric } from './codec.ts'
import * as c from './constants.ts'
import { wireGuardListenPort } from './listen-port.ts'

const netns = `weft-t${process.pid}-wg`
const ip = (...args: string[]) => execFileSync('ip', ['-n', netns, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })

const why = process.getuid?.() === 0 ? await whyNoWireGuard() : 'needs root'

/** Making a device loads the module, where the kernel has it as one. */
async function whyNoWireGuard(): Promise<string | undefined> {
  await createNetns(netns)
  try {
    ip('link', 'add', 'wg0', 'type', 'wireguard')
    return undefined
  } catch {
    return 'this kernel has no WireGuard'
  } finally {
    await deleteNetns(netns)
  }
}

/** `wg set DEVICE listen-port PORT`. */
function setListenPort(namespace: NetworkNamespace, device: string, port: number): void {
  const socket = sharedSocket(c.NETLINK_GENERIC, namespace)
  const type = getObject(socket, familyRequest(c.WG_GENL_NAME), readFamily)
  const writer = new MessageWriter(256)
  const flags = c.NLM_F_REQUEST | c.NLM_F_ACK
  const head = { type, flags, sequence: socket.sequences(1), command: c.WG_CMD_SET_DEVICE, version: c.WG_GENL_VERSION }
  writeGeneric(writer, head, () => {
    writer.string(c.WGDEVICE_A_IFNAME, device)
    const start = writer.beginAttribute(c.WGDEVICE_A_LISTEN_PORT)
    writer.u16(port)
    writer.endAttribute(start)
  })
  socket.send(writer.bytes, writer.position)
  const reader = new MessageReader(socket.receive() ?? Buffer.alloc(0))
  if (!reader.next() || readAnswer(reader).errno !== 0) throw new Error('the listen port could not be set')
}

describe.skipIf(why)(`WireGuard devices${why ? ` (${why})` : ''}`, () => {
  let namespace: NetworkNamespace

  beforeAll(async () => {
    await createNetns(netns)
    namespace = NetworkNamespace.named(netns)
    ip('link', 'add', 'wg0', 'type', 'wireguard')
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(netns)
  })

  it('have the listen port that they were given', () => {
    expect(wireGuardListenPort('wg0', namespace)).toBeUndefined()
    setListenPort(namespace, 'wg0', 51_820)
    expect(wireGuardListenPort('wg0', namespace)).toBe(51_820)
  })

  it('choose one as they are switched on', () => {
    ip('link', 'add', 'wg1', 'type', 'wireguard')
    ip('link', 'set', 'wg1', 'up')
    expect(wireGuardListenPort('wg1', namespace)).toBeGreaterThan(0)
  })

  it('are told from other devices', () => {
    ip('link', 'add', 'br0', 'type', 'bridge')
    expect(() => wireGuardListenPort('br0', namespace)).toThrow('br0')
    expect(() => wireGuardListenPort('none', namespace)).toThrow('none')
  })
})
