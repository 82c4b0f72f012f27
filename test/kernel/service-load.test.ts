import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningPart, runPart } from '../../src/daemon/run-part.ts'
import { type Family, families } from '../../src/model/ip.ts'
import { nftablesProxy } from '../../src/proxy/nftables/index.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import { testSeed } from '../seed.ts'
import { Random } from './random.ts'
import { addService, sampleService, sampleView, setEndpoints, targetOf } from './service-cases.ts'
import { type Host, noRoot, World } from './world.ts'

const services = 1000
const steady = 10
/** A request counts as failed after so long; one whose packet was dropped never comes back. */
const answerMs = 5000

interface Load {
  name: string
  ask: () => Promise<string>
}

describe.skipIf(noRoot)(`a Service under load while others change${noRoot ? ` (${noRoot})` : ''}`, () => {
  const world = new World('load')
  const seed = testSeed()
  const random = new Random(seed)
  const running: RunningPart[] = []
  const views = new Map<Family, ServiceView>()

  beforeAll(async () => {
    await world.up()
    for (const family of families) {
      const view = sampleView(family)
      for (const store of [view.serviceCIDRs, view.slices, view.services, view.facts])
        store.replaceAll([...store.entries()] as never)
      views.set(family, view)
      const clusterUid = 'c5a8c6e0-0000-4000-8000-000000000001'
      const part = runPart(nftablesProxy({ view, family, clusterUid, namespace: world.namespace('node') }), () => {})
      running.push(part)
      await part.started
    }
  })
  afterAll(async () => {
    for (const part of running) part.stop()
    await world.down()
  })

  const nth = (family: Family, index: number): string =>
    family === 'IPv4' ? `10.43.${1 + (index >> 8)}.${index & 255}` : `fd43::1:${index.toString(16)}`

  function change(family: Family, index: number, what: 'come' | 'change' | 'go'): void {
    const view = views.get(family) as ServiceView
    const name = `other${index}`
    if (what === 'go') {
      view.services.delete(`default/${name}`)
      view.slices.delete(`default/${name}-${family}`)
      return
    }
    if (what === 'come') {
      const service = sampleService(family, name, { n: 0, pods: [] })
      const ports = service.ports.map((port) => ({ ...port, nodePort: 0 }))
      const affinitySeconds = index % 10 === 0 ? 10_800 : 0
      const clusterIPs = [nth(family, index)]
      addService(view, { ...service, ports, clusterIPs, affinitySeconds, externalIPs: [], loadBalancerIPs: [] })
    }
    setEndpoints(view, family, name, random.one([[], ['pod1'], ['pod2'], ['pod1', 'pod2']] as const))
  }

  it(`no UDP or TCP request fails in either family while ${services} others come, change and go (WEFT_TEST_SEED=${seed})`, async () => {
    const stopping = new AbortController()
    const counts: Record<string, number> = {}
    const failures: string[] = []
    const loads = families.flatMap((family): Load[] => {
      const from = (host: Host, kind: 'ClusterIP' | 'NodePort', protocol: 'TCP' | 'UDP'): Load => {
        const { address, port } = targetOf(family, kind, steady)
        const ask = (): Promise<string> =>
          protocol === 'UDP' ? world.udp(host, address, port, answerMs) : world.tcp(host, address, port, answerMs)
        return { name: `${family} ${protocol} ${kind} from ${host}`, ask }
      }
      return [
        from('pod3', 'ClusterIP', 'UDP'),
        from('node', 'ClusterIP', 'UDP'),
        from('outside', 'NodePort', 'UDP'),
        from('pod3', 'ClusterIP', 'TCP'),
        from('outside', 'NodePort', 'TCP'),
      ]
    })
    for (const { name, ask } of loads) expect(await ask(), name).toMatch(/^pod/)
    const working = loads.map(async ({ name, ask }) => {
      while (!stopping.signal.aborted) {
        const answer = await ask()
        counts[name] = (counts[name] ?? 0) + 1
        if (!answer.startsWith('pod')) failures.push(`${name}: ${answer}`)
      }
    })
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const all = async (what: 'come' | 'change' | 'go'): Promise<void> => {
      for (let index = 0; index < services; index++) {
        for (const family of families) change(family, index, what)
        if (random.chance(0.2)) await turn()
      }
    }
    await all('come')
    await all('change')
    do await all('change')
    while (loads.some(({ name }) => (counts[name] ?? 0) < 20))
    await all('go')
    stopping.abort()
    await Promise.all(working)
    expect(failures).toEqual([])
    for (const { part } of running) {
      const { reconciler } = part
      await reconciler.flush()
      expect(reconciler.status()).toMatchObject({ synced: true, pending: 0, failures: 0, drift: 0 })
      expect(reconciler.status().transactions).toBeGreaterThan(100)
    }
    const total = Object.values(counts).reduce((sum, one) => sum + one, 0)
    process.stdout.write(`${total} requests, none failed\n`)
  }, 180_000)
})
