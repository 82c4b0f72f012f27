import { afterEach, describe, expect, it, vi } from 'vitest'
import { FakeConntrack } from '../../kernel/conntrack/fake.ts'
import type { Flow } from '../../kernel/conntrack/types.ts'
import type { Effect, Item, KnownItems } from '../../reconcile/types.ts'
import { forgetFlows } from './effects.ts'
import { ServiceFlows } from './flows.ts'
import { addressValue, external, noneHereValue, sizeValue } from './number.ts'

function knownItems(items: readonly (readonly [kind: string, key: string, value?: string])[]): KnownItems {
  const all = items.map(([kind, key, value = '']): Item => ({ kind, key, value }))
  return {
    get: (kind, key) => all.find((item) => item.kind === kind && item.key === key),
    ofKind: (kind) => all.filter((item) => item.kind === kind),
  }
}

/** List 1: two endpoints behind a ClusterIP and a node port; list 2: none; list 3: on other nodes only; list 4: with affinity. */
const known = knownItems([
  ['service_cidrs', '10.43.0.0/16'],
  ['nodeport_addrs', '172.30.0.11'],
  ['services', '10.43.0.10 . udp . 53', addressValue(1, 0)],
  ['nodeports', 'udp . 30053', addressValue(1, external)],
  ['lists', '1', sizeValue(1, 1)],
  ['endpoints', '1 . 0', '10.42.0.5 . 53'],
  ['endpoints', '1 . 1', '10.42.0.6 . 53'],
  ['services', '10.43.0.11 . udp . 53', addressValue(2, 0)],
  ['services', '10.43.0.12 . udp . 53', addressValue(3, 0)],
  ['lists', '3', noneHereValue(3)],
  ['services', '10.43.0.13 . udp . 53', addressValue(4, 0)],
  ['lists', '4', String(((0x81 << 20) | 4) >>> 0)],
  ['sticky_slots', '4 . 0', '7340036'],
  ['sticky_ends', '7340036', '10.42.0.8 . 53'],
  ['services', '198.51.100.1 . udp . 53', addressValue(1, external)],
  ['services', '172.30.0.11 . udp . 53', addressValue(5, external)],
  ['lists', '5', sizeValue(5, 0)],
  ['endpoints', '5 . 0', '172.30.0.11 . 53'],
  ['protected', '172.30.0.11 . udp . 30054'],
  ['nodeports', 'udp . 30054', addressValue(1, external)],
])

type Case = [name: string, to: string, port: number, endpoint: string | undefined, stale: boolean]
const cases: Case[] = [
  ['a wanted endpoint', '10.43.0.10', 53, '10.42.0.5:53', false],
  ['the other wanted endpoint', '10.43.0.10', 53, '10.42.0.6:53', false],
  ['an endpoint that left', '10.43.0.10', 53, '10.42.0.7:53', true],
  ['another port of a wanted endpoint', '10.43.0.10', 53, '10.42.0.5:54', true],
  ['an endpoint that left, by node port', '172.30.0.11', 30053, '10.42.0.7:53', true],
  ['a wanted endpoint, by node port', '172.30.0.11', 30053, '10.42.0.5:53', false],
  ['a Service left without endpoints', '10.43.0.11', 53, '10.42.0.5:53', true],
  ['a Service with none on this node', '10.43.0.12', 53, '10.42.0.5:53', true],
  ['a pinned endpoint', '10.43.0.13', 53, '10.42.0.8:53', false],
  ['a pinned endpoint that left', '10.43.0.13', 53, '10.42.0.9:53', true],
  ['a ClusterIP that nobody has any more', '10.43.0.99', 53, '10.42.0.5:53', true],
  ['an address that came to a Service, untranslated', '198.51.100.1', 53, undefined, true],
  ['a node port that came to a Service, untranslated', '172.30.0.11', 30053, undefined, true],
  ['a protected port, untranslated', '172.30.0.11', 30054, undefined, false],
  ['a host port of others, to a pod that left', '172.30.0.11', 5353, '10.42.0.7:53', false],
  ["an endpoint of the host's network at the Service's own address and port", '172.30.0.11', 53, undefined, false],
  ['anything else, untranslated', '8.8.8.8', 53, undefined, false],
  ['anything else, translated by others', '203.0.113.1', 53, '10.42.0.7:53', false],
]

function fill(conntrack: FakeConntrack, protocol = 17): void {
  for (const [i, [, destination, destinationPort, endpoint]] of cases.entries()) {
    const [address = '', port = ''] = endpoint?.split(':') ?? []
    conntrack.insert({
      family: 'IPv4',
      protocol,
      original: { source: '10.42.0.77', sourcePort: 1000 + i, destination, destinationPort },
      ...(endpoint !== undefined && { to: { address, port: Number(port) } }),
    })
  }
}

