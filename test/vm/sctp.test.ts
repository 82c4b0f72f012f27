import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KernelError } from '../../src/kernel/errors.ts'
import { NetworkNamespace } from '../../src/kernel/namespaces.ts'
import { connectSctp, listenSctp } from '../../src/kernel/sockets.ts'
import { families } from '../../src/model/ip.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import { type NftablesProxy, nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { addService, publicIP, sampleService, sampleView, vip } from '../kernel/service-cases.ts'
import { type Host, noRoot, plans, World } from '../kernel/world.ts'
import { listening } from './listening.ts'

const noSctp = noRoot ?? whyNoSctp()

/** Asks the kernel, which loads the protocol where it has it as a module. */
function whyNoSctp(): string | undefined {
  const here = NetworkNamespace.open('/proc/self/ns/net')
  try {
    const server = createServer().listen({ fd: listenSctp(here, '127.0.0.1', 0) })
    server.close()
    return undefined
  } catch (error) {
    if (error instanceof KernelError && error.errnoName === 'EPROTONOSUPPORT') return 'this kernel has no SCTP'
    throw error
  } finally {
    here.close()
  }
}

const port = 9000
const nodePort = 32_132

describe.skipIf(noSctp)(`Services of SCTP${noSctp ? ` (${noSctp})` : ''}`, () => {
  const world = new World('sctp')
  const servers: Server[] = []
  const proxies: NftablesProxy[] = []
  const views: ServiceView[] = []

  beforeAll(async () => {
    await world.up()
    for (const family of families) {
      for (const pod of ['pod1', 'pod2'] as const) servers.push(await serve(pod, plans[family].hosts[pod]))
      const view = sampleView(family)
      const service = sampleService(family, 'calls', { n: 70, pods: [] })
      addService(view, { ...service, ports: [{ name: 'calls', protocol: 'SCTP', port: 36_412, nodePort }] })
      endpoints(view, family, ['pod1', 'pod2'])
      const proxy = nftablesProxy({ view, family, clusterUid: 'sctp', namespace: world.namespace('node') })
      await proxy.start()
      views.push(view)
      proxies.push(proxy)
    }
  })

  afterAll(async () => {
    for (const proxy of proxies) proxy.close()
    for (const server of servers) server.close()
    await world.down()
  })

  /** Answers every message with its name and whom it sees. */
  const serve = (pod: Host, address: string): Promise<Server> => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => socket.write(`${pod} ${socket.remoteAddress}`))
    })
    return listening(server, listenSctp(world.namespace(pod), address, port))
  }

  const endpoints = (view: ServiceView, family: 'IPv4' | 'IPv6', pods: readonly ('pod1' | 'pod2')[]): void =>
    view.slices.set(`default/calls-${family}`, {
      namespace: 'default',
      name: `calls-${family}`,
      service: 'calls',
      family,
      ports: [{ name: 'calls', protocol: 'SCTP', port }],
      endpoints: pods.map((pod) => ({
        address: plans[family].hosts[pod],
        nodeName: 'n1',
        ready: true,
        serving: true,
        terminating: false,
      })),
    })

  const associate = async (from: Host, address: string, at: number) => {
    const socket = connectSctp(world.namespace(from), { address, port: at })
    await once(socket, 'connect')
    return {
      ask: async (): Promise<string> => {
        socket.write('hello')
        const [answer] = (await once(socket, 'data')) as [Buffer]
        return answer.toString()
      },
      close: () => socket.destroy(),
    }
  }
  const ask = async (from: Host, address: string, at: number): Promise<string> => {
    const one = await associate(from, address, at)
    const answer = await one.ask()
    one.close()
    return answer
  }

  it.each(families)('%s: reach both endpoints at the cluster IP, and keep a pod’s address', async (family) => {
    const seen = new Set<string>()
    await expect.poll(async () => seen.add(await ask('pod3', vip(family, 70), 36_412)).size).toBe(2)
    expect([...seen].sort()).toEqual(['pod1', 'pod2'].map((pod) => `${pod} ${plans[family].hosts.pod3}`))
  })

  it.each(families)('%s: answer at the node port and at a load balancer’s address', async (family) => {
    const masqueraded = new RegExp(`^pod[12] ${plans[family].bridge}$`)
    expect(await ask('outside', plans[family].hosts.node, nodePort)).toMatch(masqueraded)
    expect(await ask('outside', publicIP(family, 70), 36_412)).toMatch(masqueraded)
  })

  it.each(families)('%s: leave an association where it is when its endpoint is no longer chosen', async (family) => {
    const [view, proxy] = [views[families.indexOf(family)], proxies[families.indexOf(family)]]
    if (view === undefined || proxy === undefined) throw new Error('not started')
    const association = await associate('pod3', vip(family, 70), 36_412)
    const first = await association.ask()
    const other = first.startsWith('pod1') ? 'pod2' : 'pod1'
    endpoints(view, family, [other])
    proxy.reconciler.touch(['default/calls:calls'])
    await proxy.reconciler.flush()
    expect(await ask('pod3', vip(family, 70), 36_412)).toMatch(new RegExp(`^${other} `))
    expect(await association.ask()).toBe(first)
    association.close()
  })
})
