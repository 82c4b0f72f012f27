import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { listenTcp } from '../../src/kernel/sockets.ts'
import type { EndpointSlice } from '../../src/model/endpoints.ts'
import { type Family, families } from '../../src/model/ip.ts'
import type { Service } from '../../src/model/services.ts'
import type { ServiceConfig } from '../../src/proxy/config.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import type { Reconciler } from '../../src/reconcile/reconciler.ts'
import {
  addService,
  type Answer,
  flowCases,
  otherCases,
  otherNode,
  publicIP,
  sampleService,
  sampleView,
  type ServiceCase,
  setEndpoints,
  targetOf,
  vip,
} from './service-cases.ts'
import { droppedMs, noRoot, plans, World } from './world.ts'

/** A mode under test: serves the view in the namespace, one family. */
export interface Mode {
  name: string
  start(view: ServiceView, family: Family, namespace: NetworkNamespace): Promise<Reconciler>
}

/** With so many tries one of two endpoints is missed less often than once in 10^7 cases. */
const tries = 24

/** The suite that every mode has to pass, with real packets. */
export function serviceSuite(mode: Mode): void {
  describe.skipIf(noRoot)(`Services by ${mode.name}, with real packets${noRoot ? ` (${noRoot})` : ''}`, () => {
    const world = new World(`cases-${mode.name}`)
    beforeAll(() => world.up())
    afterAll(() => world.down())
    for (const family of families) suiteOf(mode, family, world)
  })
}

