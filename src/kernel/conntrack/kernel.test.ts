import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { writeGet } from './codec.ts'
import { NETLINK_NETFILTER } from '../netlink/constants.ts'
import { dumpInBackground, type NetlinkRequest } from '../netlink/dump.ts'
import { NetlinkSocket } from '../netlink/socket.ts'
import { runNft } from '../nftables/ruleset.ts'
import { allFlows, conntrackConformance } from './conformance.ts'
import type { NewFlow } from './fake.ts'
import { insertFlows } from './insert.fixture.ts'
import { KernelConntrack } from './kernel.ts'
import type { FlowFilter } from './types.ts'

const skip = process.getuid?.() === 0 ? '' : ' (needs root for network namespaces)'

describe.skipIf(skip !== '')(`the kernel's table of flows${skip}`, () => {
  const name = `weft-t${process.pid}-ct`
  let namespace: NetworkNamespace
  let conntrack: KernelConntrack

  beforeAll(async () => {
    await createNetns(name)
    namespace = NetworkNamespace.named(name)
    for (const family of ['ip', 'ip6']) {
      runNft(`add table ${family} t\nadd chain ${family} t c { type nat hook output priority -100; }\n`, namespace)
    }
    conntrack = new KernelConntrack(namespace)
  })

  beforeEach(async () => {
    for (const family of ['IPv4', 'IPv6'] as const) conntrack.forget(await allFlows(conntrack, { family }))
  })

  afterAll(async () => {
    namespace.close()
    await deleteNetns(name)
  })

  conntrackConformance(() => ({ conntrack, insert: (flow) => insertFlows([flow], namespace) }))

  it('filters in the kernel: what does not match is not even received', async () => {
    const flows = Array.from(
      { length: 20_000 },
      (_, i): NewFlow => ({
        family: 'IPv4',
        protocol: 17,
        original: { source: `10.9.${i >> 8}.${i & 255}`, sourcePort: 1, destination: '10.43.0.1', destinationPort: 53 },
      }),
    )
    insertFlows(flows, namespace)
    const received = async (filter: FlowFilter): Promise<number> => {
      const socket = new NetlinkSocket(NETLINK_NETFILTER, namespace)
      let bytes = 0
      const encode: NetlinkRequest['encode'] = (writer, flags, sequence) => writeGet(writer, flags, sequence, filter)
      for await (const datagram of dumpInBackground(socket, { operation: 'list', where: 'flows', encode })) {
        bytes += datagram.length
      }
      socket.close()
      return bytes
    }
    expect(await received({ family: 'IPv4' })).toBeGreaterThan(20_000 * 100)
    expect(await received({ family: 'IPv4', protocol: 17, reply: { source: '10.9.0.7' } })).toBeLessThan(100)
    expect(await received({ family: 'IPv4', protocol: 17, original: { source: '10.9.0.7' } })).toBeLessThan(1000)
    expect(await received({ family: 'IPv6', protocol: 17 })).toBeLessThan(100)
  })
})
