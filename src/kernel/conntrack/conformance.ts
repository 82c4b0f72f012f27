import { describe, expect, it } from 'vitest'
import type { Family } from '../../model/ip.ts'
import type { NewFlow } from './fake.ts'
import { type Conntrack, type Flow, type FlowFilter, protocolNumbers } from './types.ts'

/** An empty table and how to fill it. */
export interface ConntrackHarness {
  conntrack: Conntrack
  insert: (flow: NewFlow) => void
}

export async function allFlows(conntrack: Conntrack, filter: FlowFilter): Promise<Flow[]> {
  const all: Flow[] = []
  for await (const piece of conntrack.flows(filter)) all.push(...piece)
  return all.sort((a, b) => a.original.sourcePort - b.original.sourcePort)
}

const hosts = {
  IPv4: { client: '10.42.0.7', service: '10.43.0.10', endpoint: '10.42.0.5', other: '10.42.0.6' },
  IPv6: { client: 'fd42::7', service: 'fd43::10', endpoint: 'fd42::5', other: 'fd42::6' },
} as const

const { udp, tcp } = protocolNumbers

/** One suite for the kernel's table and the fake; each test gets an empty table. */
export function conntrackConformance(make: () => ConntrackHarness): void {
  describe.each<Family>(['IPv4', 'IPv6'])('%s', (family) => {
    const { client, service, endpoint, other } = hosts[family]
    const flow = (sourcePort: number, over: Partial<NewFlow> = {}): NewFlow => ({
      family,
      protocol: udp,
      original: { source: client, sourcePort, destination: service, destinationPort: 53 },
      to: { address: endpoint, port: 5353 },
      ...over,
    })
    const sourcePorts = async (conntrack: Conntrack, filter: Omit<FlowFilter, 'family'>): Promise<number[]> =>
      (await allFlows(conntrack, { family, ...filter })).map(({ original }) => original.sourcePort)

    it('shows both directions, and whether the destination is translated', async () => {
      const { conntrack, insert } = make()
      const { to: _, ...plain } = flow(1001)
      insert(flow(1000))
      insert(plain)
      const [translated, direct] = await allFlows(conntrack, { family })
      expect(translated).toMatchObject({
        family,
        protocol: udp,
        original: { source: client, sourcePort: 1000, destination: service, destinationPort: 53 },
        reply: { source: endpoint, sourcePort: 5353, destination: client, destinationPort: 1000 },
        status: { dnat: true, snat: false, seenReply: false },
        zone: 0,
        mark: 0,
      })
      expect(direct).toMatchObject({ reply: { source: service, sourcePort: 53 }, status: { dnat: false } })
      expect(direct?.id).not.toBe(translated?.id)
    })

    it.each<[string, Omit<FlowFilter, 'family'>, number[]]>([
      ['nothing', {}, [1, 2, 3, 4, 5, 6]],
      ['the protocol', { protocol: udp }, [1, 3, 4, 5, 6]],
      ['the destination translated', { dnat: true }, [1, 2, 3, 4, 5]],
      ['the destination not translated', { dnat: false }, [6]],
      ['the original destination', { original: { destination: service, destinationPort: 54 } }, [4]],
      ['the source port', { original: { sourcePort: 3 } }, [3]],
      ['the endpoint', { protocol: udp, reply: { source: other } }, [3]],
      ['endpoint and port', { protocol: udp, reply: { source: endpoint, sourcePort: 5353 } }, [1, 4, 5]],
      ['an endpoint that nobody has', { reply: { source: client } }, []],
      ['the zone', { zone: 7 }, [5]],
      ['no zone', { zone: 0 }, [1, 2, 3, 4, 6]],
      ['the mark', { mark: 9 }, [6]],
    ])('filters by %s', async (_name, filter, expected) => {
      const { conntrack, insert } = make()
      const { to: _, ...plain } = flow(6, { mark: 9 })
      insert(flow(1))
      insert(flow(2, { protocol: tcp }))
      insert(flow(3, { to: { address: other, port: 5353 } }))
      insert(flow(4, { original: { source: client, sourcePort: 4, destination: service, destinationPort: 54 } }))
      insert(flow(5, { zone: 7 }))
      insert(plain)
      expect(await sourcePorts(conntrack, filter)).toEqual(expected)
    })

    it('forgets exactly what it is given, and takes no notice of what is gone', async () => {
      const { conntrack, insert } = make()
      for (const port of [1, 2, 3]) insert(flow(port))
      insert(flow(4, { zone: 7 }))
      const all = await allFlows(conntrack, { family })
      const given = all.filter(({ original }) => original.sourcePort !== 2)
      expect(conntrack.forget(given)).toBe(3)
      expect(await sourcePorts(conntrack, {})).toEqual([2])
      expect(conntrack.forget(given)).toBe(0)
      expect(conntrack.forget([])).toBe(0)
    })

    it('sees no flow of the other family', async () => {
      const { conntrack, insert } = make()
      insert(flow(1))
      expect(await allFlows(conntrack, { family: family === 'IPv4' ? 'IPv6' : 'IPv4' })).toEqual([])
    })

    it('forgets thousands', async () => {
      const { conntrack, insert } = make()
      for (let port = 1; port <= 1500; port++) insert(flow(port))
      expect(conntrack.forget(await allFlows(conntrack, { family, protocol: udp }))).toBe(1500)
      expect(await allFlows(conntrack, { family })).toEqual([])
    })

    it('refuses a flow of a protocol without ports', async () => {
      const { conntrack, insert } = make()
      insert(flow(1))
      const [one] = await allFlows(conntrack, { family })
      expect(() => conntrack.forget([{ ...(one as Flow), protocol: 1 }])).toThrow(
        expect.objectContaining({ code: 'CONNTRACK_PROTOCOL' }),
      )
      expect(await sourcePorts(conntrack, {})).toEqual([1])
    })
  })
}
