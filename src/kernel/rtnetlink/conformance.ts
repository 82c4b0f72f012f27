import { describe, expect, it } from 'vitest'
import type { Change, NewLink, Route, RouteNetlink, RouteSpec } from './types.ts'

export const addLink = (value: NewLink): Change => ({ object: 'link', op: 'add', value })
export const addRoute = (value: RouteSpec): Change => ({ object: 'route', op: 'add', value })
export const deleteRoute = (value: RouteSpec): Change => ({ object: 'route', op: 'delete', value })
export const addAddress = (dev: string, address: string): Change => ({
  object: 'address',
  op: 'add',
  value: { dev, address, noDuplicateDetection: true },
})

/** What the suite starts from: a bridge that is up, with a subnet of each family. A bridge without ports has no carrier, so the routes are taken all the same. */
export const conformanceSetup: readonly Change[] = [
  addLink({ kind: 'bridge', name: 'br0', up: true }),
  addAddress('br0', '10.0.0.1/24'),
  addAddress('br0', 'fd00::1/64'),
]

const none = { failures: [] as string[] }
const apply = (net: RouteNetlink, ...changes: Change[]): { failures: string[] } => ({
  failures: net.apply(changes).map(({ index, error }) => `${index} ${error.errnoName}`),
})
const mine = (net: RouteNetlink): Route[] => net.routes({ protocol: 99 })
const route = (over: Partial<RouteSpec> = {}): RouteSpec => ({
  dst: '10.42.1.0/24',
  via: '10.0.0.2',
  dev: 'br0',
  protocol: 99,
  ...over,
})
const route6 = (over: Partial<RouteSpec> = {}): RouteSpec => route({ dst: 'fd42:1::/64', via: 'fd00::2', ...over })

