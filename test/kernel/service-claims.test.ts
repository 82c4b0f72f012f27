import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningPart, runPart } from '../../src/daemon/run-part.ts'
import { listenTcp, udpSocket } from '../../src/kernel/sockets.ts'
import { families, type Family } from '../../src/model/ip.ts'
import type { Service } from '../../src/model/services.ts'
import type { ServiceConfig } from '../../src/proxy/config.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { testEndpoint, testSlice } from '../../src/proxy/testing.fixture.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import {
  addService,
  otherNode,
  publicIP,
  sampleService,
  sampleView,
  setEndpoints,
  targetOf,
  vip,
} from './service-cases.ts'
import { droppedMs, type Host, noRoot, plans, type UdpClient, World } from './world.ts'

/** With so many tries one of two endpoints is missed less often than once in 10^7 cases. */
const tries = 24

describe.skipIf(noRoot)(`what Services promise, as they and the node change${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('claims')
  const closers: (() => unknown)[] = []
  beforeAll(async () => {
    await world.up()
    for (const family of families) {
      const { hosts } = plans[family]
      await serveUdp('node', hosts.node, 8472)
      serveTcp('node', 'node', hosts.node, 8080)
      serveTcp('pod1', 'second', hosts.pod1, 8443)
    }
  })
  afterAll(async () => {
    for (const close of closers) close()
    await world.down()
  })

  function serveTcp(host: Host, name: string, address: string, port: number): void {
    const server: Server = createServer((socket) => socket.on('error', () => {}).end(`${name} ${socket.remoteAddress}`))
    server.listen({ fd: listenTcp(world.namespace(host), address, port) })
    closers.push(() => server.close())
  }
  async function serveUdp(host: Host, address: string, port: number): Promise<void> {
    const socket = await udpSocket(world.namespace(host), { address, port })
    socket.on('message', (_, from) => socket.send(`${host} ${from.address}`, from.port, from.address))
    closers.push(() => socket.close())
  }

  describe.each(families)('%s', (family: Family) => {
    const { hosts, other } = plans[family]
    let view: ServiceView
    let running: RunningPart
    let client: UdpClient

    const start = async (over: Partial<ServiceConfig> = {}): Promise<void> => {
      running?.stop()
      client?.close()
      view = sampleView(family, over)
      view.facts.set('a', { kind: 'address', address: hosts.node, device: 'eth0' })
      // Only what was listed once is followed.
      view.services.replaceAll([...view.services.entries()])
      view.slices.replaceAll([...view.slices.entries()])
      view.facts.replaceAll([...view.facts.entries()])
      const namespace = world.namespace('node')
      running = runPart(nftablesProxy({ view, family, clusterUid: 'claims', namespace }), () => {})
      await running.started
      client = await world.udpClient('outside', family)
    }
    beforeAll(() => start())
    afterAll(() => {
      running.stop()
      client.close()
    })

    const put = (name: string, n: number, over: Partial<Service> = {}): void => {
      addService(view, sampleService(family, name, { n, pods: [], ...over }))
      setEndpoints(view, family, name, ['pod1', 'pod2'])
    }
    /** What was changed until now is written. */
    const committed = async (name: string): Promise<void> => {
      const { reconciler } = running.part
      reconciler.touch([`default/${name}:tcp`, `default/${name}:udp`])
      await reconciler.flush()
      expect(reconciler.status().failures).toBe(0)
    }
    const ask = (address: string, port: number): Promise<string> => client.ask(address, port, droppedMs)
    /** All that answer, and whom they see. */
    async function answers(from: Host, { address, port }: { address: string; port: number }): Promise<string[]> {
      const seen = new Set<string>()
      for (let n = 0; n < tries; n++) seen.add(await world.tcp(from, address, port))
      return [...seen].toSorted()
    }

    it("an endpoint in the node's own network answers pods, the node itself and those outside", async () => {
      addService(view, sampleService(family, 'host', { n: 60, pods: [], externalTrafficPolicy: 'Local' }))
      const ports = [{ name: 'tcp', protocol: 'TCP' as const, port: 8080 }]
      const endpoints = [testEndpoint(hosts.node, { nodeName: 'n1' })]
      view.slices.set('default/host-1', testSlice('host', endpoints, { family, ports }))
      await committed('host')
      for (const kind of ['ClusterIP', 'NodePort', 'LoadBalancer'] as const) {
        const { address, port } = targetOf(family, kind, 60)
        expect(await world.tcp('pod3', address, port)).toBe(`node ${hosts.pod3}`)
        expect(await world.tcp('node', address, port)).toMatch(/^node /)
        const seen = await world.tcp('outside', address, port)
        if (kind === 'ClusterIP') expect(seen).toMatch(/^node /)
        else expect(seen).toBe(`node ${hosts.outside}`)
      }
    })

    it('source ranges hold for external policy Local too, with the sources that it promises', async () => {
      const bits = family === 'IPv4' ? 32 : 128
      const local = { externalTrafficPolicy: 'Local' } as const
      const at = targetOf(family, 'LoadBalancer', 61)
      // The node sends from one of its addresses.
      const allowed = [hosts.outside, hosts.node, other].map((address) => `${address}/${bits}`)
      put('ranged', 61, { ...local, loadBalancerSourceRanges: allowed })
      await committed('ranged')
      expect(await answers('outside', at)).toEqual([`pod1 ${hosts.outside}`])
      expect(await world.tcp('pod3', at.address, at.port, droppedMs)).toBe('TIMEOUT')
      const ofNode = await answers('node', at)
      expect(ofNode.map((text) => text.split(' ')[0])).toEqual(['pod1', 'pod2'])
      put('ranged', 61, { ...local, loadBalancerSourceRanges: [`${hosts.pod3}/${bits}`] })
      await committed('ranged')
      expect(await answers('pod3', at)).toEqual([`pod1 ${hosts.pod3}`, `pod2 ${hosts.pod3}`])
      expect(await world.tcp('outside', at.address, at.port, droppedMs)).toBe('TIMEOUT')
      expect(await world.tcp('node', at.address, at.port, droppedMs)).toBe('TIMEOUT')
      expect(await answers('outside', targetOf(family, 'NodePort', 61))).toEqual([`pod1 ${hosts.outside}`])
    })

    it('slices each with a target port of its own, with an endpoint twice, without ports, and of the other family', async () => {
      addService(view, sampleService(family, 'odd', { n: 62, pods: [] }))
      const slice = (name: string, port: number | undefined, over: Parameters<typeof testEndpoint>[1] = {}): void => {
        const ports = port === undefined ? [] : [{ name: 'tcp', protocol: 'TCP' as const, port }]
        const endpoints = [testEndpoint(hosts.pod1, over)]
        view.slices.set(`default/${name}`, testSlice('odd', endpoints, { name, family, ports }))
      }
      slice('odd-0', 8080, { ready: false, serving: false })
      slice('odd-1', 8080)
      slice('odd-2', 8443)
      slice('odd-3', undefined)
      const foreign = family === 'IPv4' ? 'IPv6' : 'IPv4'
      const ports = [{ name: 'tcp', protocol: 'TCP' as const, port: 8080 }]
      const others = [testEndpoint(plans[foreign].hosts.pod2)]
      view.slices.set('default/odd-4', testSlice('odd', others, { name: 'odd-4', family: foreign, ports }))
      await committed('odd')
      expect(await answers('pod3', targetOf(family, 'ClusterIP', 62))).toEqual([
        `pod1 ${hosts.pod3}`,
        `second ${hosts.pod3}`,
      ])
    })

    it('UDP clients of a load balancer that becomes a ClusterIP are let go, and taken when it is one again', async () => {
      const at = publicIP(family, 63)
      put('typed', 63)
      await expect.poll(() => ask(at, 80)).toMatch(/^pod/)
      const ports = (['TCP', 'UDP'] as const).map((protocol) => ({
        name: protocol.toLowerCase(),
        protocol,
        port: 80,
        nodePort: 0,
      }))
      put('typed', 63, { type: 'ClusterIP', externalIPs: [], loadBalancerIPs: [], ports })
      await expect.poll(() => ask(at, 80)).toBe('TIMEOUT')
      expect(await world.udp('outside', hosts.node, 30_063, droppedMs)).not.toMatch(/^pod/)
      expect(await world.udp('outside', vip(family, 63), 80)).toMatch(/^pod/)
      put('typed', 63)
      await expect.poll(() => ask(at, 80)).toMatch(/^pod/)
    })

    it("a tunnel's port is the node's own from the moment that there is a tunnel", async () => {
      const ports = [{ name: 'tcp', protocol: 'UDP' as const, port: 8472, nodePort: 0 }]
      const loadBalancerIPs = [hosts.node, otherNode(family)]
      addService(view, sampleService(family, 'taker', { n: 64, pods: [], ports, externalIPs: [], loadBalancerIPs }))
      const target = [{ name: 'tcp', protocol: 'UDP' as const, port: 8080 }]
      view.slices.set('default/taker-1', testSlice('taker', [testEndpoint(hosts.pod1)], { family, ports: target }))
      await expect.poll(() => ask(hosts.node, 8472)).toMatch(/^pod1/)
      view.facts.set('tunnel', { kind: 'tunnel', device: 'flannel.1', of: 'vxlan', port: 8472 })
      await expect.poll(() => ask(hosts.node, 8472)).toBe(`node ${hosts.outside}`)
      const refused = running.part.reconciler.status().refusals.filter(({ subject }) => subject === 'default/taker:tcp')
      expect(refused.map(({ reason }) => reason)).toEqual(['AddressIsManagementPort', 'AddressIsManagementPort'])
      // A second lock, should a Service get in by whatever way: the node's own address and port.
      expect(world.nft('list', 'set', family === 'IPv4' ? 'ip' : 'ip6', 'weft', 'protected')).toMatch(/udp \. 8472/)
      view.facts.delete('tunnel')
      await expect.poll(() => ask(hosts.node, 8472)).toMatch(/^pod1/)
    })

    it("node ports follow the Node's address, and UDP clients that have asked there already", async () => {
      put('moving', 65)
      const { port } = targetOf(family, 'NodePort', 65)
      await expect.poll(() => ask(hosts.node, port)).toMatch(/^pod/)
      expect(await ask(other, port)).not.toMatch(/^pod/)
      view.nodes.set('n1', { name: 'n1', addresses: [other] })
      await expect.poll(() => ask(other, port)).toMatch(/^pod/)
      expect(await world.tcp('outside', other, port)).toMatch(/^pod/)
      expect(await world.tcp('outside', hosts.node, port)).toBe('ECONNREFUSED')
    })

    it('node ports are served at an address that the node gets later', async () => {
      await start({ nodePortAddresses: [] })
      put('later', 66)
      const { port } = targetOf(family, 'NodePort', 66)
      await expect.poll(() => ask(hosts.node, port)).toMatch(/^pod/)
      expect(await ask(other, port)).not.toMatch(/^pod/)
      view.facts.set('b', { kind: 'address', address: other, device: 'eth0' })
      await expect.poll(() => ask(other, port)).toMatch(/^pod/)
      view.facts.delete('b')
      await expect.poll(() => world.tcp('outside', other, port)).toBe('ECONNREFUSED')
    })
  })
})
