import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type HostGateway, hostGateway } from '../../src/fabric/host-gw/index.ts'
import { type FabricNode, type FabricView, makeFabricView } from '../../src/fabric/view.ts'
import { createNetns, deleteNetns, NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { KernelRouteNetlink } from '../../src/kernel/rtnetlink/kernel.ts'
import { type NetworkEvent, NetworkMonitor } from '../../src/kernel/rtnetlink/monitor.ts'
import type { Change } from '../../src/kernel/rtnetlink/types.ts'
import { connectTcp, listenTcp } from '../../src/kernel/sockets.ts'
import { Scheduler } from '../../src/reconcile/scheduler.ts'
import { eventually } from '../eventually.ts'
import { afterSilence } from '../silence.ts'
import { noRoot } from './world.ts'

const names = ['a', 'b', 'c'] as const
/** RTPROT_KERNEL of linux/rtnetlink.h. */
const kernelProtocol = 2
type Name = (typeof names)[number]
const number = (name: Name): number => names.indexOf(name)
const nodeAddress = (name: Name): string => `172.30.0.${11 + number(name)}`
const podAddress = (name: Name): string => `10.42.${number(name)}.1`
const netns = (name: Name | 'lan'): string => `weft-t${process.pid}-hg-${name}`

const node = (name: Name, over: Partial<FabricNode> = {}): FabricNode => ({
  name,
  createdMs: 1,
  internalIPs: [nodeAddress(name), `fd30::${11 + number(name)}`],
  podCIDRs: [`10.42.${number(name)}.0/24`, `fd42:0:0:${number(name)}::/64`],
  ...over,
})

describe.skipIf(noRoot)(`host-gw, with real packets${noRoot ? ` (${noRoot})` : ''}`, () => {
  const spaces = new Map<Name | 'lan', NetworkNamespace>()
  const servers: Server[] = []
  const running: { gateway: HostGateway; scheduler: Scheduler; unfollow: () => void }[] = []
  const space = (name: Name | 'lan'): NetworkNamespace => spaces.get(name) as NetworkNamespace
  const net = (name: Name | 'lan'): KernelRouteNetlink => new KernelRouteNetlink(space(name))
  const apply = (name: Name | 'lan', ...changes: Change[]): void => {
    const [failure] = net(name).apply(changes)
    if (failure) throw failure.error
  }
  const ours = (name: Name): string[] =>
    net(name)
      .routes({ protocol: 87 })
      .map(({ dst, via, dev }) => `${dst} via ${via} dev ${dev}`)
  const all = (name: Name): string[] =>
    net(name)
      .routes({ table: 254, family: 'IPv4' })
      .map((route) => JSON.stringify(route))
      .sort()

  beforeAll(async () => {
    for (const name of [...names, 'lan'] as const) {
      await createNetns(netns(name))
      spaces.set(name, NetworkNamespace.named(netns(name)))
    }
    apply('lan', { object: 'link', op: 'add', value: { kind: 'bridge', name: 'br0', up: true } })
    for (const name of names) {
      const peer = { name: 'eth0', namespace: space(name) }
      apply('lan', { object: 'link', op: 'add', value: { kind: 'veth', name, peer, master: 'br0', up: true } })
      const address = (dev: string, address: string): Change => ({
        object: 'address',
        op: 'add',
        value: { dev, address, noDuplicateDetection: true },
      })
      apply(
        name,
        { object: 'link', op: 'set', value: { name: 'lo', up: true } },
        { object: 'link', op: 'set', value: { name: 'eth0', up: true } },
        address('eth0', `${nodeAddress(name)}/24`),
        address('eth0', `fd30::${11 + number(name)}/64`),
        { object: 'link', op: 'add', value: { kind: 'bridge', name: 'cni0', up: true } },
        address('cni0', `${podAddress(name)}/24`),
      )
      const server = createServer((socket) => socket.on('error', () => {}).end(`${name} ${socket.remoteAddress}`))
      server.listen({ fd: listenTcp(space(name), '0.0.0.0', 8080) })
      servers.push(server)
    }
  })
  afterEach(() => {
    for (const one of running.splice(0)) stop(one)
    for (const name of names) {
      for (const protocol of [87, 4]) {
        apply(
          name,
          ...net(name)
            .routes({ protocol })
            .map((value) => ({ object: 'route', op: 'delete', value }) as const),
        )
      }
    }
  })
  afterAll(async () => {
    for (const server of servers) server.close()
    for (const name of [...names, 'lan'] as const) {
      space(name).close()
      await deleteNetns(netns(name))
    }
  })

  function viewOf(name: Name, nodes: FabricNode[] = names.map((one) => node(one))): FabricView {
    const view = makeFabricView(name, ['10.42.0.0/16', 'fd42::/48'])
    view.nodes.replaceAll(nodes.map((one) => [one.name, one]))
    return view
  }

  async function start(name: Name, view = viewOf(name)): Promise<HostGateway> {
    const gateway = hostGateway({ view, namespace: space(name) })
    await gateway.start()
    const scheduler = new Scheduler(gateway.reconciler, { pollMs: 20 })
    running.push({ gateway, scheduler, unfollow: gateway.follow((subjects) => scheduler.touch(subjects)) })
    return gateway
  }

  function stop({ gateway, scheduler, unfollow }: (typeof running)[number]): void {
    unfollow()
    scheduler.close()
    gateway.close()
  }

  /** Who answers at the pod address of `to`, and whom it sees. */
  const ask = (from: Name, to: Name): Promise<string> =>
    new Promise((resolve) => {
      let text = ''
      const target = { address: podAddress(to), port: 8080, localAddress: podAddress(from) }
      const socket = connectTcp(space(from), target)
      const stop = afterSilence(5000, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })))
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('close', () => {
        stop()
        resolve(text)
      })
    })

  const setLink = (name: Name, up: boolean): void =>
    apply(name, { object: 'link', op: 'set', value: { name: 'eth0', up } })

  it('carries packets between all pod subnets, sources kept', async () => {
    expect(await ask('a', 'b')).toBe('ENETUNREACH')
    for (const name of names) await start(name)
    for (const from of names) {
      for (const to of names) expect(await ask(from, to)).toBe(`${to} ${podAddress(from)}`)
    }
    expect(ours('a')).toEqual([
      '10.42.1.0/24 via 172.30.0.12 dev eth0',
      '10.42.2.0/24 via 172.30.0.13 dev eth0',
      'fd42:0:0:1::/64 via fd30::12 dev eth0',
      'fd42:0:0:2::/64 via fd30::13 dev eth0',
    ])
    expect(execFileSync('ip', ['-n', netns('a'), 'route', 'show', 'proto', '87'], { encoding: 'utf8' })).toContain(
      '10.42.1.0/24 via 172.30.0.12 dev eth0',
    )
  })

  it('adopts after a restart and writes nothing', async () => {
    await start('a')
    for (const one of running.splice(0)) stop(one)
    const before = all('a')
    const events: NetworkEvent[] = []
    const monitor = new NetworkMonitor({
      namespace: space('a'),
      watch: ['routes'],
      onEvents: (some) => void events.push(...some),
      onLost: () => {},
    })
    const gateway = await start('a')
    expect(gateway.reconciler.status()).toMatchObject({ synced: true, items: 4, changes: 0, failures: 0 })
    expect(all('a')).toEqual(before)
    // A change of somebody else's is told after everything that came before it.
    const marker = { dst: '10.99.0.0/24', type: 'blackhole', protocol: 4 } as const
    apply('a', { object: 'route', op: 'add', value: marker })
    // The kernel adds the routes of link-local addresses itself, once nobody was found to have the same (RFC 4862, 5.4), seconds after the link came up.
    const written = (): string[] =>
      events
        .map(({ object, value }) => (object === 'route' ? value : { dst: object, protocol: 0 }))
        .flatMap(({ dst, protocol }) => (protocol === kernelProtocol ? [] : [dst]))
    await eventually(() => expect(written()).toContain(marker.dst))
    expect(written()).toEqual([marker.dst])
    monitor.close()
  })

  it('prints what it would do, and does nothing', async () => {
    const gateway = hostGateway({ view: viewOf('a'), namespace: space('a') })
    expect((await gateway.dryRun()).map(({ op, item }) => `${op} ${item.key} ${item.value}`).sort()[0]).toBe(
      'add 10.42.1.0/24 via 172.30.0.12 dev eth0',
    )
    expect(ours('a')).toEqual([])
  })

  it("leaves somebody else's route alone, and takes the destination when that leaves", async () => {
    const foreign = { dst: '10.42.1.0/24', via: '172.30.0.13', dev: 'eth0', protocol: 4 }
    apply('a', { object: 'route', op: 'add', value: foreign })
    const gateway = await start('a')
    expect(net('a').routes({ protocol: 4 })).toMatchObject([foreign])
    expect(ours('a')).not.toContain('10.42.1.0/24 via 172.30.0.12 dev eth0')
    expect(gateway.reconciler.status().refusals).toMatchObject([{ subject: 'b', reason: 'RouteTaken' }])
    apply('a', { object: 'route', op: 'delete', value: foreign })
    await eventually(() => expect(ours('a')).toContain('10.42.1.0/24 via 172.30.0.12 dev eth0'))
    expect(gateway.reconciler.status().refusals).toEqual([])
  })

  it('leaves alone what took the place of its own, and takes it back when that leaves', async () => {
    await start('a')
    const foreign = (...words: string[]): void =>
      void execFileSync('ip', ['-n', netns('a'), 'route', ...words, 'dev', 'eth0', 'proto', '4'])
    foreign('replace', '10.42.1.0/24', 'via', '172.30.0.13')
    await eventually(() => expect(net('a').routes({ protocol: 4 })).toHaveLength(1))
    await eventually(() => expect(running[0]?.gateway.reconciler.status().failing).toMatchObject([{ subjects: ['b'] }]))
    expect(net('a').routes({ protocol: 4 })).toHaveLength(1)
    foreign('del', '10.42.1.0/24')
    await eventually(() => expect(ours('a')).toHaveLength(4))
  })

  it('gives no route to a peer on another network', async () => {
    const far = node('b', { internalIPs: ['192.168.7.2'], podCIDRs: ['10.42.1.0/24'] })
    const gateway = await start('a', viewOf('a', [node('a'), far, node('c')]))
    expect(ours('a').filter((route) => route.startsWith('10.42.1.'))).toEqual([])
    expect(gateway.reconciler.status().refusals).toMatchObject([{ subject: 'b', reason: 'PeerNotOnLink' }])
  })

  it('brings back what a link lost that went down, for long or for a moment', async () => {
    const gateway = await start('a')
    await start('b')
    setLink('a', false)
    await eventually(() =>
      expect(gateway.reconciler.status().refusals).toContainEqual(expect.objectContaining({ reason: 'UnderlayDown' })),
    )
    expect(ours('a')).toEqual([])
    setLink('a', true)
    await eventually(async () => expect(await ask('a', 'b')).toBe('b 10.42.0.1'))
    setLink('a', false)
    setLink('a', true)
    expect(net('a').routes({ protocol: 87, family: 'IPv4' })).toEqual([])
    await eventually(() => expect(net('a').routes({ protocol: 87, family: 'IPv4' })).toHaveLength(2))
    // The kernel takes the IPv6 address of a link that goes down for good; its routes return with it.
    apply('a', {
      object: 'address',
      op: 'add',
      value: { dev: 'eth0', address: 'fd30::11/64', noDuplicateDetection: true },
    })
    await eventually(() => expect(ours('a')).toHaveLength(4))
  })

  it('brings back what a link lost with its last IPv4 address, gone for long or for a moment, as when a lease is renewed', async () => {
    const gateway = await start('a')
    const own = { dev: 'eth0', address: `${nodeAddress('a')}/24` }
    const change = (op: 'add' | 'delete'): void => apply('a', { object: 'address', op, value: own })
    const routes = (): unknown[] => net('a').routes({ protocol: 87, family: 'IPv4' })
    change('delete')
    change('add')
    // The kernel took them without a word.
    expect(routes()).toEqual([])
    await eventually(() => expect(routes()).toHaveLength(2))
    change('delete')
    await eventually(() =>
      expect(gateway.reconciler.status().refusals).toContainEqual(
        expect.objectContaining({ reason: 'UnderlayUnknown' }),
      ),
    )
    change('add')
    await eventually(() => expect(ours('a')).toHaveLength(4))
    await eventually(() => expect(gateway.reconciler.status()).toMatchObject({ synced: true, failing: [] }))
  })

  it('repairs what others delete or change', async () => {
    const gateway = await start('a')
    // By another process: what comes back from our own socket is known to be our own.
    const foreign = (...words: string[]): void =>
      void execFileSync('ip', ['-n', netns('a'), 'route', ...words, 'dev', 'eth0', 'proto', '87'])
    foreign('del', '10.42.1.0/24')
    await eventually(() => expect(ours('a')).toHaveLength(4))
    foreign('replace', '10.42.1.0/24', 'via', '172.30.0.13')
    await eventually(() => expect(ours('a')).toContain('10.42.1.0/24 via 172.30.0.12 dev eth0'))
    foreign('add', '10.42.77.0/24', 'via', '172.30.0.12')
    await eventually(() => expect(ours('a')).toHaveLength(4))
    foreign('add', '10.42.1.0/24', 'via', '172.30.0.12', 'metric', '7')
    await eventually(() => expect(ours('a')).toHaveLength(4))
    // An audit counts at its end; what it finds may be written before.
    await eventually(() => expect(gateway.reconciler.status().drift).toBeGreaterThan(3))
  })

  it('follows Nodes as they come, move and go', async () => {
    const view = viewOf('a', [node('a'), node('b')])
    await start('a', view)
    view.nodes.set('c', node('c', { podCIDRs: ['10.42.2.0/24'] }))
    await eventually(() => expect(ours('a')).toContain('10.42.2.0/24 via 172.30.0.13 dev eth0'))
    view.nodes.set('c', node('c', { internalIPs: ['172.30.0.99'], podCIDRs: ['10.42.2.0/24'] }))
    await eventually(() => expect(ours('a')).toContain('10.42.2.0/24 via 172.30.0.99 dev eth0'))
    view.nodes.delete('c')
    await eventually(() => expect(ours('a').filter((route) => route.startsWith('10.42.2.'))).toEqual([]))
  })
})