/** What must hold of the kernel's and of the fake namespace alike. `make` gives an empty one with `conformanceSetup` applied. */
export function conformance(name: string, make: () => RouteNetlink): void {
  describe(`${name}: routes`, () => {
    it('holds what is added, and lets it go', () => {
      const net = make()
      expect(apply(net, addRoute(route()), addRoute(route6()))).toEqual(none)
      const common = { dev: 'br0', table: 254, protocol: 99, type: 'unicast', onlink: false }
      expect(mine(net)).toEqual([
        { family: 'IPv4', dst: '10.42.1.0/24', via: '10.0.0.2', metric: 0, ...common },
        { family: 'IPv6', dst: 'fd42:1::/64', via: 'fd00::2', metric: 1024, ...common },
      ])
      expect(net.routes({ protocol: 99, family: 'IPv6' })).toHaveLength(1)
      expect(apply(net, deleteRoute(route()), deleteRoute(route6()))).toEqual(none)
      expect(mine(net)).toEqual([])
    })

    it('shows thousands in pieces', async () => {
      const net = make()
      const many = Array.from({ length: 2000 }, (_, n) => route({ dst: `10.${64 + (n >> 8)}.${n & 255}.0/24` }))
      expect(apply(net, ...many.map(addRoute), addRoute(route6()))).toEqual(none)
      const pieces: Route[][] = []
      for await (const piece of net.routesInPieces({ protocol: 99 })) pieces.push(piece)
      expect(pieces.length).toBeGreaterThan(2)
      expect(pieces.flat()).toEqual(mine(net))
      expect(mine(net)).toHaveLength(2001)
      expect(apply(net, ...many.map(deleteRoute))).toEqual(none)
    })

    it('refuses one item and makes the others, and names it', () => {
      const net = make()
      const failures = net.apply([addRoute(route()), addRoute(route()), addRoute(route({ dst: '10.42.2.0/24' }))])
      expect(failures.map(({ index, error }) => [index, error.errnoName, error.where])).toEqual([
        [1, 'EEXIST', '10.42.1.0/24 via 10.0.0.2 dev br0'],
      ])
      expect(mine(net)).toHaveLength(2)
    })

    it('refuses to add beside another of the same metric, whoever made it', () => {
      const net = make()
      apply(net, addRoute(route({ protocol: 4 })), addRoute(route6({ protocol: 4 })))
      expect(apply(net, addRoute(route({ via: '10.0.0.3' })), addRoute(route6({ via: 'fd00::3' })))).toEqual({
        failures: ['0 EEXIST', '1 EEXIST'],
      })
      expect(apply(net, addRoute(route({ metric: 50 })), addRoute(route6({ metric: 50 })))).toEqual(none)
    })

    it('replaces', () => {
      const net = make()
      apply(net, addRoute(route()), addRoute(route6()))
      const replace = (value: RouteSpec): Change => ({ object: 'route', op: 'replace', value })
      const fresh = route({ dst: '10.42.9.0/24' })
      expect(
        apply(net, replace(route({ via: '10.0.0.3' })), replace(route6({ via: 'fd00::3' })), replace(fresh)),
      ).toEqual(none)
      expect(mine(net).map(({ via }) => via)).toEqual(['10.0.0.3', '10.0.0.2', 'fd00::3'])
    })

    it('deletes only what matches', () => {
      const net = make()
      apply(net, addRoute(route({ protocol: 4 })), addRoute(route6({ protocol: 4 })))
      expect(apply(net, deleteRoute(route()), deleteRoute(route6()))).toEqual({ failures: ['0 ESRCH', '1 ESRCH'] })
      expect(apply(net, deleteRoute(route({ protocol: 4, via: '10.0.0.9' })))).toEqual({ failures: ['0 ESRCH'] })
      expect(apply(net, deleteRoute({ dst: '10.42.1.0/24' }), deleteRoute({ dst: 'fd42:1::/64' }))).toEqual(none)
    })

    it.each<[string, RouteSpec, string]>([
      ['no such link', route({ dev: 'nosuch' }), 'ENODEV'],
      ['a gateway that is not on link', route({ via: '10.9.9.9' }), 'ENETUNREACH'],
      ['a gateway that is not on link, IPv6', route6({ via: 'fd99::9' }), 'EHOSTUNREACH'],
      ['host bits', route({ dst: '10.42.1.7/24' }), 'EINVAL'],
      ['a gateway of the other family', route({ via: 'fd00::2' }), 'EINVAL'],
      ['no address', route({ dst: 'here/24' }), 'EINVAL'],
      ['a prefix too long', route({ dst: '10.42.1.0/33' }), 'EINVAL'],
    ])('refuses %s', (_, value, errno) => {
      const net = make()
      expect(apply(net, addRoute(value))).toEqual({ failures: [`0 ${errno}`] })
      expect(mine(net)).toEqual([])
    })

    it('takes a gateway that is not on link where it is told so', () => {
      const net = make()
      const off = [route({ via: '10.9.9.9', onlink: true }), route6({ via: 'fd99::9', onlink: true })]
      expect(apply(net, ...off.map(addRoute))).toEqual(none)
      expect(mine(net).map(({ via, onlink }) => ({ via, onlink }))).toEqual([
        { via: '10.9.9.9', onlink: true },
        { via: 'fd99::9', onlink: true },
      ])
    })

    it('has other types and tables', () => {
      const net = make()
      const blackhole = { dst: '10.43.0.0/16', type: 'blackhole', protocol: 99 } as const
      const local = { dst: '10.44.0.0/16', type: 'local', dev: 'lo', protocol: 99, table: 255 } as const
      expect(apply(net, addRoute(blackhole), addRoute(local), addRoute(route({ table: 7000 })))).toEqual(none)
      expect(
        mine(net)
          .map(({ dst, type, table }) => `${type} ${dst} ${table}`)
          .sort(),
      ).toEqual(['blackhole 10.43.0.0/16 254', 'local 10.44.0.0/16 255', 'unicast 10.42.1.0/24 7000'])
      expect(net.routes({ protocol: 99, table: 7000 })).toHaveLength(1)
      expect(net.routes({ table: 7001 })).toEqual([])
      expect(apply(net, deleteRoute(local), deleteRoute(blackhole), deleteRoute(route({ table: 7000 })))).toEqual(none)
    })

    it('loses the routes of a link that goes down, and does not give them back', () => {
      const net = make()
      apply(net, addRoute(route()), addRoute(route6()))
      const set = (up: boolean): Change => ({ object: 'link', op: 'set', value: { name: 'br0', up } })
      expect(apply(net, set(false))).toEqual(none)
      expect(mine(net)).toEqual([])
      const off = [route(), route6(), route({ onlink: true }), route6({ onlink: true })]
      expect(apply(net, ...off.map(addRoute))).toEqual({
        failures: ['0 ENETUNREACH', '1 EHOSTUNREACH', '2 ENETDOWN', '3 ENETDOWN'],
      })
      expect(apply(net, set(true))).toEqual(none)
      expect(mine(net)).toEqual([])
      expect(apply(net, addRoute(route()))).toEqual(none)
    })
  })

  describe(`${name}: links and addresses`, () => {
    it('adds, changes and deletes links', () => {
      const net = make()
      const veth = addLink({
        kind: 'veth',
        name: 'v0',
        peer: { name: 'v1' },
        mtuBytes: 1400,
        address: '02:00:00:00:00:01',
      })
      expect(apply(net, veth)).toEqual(none)
      expect(net.link('v0')).toMatchObject({ kind: 'veth', up: false, mtuBytes: 1400, address: '02:00:00:00:00:01' })
      const set = (value: { name: string; up?: boolean; master?: string | null; newName?: string }): Change => ({
        object: 'link',
        op: 'set',
        value,
      })
      expect(apply(net, set({ name: 'v0', up: true, master: 'br0' }), set({ name: 'v1', up: true }))).toEqual(none)
      expect(net.link('v0')).toMatchObject({ up: true, carrier: true, masterIndex: net.link('br0')?.index })
      expect(net.link('v1')?.lowerIndex).toBe(net.link('v0')?.index)
      expect(apply(net, set({ name: 'v0', master: null }), set({ name: 'v1', up: false }))).toEqual(none)
      expect(net.link('v0')).not.toHaveProperty('masterIndex')
      expect(net.link('v0')).toMatchObject({ up: true, carrier: false })
      expect(apply(net, set({ name: 'v1', newName: 'v2' }))).toEqual(none)
      expect(net.links().map((link) => link.name)).toEqual(['lo', 'br0', 'v2', 'v0'])
      expect(apply(net, { object: 'link', op: 'delete', value: { name: 'v2' } })).toEqual(none)
      expect(net.links().map((link) => link.name)).toEqual(['lo', 'br0'])
    })

    it('makes what the next change in the same call needs', () => {
      const net = make()
      const changes = [
        addLink({ kind: 'bridge', name: 'br1', up: true }),
        addAddress('br1', '10.1.0.1/24'),
        addRoute(route({ via: '10.1.0.2', dev: 'br1' })),
      ]
      expect(apply(net, ...changes)).toEqual(none)
      expect(apply(net, { object: 'link', op: 'delete', value: { name: 'br1' } })).toEqual(none)
      expect(mine(net)).toEqual([])
    })

    it.each<[string, Change, string]>([
      ['a name that is taken', addLink({ kind: 'bridge', name: 'br0' }), 'EEXIST'],
      ['a name that is too long', addLink({ kind: 'bridge', name: 'a-name-too-long-' }), 'EINVAL'],
      ['to change what is not there', { object: 'link', op: 'set', value: { name: 'nosuch', up: true } }, 'ENODEV'],
      ['to delete what is not there', { object: 'link', op: 'delete', value: { name: 'nosuch' } }, 'ENODEV'],
      ['an address twice', addAddress('br0', '10.0.0.1/24'), 'EEXIST'],
      ['an IPv6 address twice', addAddress('br0', 'fd00::1/64'), 'EEXIST'],
      ['an address of no link', addAddress('nosuch', '10.0.0.1/24'), 'ENODEV'],
      [
        'to delete an address that is not there',
        { object: 'address', op: 'delete', value: { dev: 'br0', address: '10.0.0.77/24' } },
        'EADDRNOTAVAIL',
      ],
    ])('refuses %s', (_, change, errno) => {
      expect(apply(make(), change)).toEqual({ failures: [`0 ${errno}`] })
    })

    it('adds and deletes addresses', () => {
      const net = make()
      const of = (dev: string): string[] =>
        net
          .addresses()
          .filter((found) => found.dev === dev && !found.address.startsWith('fe80'))
          .map(({ address }) => address)
      expect(apply(net, addAddress('br0', '10.0.1.1/32'))).toEqual(none)
      expect(of('br0').sort()).toEqual(['10.0.0.1/24', '10.0.1.1/32', 'fd00::1/64'])
      const remove = { object: 'address', op: 'delete', value: { dev: 'br0', address: '10.0.1.1/32' } } as const
      expect(apply(net, remove)).toEqual(none)
      expect(of('br0').sort()).toEqual(['10.0.0.1/24', 'fd00::1/64'])
    })

    it('shows what a VXLAN device is', () => {
      const net = make()
      const vxlan = { id: 1, port: 8472, learning: false, local: '10.0.0.1', dev: 'br0' }
      expect(apply(net, addLink({ kind: 'vxlan', name: 'flannel.1', vxlan, up: true }))).toEqual(none)
      expect(net.link('flannel.1')).toMatchObject({
        kind: 'vxlan',
        vxlan: { id: 1, port: 8472, learning: false, local: '10.0.0.1', devIndex: net.link('br0')?.index },
      })
      expect(apply(net, addLink({ kind: 'vxlan', name: 'flannel.2', vxlan }))).toEqual({ failures: ['0 EEXIST'] })
    })
  })

  describe(`${name}: neighbours and FDB entries`, () => {
    const lladdr = '02:00:00:00:00:02'
    const neighbour = (op: 'add' | 'replace' | 'delete', address: string, mac = lladdr): Change => ({
      object: 'neighbour',
      op,
      value: { dev: 'br0', address, lladdr: mac },
    })

    it.each(['10.0.0.2', 'fd00::2'])('keeps a permanent neighbour: %s', (address) => {
      const net = make()
      const mine = () => net.neighbours().filter((found) => found.state === 'permanent')
      expect(apply(net, neighbour('add', address), neighbour('add', address))).toEqual({ failures: ['1 EEXIST'] })
      expect(apply(net, neighbour('replace', address, '02:00:00:00:00:03'))).toEqual(none)
      expect(mine()).toEqual([{ dev: 'br0', address, lladdr: '02:00:00:00:00:03', state: 'permanent' }])
      expect(apply(net, neighbour('delete', address))).toEqual(none)
      expect(mine()).toEqual([])
      expect(apply(net, neighbour('delete', '10.0.0.77'))).toEqual({ failures: ['0 ENOENT'] })
    })

    it('keeps entries of a VXLAN device', () => {
      const net = make()
      const vxlan = { id: 1, port: 8472, learning: false, local: '10.0.0.1', dev: 'br0' }
      const entry = (op: 'add' | 'replace' | 'delete', via: string): Change => ({
        object: 'fdb',
        op,
        value: { dev: 'flannel.1', lladdr, via },
      })
      apply(net, addLink({ kind: 'vxlan', name: 'flannel.1', vxlan }))
      const mine = () => net.fdb().filter(({ dev }) => dev === 'flannel.1')
      expect(apply(net, entry('add', '10.0.0.2'), entry('add', '10.0.0.2'))).toEqual({ failures: ['1 EEXIST'] })
      expect(apply(net, entry('replace', '10.0.0.3'))).toEqual(none)
      expect(mine()).toEqual([{ dev: 'flannel.1', lladdr, via: '10.0.0.3', state: 'permanent' }])
      expect(apply(net, entry('delete', '10.0.0.3'), entry('delete', '10.0.0.3'))).toEqual({ failures: ['1 ENOENT'] })
      expect(mine()).toEqual([])
    })
  })
}