function suiteOf(mode: Mode, family: Family, world: World): void {
  const start = async (over: Partial<ServiceConfig> = {}): Promise<{ view: ServiceView; reconciler: Reconciler }> => {
    const view = sampleView(family, over)
    return { view, reconciler: await mode.start(view, family, world.namespace('node')) }
  }
  const verdict = async ({ from, to, answer }: ServiceCase): Promise<Answer> =>
    await judge(world, family, { name: '', from, to, answer })

  describe.each([
    ['pods known by their addresses', true, false],
    ['pods known by their addresses, everything masqueraded', true, true],
    ['nothing known of pods', false, false],
    ['nothing known of pods, everything masqueraded', false, true],
  ])(`${family}: 27 and 31, every flow: %s`, (_name, detects, masqueradeAll) => {
    beforeAll(async () => {
      await start({ masqueradeAll, ...(!detects && { clusterCIDRs: [] }) })
    })
    it.each(flowCases(family, detects, masqueradeAll))('$name', async (one) => {
      expect(await verdict(one)).toEqual(one.answer)
    })
  })

  describe(`${family}: pods known by their bridge`, () => {
    beforeAll(async () => {
      await start({ detectLocal: { mode: 'BridgeInterface', name: 'cni0' } })
    })
    it.each(flowCases(family, true, false))('$name', async (one) => {
      expect(await verdict(one)).toEqual(one.answer)
    })
  })

  describe(`${family}: pods known by a prefix of their interfaces`, () => {
    beforeAll(async () => {
      await start({ detectLocal: { mode: 'InterfaceNamePrefix', prefix: 'cn' } })
    })
    it.each(flowCases(family, true, false).filter(({ from }) => from === 'pod3'))('$name', async (one) => {
      expect(await verdict(one)).toEqual(one.answer)
    })
  })

  describe(`${family}: what else there is`, () => {
    beforeAll(async () => {
      await start()
    })
    it.each(otherCases(family))('$name', async (one) => {
      expect(await verdict(one)).toEqual(one.answer)
    })
  })

  describe(`${family}: one feature each`, () => {
    let view: ServiceView
    let reconciler: Reconciler
    const put = async (name: string, n: number, over: Partial<Service> = {}): Promise<void> => {
      addService(view, sampleService(family, name, { n, pods: [], ...over }))
      setEndpoints(view, family, name, ['pod1', 'pod2'])
      await settle(name)
    }
    const settle = async (name: string): Promise<void> => {
      reconciler.touch(['tcp', 'udp', 'ssh', 'tls'].map((port) => `default/${name}:${port}`))
      await reconciler.flush()
      expect(reconciler.status()).toMatchObject({ synced: true, failures: 0 })
    }
    const ask = (from: ServiceCase['from'], to: ServiceCase['to'], answer: Answer): Promise<Answer> =>
      verdict({ name: '', from, to, answer })
    const both: Answer = { by: ['pod1', 'pod2'], source: 'masqueraded' }

    beforeAll(async () => {
      ;({ view, reconciler } = await start())
    })

    it.each([10_800, 600])(
      '41 a client stays with its endpoint for %s s, whatever the address',
      async (affinitySeconds) => {
        const n = affinitySeconds === 600 ? 31 : 30
        const name = `sticky${n}`
        await put(name, n, { affinitySeconds })
        const seen = new Set<string>()
        const kinds = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalIP'] as const
        for (let round = 0; round < 6; round++) {
          for (const kind of kinds) {
            const { address, port } = targetOf(family, kind, n)
            seen.add((await world.tcp('outside', address, port)).split(' ')[0] ?? '')
          }
        }
        expect([...seen]).toEqual([expect.stringMatching(/^pod[12]$/)])
        // Its endpoint leaves: the client moves, and stays there when it comes back.
        const [first] = seen as Set<'pod1' | 'pod2'>
        const other = first === 'pod1' ? 'pod2' : 'pod1'
        setEndpoints(view, family, name, [other])
        await settle(name)
        const { address, port } = targetOf(family, 'ClusterIP', n)
        expect(await world.tcp('outside', address, port)).toContain(other)
        setEndpoints(view, family, name, ['pod1', 'pod2'])
        await settle(name)
        for (let round = 0; round < 8; round++) expect(await world.tcp('outside', address, port)).toContain(other)
      },
    )

    it('41 keeps clients of policy Local with an endpoint of this node', async () => {
      await put('stickylocal', 32, {
        affinitySeconds: 60,
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Local',
      })
      const from = (kind: 'ClusterIP' | 'LoadBalancer', origin: 'outside' | 'pod3') =>
        ask(origin, targetOf(family, kind, 32), 'refused')
      expect(await from('LoadBalancer', 'outside')).toEqual({ by: ['pod1'], source: 'kept' })
      expect(await from('ClusterIP', 'pod3')).toEqual({ by: ['pod1'], source: 'kept' })
    })

    it('33 lets only the allowed clients in to a load balancer, and everybody to the node port', async () => {
      const { hosts, other } = plans[family]
      const bits = family === 'IPv4' ? 32 : 128
      await put('ranged', 33, { loadBalancerSourceRanges: [`${hosts.outside}/${bits}`, ` ${hosts.pod1}/${bits} `] })
      const at = targetOf(family, 'LoadBalancer', 33)
      expect(await ask('outside', at, both)).toEqual(both)
      expect(await ask('pod3', at, 'dropped')).toBe('dropped')
      expect(await ask('node', at, 'dropped')).toBe('dropped')
      expect(await ask('pod3', targetOf(family, 'NodePort', 33), both)).toEqual(both)
      expect(await ask('pod3', targetOf(family, 'ExternalIP', 33), both)).toEqual(both)
      await put('ranged', 33, { loadBalancerSourceRanges: [`${hosts.node}/${bits}`, other] })
      expect(await ask('node', at, both)).toEqual(both)
      expect(await ask('outside', at, 'dropped')).toBe('dropped')
      setEndpoints(view, family, 'ranged', [])
      await settle('ranged')
      expect(await ask('node', at, 'refused')).toBe('refused')
      expect(await ask('outside', at, 'dropped')).toBe('dropped')
    })

    it('33 lets in who is in one of a thousand ranges of many lengths, and nobody else', async () => {
      const { hosts } = plans[family]
      const at = targetOf(family, 'LoadBalancer', 48)
      const lengths = family === 'IPv4' ? [17, 20, 23, 24, 27, 30, 32] : [33, 44, 47, 48, 63, 64, 128]
      const many = Array.from({ length: 1000 }, (_, n) => {
        const place =
          family === 'IPv4' ? `${20 + (n >> 8)}.${n & 255}.7.9` : `2600:${(n >> 8).toString(16)}:${n & 255}::9`
        return `${place}/${lengths[n % lengths.length]}`
      })
      const others = many.slice(0, 20)
      await put('many', 48, { loadBalancerSourceRanges: many })
      expect(await ask('outside', at, 'dropped')).toBe('dropped')
      expect(reconciler.status().refusals.filter(({ subject }) => subject.startsWith('default/many:'))).toEqual([])
      // One that it is in, of lengths that are no multiples of those that the kernel's prefixes have.
      for (const bits of family === 'IPv4' ? [9, 18, 27, 31] : [33, 62, 75, 127]) {
        const ranges = [...(bits === 9 || bits === 33 ? many : others), `${hosts.outside}/${bits}`]
        await put('many', 48, { loadBalancerSourceRanges: ranges })
        expect(await ask('outside', at, both)).toEqual(both)
      }
      await put('many', 48, { loadBalancerSourceRanges: [] })
      expect(await ask('pod3', at, both)).toEqual(both)
      expect(world.nft('list', 'set', family === 'IPv4' ? 'ip' : 'ip6', 'weft', 'lb_sources')).not.toMatch(
        /2600:|27\.0\./,
      )
    })

    it('37 lets everybody in with a range of length 0, and nobody where all ranges are of the other family', async () => {
      const all = { IPv4: '0.0.0.0/0', IPv6: '::/0' }
      const at = targetOf(family, 'LoadBalancer', 34)
      await put('open', 34, { loadBalancerSourceRanges: [all[family], '192.0.2.0/24'] })
      expect(await ask('outside', at, both)).toEqual(both)
      await put('open', 34, { loadBalancerSourceRanges: [all[family === 'IPv4' ? 'IPv6' : 'IPv4']] })
      expect(await ask('outside', at, 'dropped')).toBe('dropped')
      expect(reconciler.status().refusals.map(({ reason }) => reason)).toContain('SourceRangesOfOtherFamily')
    })

    it("translates a Service's ports of a node's address that ServiceLB published, and no other", async () => {
      const { hosts } = plans[family]
      const ports = [
        { name: 'tcp', protocol: 'TCP' as const, port: 8000, nodePort: 0 },
        { name: 'ssh', protocol: 'TCP' as const, port: 22, nodePort: 0 },
      ]
      addService(view, {
        ...sampleService(family, 'published', { n: 35, pods: [] }),
        ports,
        externalIPs: [],
        loadBalancerIPs: [hosts.node, otherNode(family)],
      })
      setEndpoints(view, family, 'published', ['pod1', 'pod2'])
      await settle('published')
      const at = (address: string, port: number): ServiceCase['to'] => ({ address, port, protocol: 'TCP' })
      for (const from of ['outside', 'pod3', 'node'] as const) {
        expect(await ask(from, at(hosts.node, 8000), both)).toEqual(both)
        expect(await ask(from, at(hosts.node, 8001), 'refused')).toBe('refused')
        expect(await ask(from, at(hosts.node, 22), 'refused')).toBe('refused')
      }
      for (const from of ['pod3', 'node'] as const) {
        expect(await ask(from, at(otherNode(family), 8000), both)).toEqual(both)
      }
      // Nothing of ours answers there: neither a reset nor an endpoint, the packet goes its way.
      expect(world.nft('list', 'ruleset')).not.toContain(`${otherNode(family)} . tcp . 22 `)
      const reasons = reconciler.status().refusals.filter(({ subject }) => subject === 'default/published:ssh')
      expect(reasons.map(({ reason }) => reason)).toEqual(['AddressIsManagementPort', 'AddressIsManagementPort'])
    })

    it('follows UDP clients to another endpoint when theirs has left', async () => {
      await put('flows', 36)
      setEndpoints(view, family, 'flows', ['pod1'])
      await settle('flows')
      const { address, port } = targetOf(family, 'ClusterIP', 36)
      const client = await world.udpClient('pod3', family)
      expect(await client.ask(address, port)).toContain('pod1')
      setEndpoints(view, family, 'flows', ['pod2'])
      await settle('flows')
      await reconciler.effectsIdle()
      expect(await client.ask(address, port)).toContain('pod2')
      setEndpoints(view, family, 'flows', [])
      await settle('flows')
      await reconciler.effectsIdle()
      expect(await client.ask(address, port, droppedMs)).not.toContain('pod')
      setEndpoints(view, family, 'flows', ['pod1'])
      await settle('flows')
      await reconciler.effectsIdle()
      expect(await client.ask(address, port)).toContain('pod1')
      client.close()
    })

    it('1 a protocol that a ClusterIP does not serve is refused on a port that it serves by another', async () => {
      const udp = { name: 'udp', protocol: 'UDP' as const, port: 80, nodePort: 0 }
      await put('udponly', 46, { ports: [udp] })
      for (const from of ['pod3', 'node', 'outside'] as const) {
        expect(await ask(from, targetOf(family, 'ClusterIP', 46), 'refused')).toBe('refused')
      }
      const answer: Answer = { by: ['pod1', 'pod2'], source: 'kept' }
      expect(await ask('pod3', targetOf(family, 'ClusterIP', 46, 'UDP'), answer)).toEqual(answer)
    })

    it('2 each port leads to its own target', async () => {
      const { hosts } = plans[family]
      const server = createServer((socket) => socket.end('the other target'))
      server.listen({ fd: listenTcp(world.namespace('pod1'), hosts.pod1, 8443) })
      const ports = [
        { name: 'tcp', protocol: 'TCP' as const, port: 80, nodePort: 30_047 },
        { name: 'tls', protocol: 'TCP' as const, port: 443, nodePort: 30_048 },
      ]
      addService(view, sampleService(family, 'ports', { n: 47, pods: [], ports }))
      setEndpoints(view, family, 'ports', ['pod1'])
      const slice = view.slices.get(`default/ports-${family}`) as EndpointSlice
      const targets = ports.map(({ name, protocol }) => ({ name, protocol, port: name === 'tcp' ? 8080 : 8443 }))
      view.slices.set(`default/ports-${family}`, { ...slice, ports: targets })
      await settle('ports')
      const { address } = targetOf(family, 'ClusterIP', 47)
      for (let round = 0; round < 8; round++) {
        expect(await world.tcp('pod3', address, 80)).toBe(`pod1 ${hosts.pod3}`)
        expect(await world.tcp('pod3', address, 443)).toBe('the other target')
        expect(await world.tcp('outside', hosts.node, 30_047)).toMatch(/^pod1 /)
        expect(await world.tcp('outside', hosts.node, 30_048)).toBe('the other target')
      }
      server.close()
    })

    it('2 a pod among several endpoints is masqueraded on the way to itself alone', async () => {
      const { address, port } = targetOf(family, 'ClusterIP', 10)
      const seen = new Set<string>()
      for (let n = 0; n < tries; n++) seen.add(await world.tcp('pod1', address, port))
      const { hosts, bridge } = plans[family]
      expect([...seen].toSorted()).toEqual([`pod1 ${bridge}`, `pod2 ${hosts.pod1}`])
    })

    it('38 gives an address that two Services ask for to the older one', async () => {
      const wanted = { externalIPs: [publicIP(family, 250)] }
      await put('older', 37, { ...wanted, createdMs: 1, clusterIPs: [vip(family, 37)] })
      await put('younger', 38, { ...wanted, createdMs: 2 })
      setEndpoints(view, family, 'older', ['pod1'])
      setEndpoints(view, family, 'younger', ['pod2'])
      await settle('older')
      await settle('younger')
      const to = { address: publicIP(family, 250), port: 80, protocol: 'TCP' as const }
      expect(await ask('outside', to, both)).toMatchObject({ by: ['pod1'] })
      view.services.delete('default/older')
      await settle('older')
      expect(await ask('outside', to, both)).toMatchObject({ by: ['pod2'] })
    })
  })

  describe(`${family}: node ports at several addresses`, () => {
    it('22 serves those in --nodeport-addresses', async () => {
      const { other, hosts } = plans[family]
      const { view, reconciler } = await start({ nodePortAddresses: [] })
      for (const address of [other, hosts.node, family === 'IPv4' ? '127.0.0.1' : '::1']) {
        view.facts.set(`address ${address}`, { kind: 'address', address, device: 'eth0' })
      }
      reconciler.touch(['@node'])
      await reconciler.flush()
      const answer: Answer = { by: ['pod1', 'pod2'], source: 'masqueraded' }
      for (const address of [other, hosts.node]) {
        const to = { ...targetOf(family, 'NodePort', 10), address }
        expect(await verdict({ name: '', from: 'outside', to, answer })).toEqual(answer)
      }
      const loopback = { ...targetOf(family, 'NodePort', 10), address: family === 'IPv4' ? '127.0.0.1' : '::1' }
      expect(await verdict({ name: '', from: 'node', to: loopback, answer: 'refused' })).toBe('refused')
    })
  })
}

