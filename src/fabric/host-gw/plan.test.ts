import { describe, expect, it } from 'vitest'
import { FakeRouteNetlink } from '../../kernel/rtnetlink/fake.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import type { Item } from '../../reconcile/types.ts'
import { decodeFabricNode, type FabricNode, type FabricView, type LinkFact, makeFabricView } from '../view.ts'
import { HostGatewayRoutes } from './apply.ts'
import { allPeers, hostGatewayPart } from './plan.ts'

const node = (name: string, over: Partial<FabricNode> = {}): FabricNode => ({
  name,
  createdMs: 1,
  internalIPs: ['172.30.0.12', 'fd30::12'],
  podCIDRs: ['10.42.1.0/24', 'fd42:0:0:1::/64'],
  ...over,
})
const self = node('self', {
  internalIPs: ['172.30.0.11', 'fd30::11'],
  podCIDRs: ['10.42.0.0/24', 'fd42::/64'],
})
const eth0: LinkFact = { name: 'eth0', up: true, addresses: ['172.30.0.11/24', 'fd30::11/64'], epoch: 1 }
const cni0: LinkFact = { name: 'cni0', up: true, addresses: ['10.42.0.1/24'], epoch: 1 }

interface World {
  nodes?: FabricNode[]
  links?: LinkFact[]
  foreign?: Record<string, string>
  clusterCIDRs?: string[]
}

function viewOf({ nodes = [self, node('peer')], links = [eth0, cni0], foreign = {}, clusterCIDRs }: World): FabricView {
  const view = makeFabricView('self', clusterCIDRs)
  view.nodes.replaceAll(nodes.map((one) => [one.name, one]))
  view.links.replaceAll(links.map((one) => [one.name, one]))
  view.foreignRoutes.replaceAll(Object.entries(foreign))
  return view
}

function planPeer(world: World, held: Item[] = []): { items: string[]; refusals: string[] } {
  const previous = { items: held, number: () => 1, held: () => undefined }
  const { items, refusals = [] } = hostGatewayPart(viewOf(world)).plan('peer', previous, 0)
  return {
    items: items.map(({ key, value }) => `${key} ${value}`),
    refusals: refusals.map(({ reason, message }) => `${reason}: ${message}`),
  }
}

const v4 = '10.42.1.0/24 via 172.30.0.12 dev eth0'
const v6 = 'fd42:0:0:1::/64 via fd30::12 dev eth0'
const held: Item = { kind: 'routes', key: '10.42.1.0/24', value: 'via 172.30.0.12 dev eth0' }
const peer = (over: Partial<FabricNode>): World => ({ nodes: [self, node('peer', over)] })