async function left(conntrack: FakeConntrack, protocol = 17): Promise<string[]> {
  const flows: Flow[] = []
  for await (const piece of conntrack.flows({ family: 'IPv4', protocol })) flows.push(...piece)
  const ports = new Set(flows.map(({ original }) => original.sourcePort))
  return cases.flatMap(([name], i) => (ports.has(1000 + i) ? [name] : []))
}

const names = (of: readonly Case[]): string[] => of.map(([name]) => name)
const effects = (...keys: string[]): Effect[] => keys.map((key) => ({ kind: forgetFlows, key }))

describe('flows that Services leave behind', () => {
  it('are found by a sweep, and forgotten by the effects that it asks for', async () => {
    const conntrack = new FakeConntrack()
    fill(conntrack)
    fill(conntrack, 6)
    fill(conntrack, 132)
    const flows = new ServiceFlows(conntrack, 'IPv4')
    const due: Effect[] = []
    for await (const piece of flows.sweep(known)) due.push(...piece)
    expect(await left(conntrack)).toEqual(names(cases))
    await flows.forget(due, known)
    const stale = cases.filter(([, , , , isStale]) => isStale)
    expect(await left(conntrack)).toEqual(names(cases.filter(([, , , , isStale]) => !isStale)))
    expect(flows.forgotten).toBe(stale.length)
    expect(new Set(due.map(({ key }) => key)).size).toBe(due.length)
    expect(await left(conntrack, 6)).toEqual(names(cases))
    expect(await left(conntrack, 132)).toEqual(names(cases))
    for await (const piece of flows.sweep(known)) expect(piece).toEqual([])
  })

  it.each<[string, Effect[], string[]]>([
    [
      'of one endpoint',
      effects('udp from 10.42.0.7 . 53'),
      ['an endpoint that left', 'an endpoint that left, by node port'],
    ],
    ['of one address', effects('udp to 198.51.100.1 . 53'), ['an address that came to a Service, untranslated']],
    [
      'of one node port',
      effects('udp to-node-port 30053'),
      ['an endpoint that left, by node port', 'a node port that came to a Service, untranslated'],
    ],
    [
      'of all node ports at an address: what others translate there is theirs',
      effects('udp to-node 172.30.0.11'),
      ['an endpoint that left, by node port', 'a node port that came to a Service, untranslated'],
    ],
    [
      'to an address that was a Service until now',
      effects('udp to 203.0.113.1 . 53'),
      ['anything else, translated by others'],
    ],
    ['of TCP: none', effects('tcp from 10.42.0.7 . 53', 'sctp from 10.42.0.7 . 53'), []],
    ['of no Service: none', effects('udp to 8.8.8.8 . 53', 'udp to-node-port 5'), []],
    [
      'of many at once',
      effects('udp from 10.42.0.7 . 53', ...[1, 2, 3, 4, 5].map((n) => `udp to 10.43.1.${n} . 53`)),
      ['an endpoint that left', 'an endpoint that left, by node port'],
    ],
    ['of none', [], []],
  ])('%s', async (_name, asked, gone) => {
    const conntrack = new FakeConntrack()
    fill(conntrack)
    await new ServiceFlows(conntrack, 'IPv4').forget(asked, known)
    expect(await left(conntrack)).toEqual(names(cases).filter((name) => !gone.includes(name)))
  })
})

describe('a flow that a program of this node answered', () => {
  afterEach(() => void vi.useRealTimers())

  it('is forgotten too where the answer brought it back the other way round, and others are left alone', async () => {
    vi.useFakeTimers()
    const conntrack = new FakeConntrack()
    const client = { address: '192.0.2.7', port: 4000 }
    const answer = (port: number): void =>
      conntrack.insert({
        family: 'IPv4',
        protocol: 17,
        original: {
          source: '198.51.100.1',
          sourcePort: port,
          destination: client.address,
          destinationPort: client.port,
        },
      })
    const ask = (): void =>
      conntrack.insert({
        family: 'IPv4',
        protocol: 17,
        original: {
          source: client.address,
          sourcePort: client.port,
          destination: '198.51.100.1',
          destinationPort: 53,
        },
      })
    ask()
    answer(54)
    await new ServiceFlows(conntrack, 'IPv4').forget(effects('udp to 198.51.100.1 . 53'), known)
    expect(conntrack.size).toBe(1)
    answer(53)
    await vi.advanceTimersByTimeAsync(250)
    expect(conntrack.size).toBe(1)
    // It came back once more, late.
    await vi.advanceTimersByTimeAsync(1000)
    answer(53)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(conntrack.size).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})
