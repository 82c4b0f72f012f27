import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/eventually.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../namespaces.ts'
import { addAddress, addLink, addRoute, deleteRoute } from './conformance.ts'
import { KernelRouteNetlink } from './kernel.ts'
import { LinkEpochs } from './link-epochs.ts'
import { type NetworkEvent, NetworkMonitor } from './monitor.ts'
import type { Change, Link } from './types.ts'

const root = process.getuid?.() === 0
const link = (over: Partial<Link> = {}): Link => ({
  index: 5,
  name: 'eth0',
  up: true,
  carrier: true,
  mtuBytes: 1500,
  ...over,
})
const event = (over: Partial<Link> = {}, op: 'new' | 'delete' = 'new'): NetworkEvent => ({
  op,
  port: 0,
  object: 'link',
  value: link(over),
})

describe('LinkEpochs', () => {
  it('counts flags, carrier and index, and nothing else', () => {
    const epochs = new LinkEpochs()
    expect(epochs.replaceAll([link()])).toEqual(['eth0'])
    expect(epochs.replaceAll([link({ mtuBytes: 1400 })])).toEqual([])
    expect(epochs.observe([event({ up: false }), event({ up: true })])).toEqual(['eth0'])
    expect(epochs.of('eth0')).toBe(3)
    expect(epochs.observe([event({ carrier: false })])).toEqual(['eth0'])
    expect(epochs.observe([event({}, 'delete'), event({ index: 6 })])).toEqual(['eth0'])
    expect(epochs.of('eth0')).toBe(5)
  })

  it('ends the old name of a renamed link, and what a dump does not show any more', () => {
    const epochs = new LinkEpochs()
    epochs.replaceAll([link(), link({ index: 6, name: 'eth1' })])
    expect(epochs.observe([event({ name: 'lan0' })])).toEqual(['eth0', 'lan0'])
    expect(epochs.replaceAll([link({ name: 'lan0' })])).toEqual(['eth1'])
    expect(epochs.of('eth1')).toBe(0)
    expect(epochs.of('nosuch')).toBe(0)
  })

  it('gives a link that comes again a higher one than the last of its name had', () => {
    const epochs = new LinkEpochs()
    epochs.replaceAll([link()])
    const before = epochs.of('eth0')
    epochs.replaceAll([])
    expect(epochs.observe([event({ index: 9 })])).toEqual(['eth0'])
    expect(epochs.of('eth0')).toBeGreaterThan(before)
  })
})