/** Tries until as many endpoints have answered as are expected, or too often for any other to exist. */
async function judge(world: World, family: Family, { from, to, answer }: ServiceCase): Promise<Answer> {
  const { hosts, bridge, other } = plans[family]
  const by = new Set<'pod1' | 'pod2'>()
  const sources = new Set<string>()
  const wait = answer === 'dropped' ? droppedMs : undefined
  for (let n = 0; n < tries; n++) {
    const text =
      to.protocol === 'UDP'
        ? await world.udp(from, to.address, to.port, wait)
        : await world.tcp(from, to.address, to.port, wait)
    if (text === 'TIMEOUT') return 'dropped'
    if (!text.startsWith('pod')) return text === 'ECONNREFUSED' ? 'refused' : (text as Answer)
    const [pod, seen = ''] = text.split(' ')
    by.add(pod as 'pod1' | 'pod2')
    // A pod that was sent to itself sees the bridge, whatever the case says of the others.
    if (pod !== from) sources.add(seen === other ? hosts.node : seen)
    else sources.add(seen)
  }
  const own = sources.has(hosts[from])
  const source =
    sources.size === 1 && (own || sources.has(bridge)) ? (own ? 'kept' : 'masqueraded') : [...sources].join()
  return { by: [...by].sort(), source: source as 'kept' }
}