describe('the plan of a peer', () => {
  it.each<[string, World, string[], string[]]>([
    ['a route of each family', {}, [v4, v6], []],
    ['nothing for a peer that is gone', { nodes: [self] }, [], []],
    ['nothing for a peer without pods yet', peer({ podCIDRs: [] }), [], []],
    [
      'one family that the peer has no address in',
      peer({ internalIPs: ['172.30.0.12'] }),
      [v4],
      ['PeerAddressMissing: peer has no IPv6 InternalIP'],
    ],
    ['the first address of a family', peer({ internalIPs: ['172.30.0.12', '172.30.0.99', 'fd30::12'] }), [v4, v6], []],
    [
      'a peer elsewhere',
      peer({ internalIPs: ['192.168.7.12', 'fd30::12'] }),
      [v6],
      [
        'PeerNotOnLink: 192.168.7.12 is not in the subnet of eth0 (172.30.0.11/24); host-gw needs nodes on one link; elsewhere leave the pod network to flannel',
      ],
    ],
    [
      'a peer with our own address',
      peer({ internalIPs: ['172.30.0.11', 'fd30::12'] }),
      [v6],
      ['PeerNotOnLink: 172.30.0.11 is an address of this node'],
    ],
    [
      'nonsense as pod CIDR',
      peer({ podCIDRs: ['10.42.1.0/99', 'here'] }),
      [],
      ['PodCIDRInvalid: "10.42.1.0/99" is not a CIDR', 'PodCIDRInvalid: "here" is not a CIDR'],
    ],
    [
      'a pod CIDR around the nodes',
      peer({ podCIDRs: ['172.16.0.0/12'] }),
      [],
      ['PodCIDRConflict: 172.16.0.0/12 overlaps 172.30.0.11/24 of eth0'],
    ],
    [
      'everything as pod CIDR',
      peer({ podCIDRs: ['0.0.0.0/0'] }),
      [],
      ['PodCIDRConflict: 0.0.0.0/0 overlaps 10.42.0.0/24, the pod CIDR of this node'],
    ],
    [
      'our own pods',
      peer({ podCIDRs: ['10.42.0.128/25'] }),
      [],
      ['PodCIDRConflict: 10.42.0.128/25 overlaps 10.42.0.0/24, the pod CIDR of this node'],
    ],
    [
      'pods outside of the cluster',
      { ...peer({ podCIDRs: ['8.8.8.0/24'] }), clusterCIDRs: ['10.42.0.0/16', 'fd42::/48'] },
      [],
      ['PodCIDRConflict: 8.8.8.0/24 is outside of the cluster CIDR 10.42.0.0/16,fd42::/48'],
    ],
    [
      "somebody else's route",
      { foreign: { '10.42.1.0/24': 'via 172.30.0.9 dev eth0 proto 4' } },
      [v6],
      ["RouteTaken: somebody else's route is there already: 10.42.1.0/24 via 172.30.0.9 dev eth0 proto 4"],
    ],
    [
      'a link that is down',
      { links: [{ ...eth0, up: false }] },
      [],
      [
        'UnderlayDown: eth0 is down, and with it go its routes',
        'UnderlayDown: eth0 is down, and with it go its routes',
      ],
    ],
    [
      'an unknown link',
      { links: [cni0] },
      [],
      [
        'UnderlayUnknown: no link of this node has its IPv4 InternalIP',
        'UnderlayUnknown: no link of this node has its IPv6 InternalIP',
      ],
    ],
  ])('%s', (_, world, items, refusals) => {
    expect(planPeer(world)).toEqual({ items, refusals })
  })

  it('keeps what it holds while the own address is away, unless its link is down or the kernel has taken the routes with the address', () => {
    const other = { ...eth0, addresses: ['172.30.0.77/24'] }
    const away = { ...eth0, addresses: [] }
    const both: Item[] = [held, { kind: 'routes', key: 'fd42:0:0:1::/64', value: 'via fd30::12 dev eth0' }]
    expect(planPeer({ links: [other] }, both).items).toEqual([v4, v6])
    expect(planPeer({ links: [away] }, both).items).toEqual([v6])
    expect(planPeer({ links: [{ ...other, up: false }] }, both).items).toEqual([])
  })

  it('keeps what it holds when others add a route beside it', () => {
    expect(planPeer({ foreign: { '10.42.1.0/24': 'dev eth1 proto 4' } }, [held]).items).toEqual([v4, v6])
  })

  it('reads a Node', () => {
    const raw = {
      metadata: { name: 'n', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24', 'fd42:0:0:1:0:0:0:0/64'] },
      status: {
        addresses: [
          { type: 'Hostname', address: 'n' } as const,
          { type: 'InternalIP', address: '172.30.0.12' } as const,
        ],
      },
    }
    expect(decodeFabricNode(raw).value).toEqual(
      node('n', { createdMs: Date.parse('2026-01-01T00:00:00Z'), internalIPs: ['172.30.0.12'] }),
    )
  })
})

describe('with a reconciler and a fake namespace', () => {
  const make = (view: FabricView) => {
    const net = new FakeRouteNetlink()
    net.apply([
      { object: 'link', op: 'add', value: { kind: 'bridge', name: 'eth0', up: true } },
      { object: 'address', op: 'add', value: { dev: 'eth0', address: '172.30.0.11/24' } },
      { object: 'address', op: 'add', value: { dev: 'eth0', address: 'fd30::11/64' } },
    ])
    return { net, reconciler: reconcilerOf(view, net) }
  }
  const reconcilerOf = (view: FabricView, net: FakeRouteNetlink) =>
    new Reconciler({ part: hostGatewayPart(view), target: new HostGatewayRoutes(net) })
  const shown = (net: FakeRouteNetlink) =>
    net.routes({ protocol: 87 }).map(({ dst, via, dev }) => `${dst} via ${via} dev ${dev}`)
  const peers = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      node(`n${i}`, { internalIPs: [`172.30.0.${i + 20}`], podCIDRs: [`10.42.${i + 1}.0/24`] }),
    )

  it('makes, moves and removes routes, and a restart writes nothing', async () => {
    const view = viewOf({ nodes: [self, ...peers(3)] })
    const { net, reconciler } = make(view)
    await reconciler.start(allPeers(view))
    expect(shown(net)).toHaveLength(3)
    const before = net.applied.length
    const second = reconcilerOf(view, net)
    await second.start(allPeers(view))
    expect(net.applied).toHaveLength(before)
    view.nodes.set('n0', node('n0', { internalIPs: ['172.30.0.77'], podCIDRs: ['10.42.1.0/24'] }))
    view.nodes.delete('n1')
    second.touch(['n0', 'n1'])
    await second.flush()
    expect(shown(net).sort()).toEqual([
      '10.42.1.0/24 via 172.30.0.77 dev eth0',
      '10.42.3.0/24 via 172.30.0.22 dev eth0',
    ])
    expect(second.status()).toMatchObject({ synced: true, failures: 0 })
  })

  it('removes routes of Nodes that left while nobody looked', async () => {
    const view = viewOf({ nodes: [self, ...peers(3)] })
    const { net, reconciler } = make(view)
    await reconciler.start(allPeers(view))
    view.nodes.delete('n2')
    await reconcilerOf(view, net).start(allPeers(view))
    expect(shown(net)).toHaveLength(2)
  })

  it('gives a pod CIDR that two Nodes have to the older one', async () => {
    const [a, b] = peers(2) as [FabricNode, FabricNode]
    const view = viewOf({ nodes: [self, { ...a, createdMs: 2, podCIDRs: b.podCIDRs }, b] })
    const { net, reconciler } = make(view)
    await reconciler.start(allPeers(view))
    expect(shown(net)).toEqual(['10.42.2.0/24 via 172.30.0.21 dev eth0'])
    expect(reconciler.status().refusals).toHaveLength(1)
    view.nodes.delete('n1')
    reconciler.touch(['n1'])
    await reconciler.flush()
    expect(shown(net)).toEqual(['10.42.2.0/24 via 172.30.0.20 dev eth0'])
  })

  it('makes the other routes when one is refused', async () => {
    const view = viewOf({ nodes: [self, ...peers(20)] })
    const { net, reconciler } = make(view)
    net.refuse((change) => (change.object === 'route' && change.value.dst === '10.42.5.0/24' ? 'ENOMEM' : undefined))
    await reconciler.start(allPeers(view))
    expect(shown(net)).toHaveLength(19)
    expect(reconciler.status()).toMatchObject({ synced: false, failing: [{ subjects: ['n4'] }] })
  })
})
