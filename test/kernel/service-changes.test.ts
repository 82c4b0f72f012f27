import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningPart, runPart } from '../../src/daemon/run-part.ts'
import type { Service, ServicePort } from '../../src/model/services.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import { allSubjects } from '../../src/proxy/subjects.ts'
import { testEndpoint, testPort, testService, testSlice, testView } from '../../src/proxy/testing.fixture.ts'
import { addresses, droppedMs, type Host, noRoot, World } from './world.ts'

const rounds = 40
const [ipA, ipB] = ['10.43.0.10', '10.43.0.11'] as const
const [portA, portB] = [30001, 30002] as const
const { node, pod1, pod2 } = addresses

describe.skipIf(noRoot)(`what changes while it is used${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('changes')
  const view = testView()
  let running: RunningPart

  const service = (name: 'a' | 'b', over: Partial<Service> = {}, port: Partial<ServicePort> = {}): void => {
    const ports = [testPort({ name: '', nodePort: name === 'a' ? portA : portB, ...port })]
    const clusterIPs = [name === 'a' ? ipA : ipB]
    view.services.set(`default/${name}`, testService(name, { type: 'NodePort', clusterIPs, ports, ...over }))
  }
  const endpoints = (name: 'a' | 'b', ips: readonly string[], portName = '', slice = `${name}-1`): void => {
    const ports = [{ name: portName, protocol: 'TCP' as const, port: 8080 }]
    const local = ips.map((address) => testEndpoint(address, { nodeName: 'n1' }))
    view.slices.set(`default/${slice}`, testSlice(name, local, { name: slice, ports }))
  }
  const agent = () => nftablesProxy({ view, family: 'IPv4', clusterUid: 'changes', namespace: world.namespace('node') })
  const start = async (): Promise<void> => {
    running = runPart(agent(), () => {})
    await running.started
  }
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 4))

  /** Who answered there, while `change` was made again and again. */
  async function during(from: Host, targets: [string, number][], change: (n: number) => unknown): Promise<string[]> {
    const seen = new Set<string>()
    const done = new AbortController()
    const clients = targets.map(async ([address, port]) => {
      while (!done.signal.aborted) seen.add((await world.tcp(from, address, port)).split(' ')[0] ?? '')
    })
    for (let n = 0; n < rounds; n++) {
      await change(n)
      await turn()
    }
    done.abort()
    await Promise.all(clients)
    return [...seen].toSorted()
  }

  beforeAll(async () => {
    await world.up()
    view.services.replaceAll([])
    view.slices.replaceAll([])
    service('a')
    service('b')
    endpoints('a', [pod1])
    endpoints('b', [pod2])
    await start()
  })

  afterAll(async () => {
    running.stop()
    await world.down()
  })

  it('two Services exchange their node ports, and their addresses', async () => {
    const swapped = await during(
      'outside',
      [
        [node, portA],
        [node, portB],
      ],
      (n) => {
        service('a', {}, { nodePort: n % 2 ? portA : portB })
        service('b', {}, { nodePort: n % 2 ? portB : portA })
      },
    )
    expect(swapped).toEqual(['pod1', 'pod2'])
    const moved = await during(
      'pod3',
      [
        [ipA, 80],
        [ipB, 80],
      ],
      (n) => {
        service('a', { clusterIPs: [n % 2 ? ipA : ipB] })
        service('b', { clusterIPs: [n % 2 ? ipB : ipA] })
      },
    )
    expect(moved).toEqual(['pod1', 'pod2'])
    await expect.poll(() => world.tcp('outside', node, portA)).toMatch(/^pod1/)
    expect(await world.tcp('pod3', ipB, 80)).toMatch(/^pod2/)
  })

  it.each<[string, (n: number) => void]>([
    [
      'a port is renamed',
      (n) => {
        service('a', {}, { name: `p${n % 3}` })
        endpoints('a', [pod1], `p${n % 3}`)
      },
    ],
    [
      'a Service is deleted and made again',
      (n) => {
        view.services.delete('default/a')
        service('a', { createdMs: n + 2 })
        endpoints('a', [pod1])
      },
    ],
    [
      'affinity comes, goes and lasts otherwise',
      (n) => service('a', { affinitySeconds: [0, 600, 60, 10_800][n % 4] ?? 0 }),
    ],
    [
      'policies flip',
      (n) =>
        service('a', {
          externalTrafficPolicy: n % 2 ? 'Local' : 'Cluster',
          internalTrafficPolicy: n % 3 ? 'Local' : 'Cluster',
        }),
    ],
    [
      'slices are split and merged',
      (n) => {
        endpoints('a', n % 2 ? [] : [pod1])
        endpoints('a', n % 2 ? [pod1] : [], '', 'a-2')
      },
    ],
    [
      'the Node goes and comes in another zone',
      (n) => {
        view.nodes.delete('n1')
        view.nodes.set('n1', { name: 'n1', addresses: [node], zone: `z${n}` })
      },
    ],
  ])('nobody is refused while %s', async (_name, change) => {
    expect(
      await during(
        'pod3',
        [
          [ipA, 80],
          [node, portA],
        ],
        change,
      ),
    ).toEqual(['pod1'])
    service('a')
    endpoints('a', [pod1])
    view.slices.delete('default/a-2')
  })

  it('nobody is refused while the ranges of allowed clients change around them', async () => {
    const ranges = [['172.30.0.0/24'], ['172.30.0.0/16', '10.0.0.0/8'], ['172.30.0.128/25', '1.2.3.4/32'], []]
    const loadBalancer = { type: 'LoadBalancer', loadBalancerIPs: ['203.0.113.5'] } as const
    service('a', { ...loadBalancer })
    await expect.poll(() => world.tcp('outside', '203.0.113.5', 80)).toMatch(/^pod1/)
    const change = (n: number): void => service('a', { ...loadBalancer, loadBalancerSourceRanges: ranges[n % 4] ?? [] })
    expect(await during('outside', [['203.0.113.5', 80]], change)).toEqual(['pod1'])
    service('a', { ...loadBalancer, loadBalancerSourceRanges: ['10.0.0.0/8'] })
    await expect.poll(() => world.tcp('outside', '203.0.113.5', 80, droppedMs)).toBe('TIMEOUT')
  })

  it('agents come, go, and are broken off while they build new rules beside the old', async () => {
    let built = 0
    const seen = await during(
      'pod3',
      [
        [ipA, 80],
        [ipB, 80],
      ],
      async (n) => {
        endpoints('a', n % 2 ? [pod1] : [pod1, pod2])
        running.stop()
        if (n % 8 === 0) {
          const name = /table ip (weft\S*)/.exec(world.nft('list', 'tables'))?.[1] ?? ''
          world.nft('add', 'chain', 'ip', name, `stranger${n}`)
          const brokenOff = agent()
          await brokenOff.reconciler.plan(allSubjects(view))
          brokenOff.close()
          built++
        }
        await start()
      },
    )
    expect(seen).toEqual(['pod1', 'pod2'])
    expect(built).toBe(rounds / 8)
    expect(world.nft('list', 'tables').trim().split('\n')).toHaveLength(1)
    expect(running.part.reconciler.status()).toMatchObject({ synced: true, failures: 0 })
    expect(await running.part.reconciler.audit()).toBe(0)
  })
})
