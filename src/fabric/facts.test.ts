import { describe, expect, it } from 'vitest'
import { FakeRouteNetlink } from '../kernel/rtnetlink/fake.ts'
import type { Change } from '../kernel/rtnetlink/types.ts'
import { linkFacts } from './facts.ts'
import { ForeignRoutes } from './foreign-routes.ts'

const address = (dev: string, text: string): Change => ({ object: 'address', op: 'add', value: { dev, address: text } })
const bridge = (name: string): Change => ({ object: 'link', op: 'add', value: { kind: 'bridge', name, up: true } })

function node(): FakeRouteNetlink {
  const net = new FakeRouteNetlink()
  net.apply([
    bridge('eth0'),
    bridge('cni0'),
    address('eth0', '172.30.0.11/24'),
    address('eth0', 'fe80::1/64'),
    { object: 'link', op: 'add', value: { kind: 'veth', name: 'veth1', peer: { name: 'inside' }, master: 'cni0' } },
    { object: 'route', op: 'add', value: { dst: '10.42.1.0/24', via: '172.30.0.12', dev: 'eth0', protocol: 87 } },
    { object: 'route', op: 'add', value: { dst: '10.9.0.0/16', via: '172.30.0.9', dev: 'eth0', protocol: 16 } },
    { object: 'route', op: 'add', value: { dst: '10.9.0.0/16', type: 'blackhole', metric: 9, protocol: 4 } },
  ])
  return net
}

describe('facts of the node', () => {
  it('are links with their addresses, without the ports of bridges and link-local addresses', () => {
    const net = node()
    expect(linkFacts(net.links(), net.addresses(), () => 3)).toEqual([
      { name: 'lo', up: true, addresses: [], epoch: 3 },
      { name: 'eth0', up: true, addresses: ['172.30.0.11/24'], epoch: 3 },
      { name: 'cni0', up: true, addresses: [], epoch: 3 },
      { name: 'inside', up: false, addresses: [], epoch: 3 },
    ])
  })

  it('are the routes of others, the kernel among them', () => {
    const routes = new ForeignRoutes(87)
    routes.replaceAll(node().routes())
    expect([...routes.entries()]).toEqual([
      ['172.30.0.0/24', 'dev eth0 proto 2'],
      ['10.9.0.0/16', 'via 172.30.0.9 dev eth0 proto 16, blackhole proto 4 metric 9'],
    ])
  })

  it('follow what is told of them', () => {
    const routes = new ForeignRoutes(87)
    const [one, other] = node()
      .routes({ protocol: 16 })
      .concat(node().routes({ protocol: 4 }))
    if (one === undefined || other === undefined) throw new Error('the fake has no such routes')
    expect(routes.observe('new', one)).toBe('10.9.0.0/16')
    routes.observe('new', other)
    routes.observe('delete', one)
    expect(routes.get('10.9.0.0/16')).toBe('blackhole proto 4 metric 9')
    routes.observe('delete', other)
    expect(routes.get('10.9.0.0/16')).toBeUndefined()
    for (const over of [{ protocol: 87 }, { table: 100 }, { dst: 'fe80::/64' }, { dst: 'ff00::/8' }]) {
      expect(routes.observe('new', { ...one, ...over })).toBeUndefined()
    }
  })
})