describe.skipIf(!root)('NetworkMonitor (needs root)', () => {
  const netns = `weft-t${process.pid}-mon`
  let namespace: NetworkNamespace
  let monitor: NetworkMonitor | undefined

  beforeAll(async () => {
    await createNetns(netns)
    namespace = NetworkNamespace.named(netns)
  })
  afterEach(() => {
    monitor?.close()
    const net = new KernelRouteNetlink(namespace)
    net.apply(['br0', 'br1'].map((name) => ({ object: 'link', op: 'delete', value: { name } })))
  })
  afterAll(async () => {
    namespace.close()
    await deleteNetns(netns)
  })

  const apply = (...changes: Change[]): void => {
    const [failure] = new KernelRouteNetlink(namespace).apply(changes)
    if (failure) throw failure.error
  }
  const start = (fallback: boolean): { events: NetworkEvent[]; lost: unknown[] } => {
    const seen = { events: [] as NetworkEvent[], lost: [] as unknown[] }
    monitor = new NetworkMonitor({
      namespace,
      fallback,
      watch: ['links', 'addresses', 'routes', 'neighbours'],
      onEvents: (events) => void seen.events.push(...events),
      onLost: (error) => void seen.lost.push(error),
    })
    return seen
  }

  it.each([
    ['libuv', false],
    ['its fallback', true],
  ])('tells of links, addresses, routes and neighbours, through %s', async (_, fallback) => {
    const { events, lost } = start(fallback)
    const route = { dst: '10.42.1.0/24', via: '10.0.0.2', dev: 'br0', protocol: 99 }
    apply(addLink({ kind: 'bridge', name: 'br0', up: true }), addAddress('br0', '10.0.0.1/24'), addRoute(route))
    apply(
      { object: 'neighbour', op: 'add', value: { dev: 'br0', address: '10.0.0.2', lladdr: '02:00:00:00:00:02' } },
      deleteRoute(route),
    )
    await eventually(() => {
      expect(events).toContainEqual(
        expect.objectContaining({
          op: 'new',
          object: 'link',
          value: expect.objectContaining({ name: 'br0', up: true }),
        }),
      )
      expect(events).toContainEqual(
        expect.objectContaining({
          op: 'new',
          object: 'address',
          value: expect.objectContaining({ dev: 'br0', address: '10.0.0.1/24' }),
        }),
      )
      for (const op of ['new', 'delete']) {
        expect(events).toContainEqual({
          op,
          port: new KernelRouteNetlink(namespace).port,
          object: 'route',
          value: expect.objectContaining({ dst: '10.42.1.0/24', via: '10.0.0.2', dev: 'br0', protocol: 99 }),
        })
      }
      expect(events).toContainEqual(
        expect.objectContaining({ object: 'neighbour', value: expect.objectContaining({ address: '10.0.0.2' }) }),
      )
    })
    expect(lost).toEqual([])
  })

  it('tells when a route took the place of another', async () => {
    const route = { dst: '10.42.1.0/24', via: '10.0.0.2', dev: 'br0', protocol: 99 }
    apply(addLink({ kind: 'bridge', name: 'br0', up: true }), addAddress('br0', '10.0.0.1/24'), addRoute(route))
    const { events } = start(false)
    apply({ object: 'route', op: 'replace', value: { ...route, via: '10.0.0.3' } })
    // Without those that the kernel makes by itself for the link.
    const told = () => events.filter((one) => one.object === 'route' && one.value.protocol === 99)
    await eventually(() => expect(told()).not.toEqual([]))
    expect(told()).toMatchObject([{ op: 'new', replaced: true, value: { via: '10.0.0.3' } }])
  })

  it('shows a link that was down for a moment, and no event for its IPv4 routes', async () => {
    const route = { dst: '10.42.1.0/24', via: '10.0.0.2', dev: 'br0', protocol: 99 }
    apply(addLink({ kind: 'bridge', name: 'br0', up: true }), addAddress('br0', '10.0.0.1/24'), addRoute(route))
    const { events } = start(false)
    const epochs = new LinkEpochs()
    epochs.replaceAll(new KernelRouteNetlink(namespace).links())
    const before = epochs.of('br0')
    for (const up of [false, true]) apply({ object: 'link', op: 'set', value: { name: 'br0', up } })
    await eventually(() => expect(events.filter(({ object }) => object === 'link').length).toBeGreaterThan(1))
    epochs.observe(events)
    expect(epochs.of('br0')).toBeGreaterThan(before)
    expect(new KernelRouteNetlink(namespace).routes({ protocol: 99 })).toEqual([])
    const told = events.filter((one) => one.object === 'route' && one.value.protocol === 99)
    expect(told).toEqual([])
  })

  it('says so when the kernel had to drop some, and goes on, with the names of links that came meanwhile', async () => {
    const events: NetworkEvent[] = []
    const lost: unknown[] = []
    monitor = new NetworkMonitor({
      namespace,
      watch: ['links', 'addresses'],
      receiveBufferBytes: 32_768,
      onEvents: (some) => void events.push(...some),
      onLost: (error) => void lost.push(error),
    })
    apply(addLink({ kind: 'bridge', name: 'br0' }))
    for (let n = 0; n < 100; n++) {
      apply({ object: 'link', op: 'set', value: { name: 'br0', up: n % 2 === 0 } })
    }
    apply(addLink({ kind: 'bridge', name: 'br1' }))
    await eventually(() => expect(lost).toContainEqual(expect.objectContaining({ errnoName: 'ENOBUFS' })))
    apply({ object: 'link', op: 'set', value: { name: 'br0', mtuBytes: 1234 } })
    await eventually(() =>
      expect(events).toContainEqual(
        expect.objectContaining({ object: 'link', value: expect.objectContaining({ mtuBytes: 1234 }) }),
      ),
    )
    apply(addAddress('br1', '10.0.1.1/24'))
    await eventually(() =>
      expect(events).toContainEqual(
        expect.objectContaining({ value: expect.objectContaining({ dev: 'br1', address: '10.0.1.1/24' }) }),
      ),
    )
  })

  it('survives many openings and closings, with garbage collected in between', async () => {
    for (let n = 0; n < 200; n++) {
      start(false)
      monitor?.close()
      if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const { events } = start(false)
    apply(addLink({ kind: 'bridge', name: 'br0' }))
    await eventually(() => expect(events.length).toBeGreaterThan(0))
  })
})
