import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Family, families } from '../../src/model/ip.ts'
import type { Protocol, Service } from '../../src/model/services.ts'
import type { ServiceView } from '../../src/proxy/view.ts'
import type { Reconciler } from '../../src/reconcile/reconciler.ts'
import { addService, sampleService, sampleView, targetOf } from './service-cases.ts'
import type { Mode } from './service-suite.ts'
import { askSctp, serveSctp } from './sctp.ts'
import { noRoot, plans, World } from './world.ts'

const protocols: readonly Protocol[] = ['TCP', 'UDP', 'SCTP']
/** With so many tries one of two endpoints is missed less often than once in 10^7 cases. */
const tries = 24

/** What every mode has to do with SCTP. */
export function sctpSuite(mode: Mode): void {
  describe.skipIf(noRoot)(`SCTP by ${mode.name}, by raw packets${noRoot ? ` (${noRoot})` : ''}`, () => {
    const world = new World(`sctp-${mode.name}`)
    const stops: (() => void)[] = []
    beforeAll(async () => {
      await world.up()
      for (const family of families) {
        for (const pod of ['pod1', 'pod2'] as const) stops.push(serveSctp(world.namespace(pod), family, pod, 8080))
      }
    })
    afterAll(async () => {
      for (const stop of stops) stop()
      await world.down()
    })
    for (const family of families) suiteOf(mode, family, world)
  })
}

/** A Service on one port number of all protocols, each with endpoints of its own. */
function addAll(
  view: ServiceView,
  family: Family,
  n: number,
  pods: Readonly<Record<Protocol, readonly ('pod1' | 'pod2')[]>>,
  over: Partial<Service> = {},
): string {
  const name = `all${n}`
  const service = sampleService(family, name, { n, pods: [] })
  const ports = protocols.map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    nodePort: 30_000 + n,
  }))
  addService(view, { ...service, ports, ...over })
  for (const protocol of protocols) {
    view.slices.set(`default/${name}-${protocol}`, {
      namespace: 'default',
      name: `${name}-${protocol}`,
      service: name,
      family,
      ports: [{ name: protocol.toLowerCase(), protocol, port: 8080 }],
      endpoints: pods[protocol].map((pod) => ({
        address: plans[family].hosts[pod],
        nodeName: pod === 'pod1' ? 'n1' : 'n2',
        ready: true,
        serving: true,
        terminating: false,
      })),
    })
  }
  return name
}

function suiteOf(mode: Mode, family: Family, world: World): void {
  describe(family, () => {
    const { hosts, bridge } = plans[family]
    let view: ServiceView
    let reconciler: Reconciler

    beforeAll(async () => {
      view = sampleView(family)
      addAll(view, family, 40, { TCP: ['pod1'], UDP: ['pod1', 'pod2'], SCTP: ['pod1', 'pod2'] })
      addAll(view, family, 41, { TCP: ['pod1'], UDP: ['pod1'], SCTP: [] })
      addAll(view, family, 42, { TCP: ['pod1'], UDP: ['pod2'], SCTP: ['pod2'] })
      const local = { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' } as const
      addAll(view, family, 43, { TCP: [], UDP: [], SCTP: ['pod1', 'pod2'] }, local)
      addAll(view, family, 44, { TCP: [], UDP: [], SCTP: ['pod1', 'pod2'] }, { affinitySeconds: 10_800 })
      reconciler = await mode.start(view, family, world.namespace('node'))
    })

    async function answers(from: 'pod1' | 'pod3' | 'node' | 'outside', to: { address: string; port: number }) {
      const seen = new Set<string>()
      for (let n = 0; n < tries; n++) seen.add(await askSctp(world.namespace(from), to.address, to.port))
      return [...seen].sort()
    }

    const kept = (from: 'pod3' | 'outside'): string[] => [`pod1 ${hosts[from]}`, `pod2 ${hosts[from]}`]
    const masqueraded = [`pod1 ${bridge}`, `pod2 ${bridge}`]

    it.each([
      ['a pod', 'pod3', 'ClusterIP', kept('pod3')],
      ['the node', 'node', 'ClusterIP', masqueraded],
      ['outside', 'outside', 'ClusterIP', masqueraded],
      ['a pod', 'pod3', 'NodePort', masqueraded],
      ['the node', 'node', 'NodePort', masqueraded],
      ['outside', 'outside', 'NodePort', masqueraded],
      ['outside', 'outside', 'LoadBalancer', masqueraded],
    ] as const)('3 SCTP from %s (%s) to %s: both endpoints, the checksum right both ways', async (...row) => {
      const [, from, kind, expected] = row
      expect(await answers(from, targetOf(family, kind, 40))).toEqual(expected)
    })

    it.each(['pod3', 'node', 'outside'] as const)(
      '6 SCTP from %s without endpoints: port unreachable',
      async (from) => {
        const { address, port } = targetOf(family, from === 'outside' ? 'NodePort' : 'ClusterIP', 41)
        expect(await askSctp(world.namespace(from), address, port)).toBe('ECONNREFUSED')
      },
    )

    it('3 TCP, UDP and SCTP on one port number lead to their own endpoints', async () => {
      const { address, port } = targetOf(family, 'ClusterIP', 42)
      expect(await answers('pod3', { address, port })).toEqual([`pod2 ${hosts.pod3}`])
      for (let n = 0; n < 4; n++) expect(await world.tcp('pod3', address, port)).toBe(`pod1 ${hosts.pod3}`)
      for (let n = 0; n < 4; n++) expect(await world.udp('pod3', address, port)).toBe(`pod2 ${hosts.pod3}`)
    })

    it('26 SCTP with policy Local: this node’s endpoint, the source kept', async () => {
      expect(await answers('outside', targetOf(family, 'NodePort', 43))).toEqual([`pod1 ${hosts.outside}`])
      expect(await answers('pod3', targetOf(family, 'ClusterIP', 43))).toEqual([`pod1 ${hosts.pod3}`])
    })

    it('2 SCTP of a pod to itself is masqueraded', async () => {
      const [one, two] = await answers('pod1', targetOf(family, 'ClusterIP', 40))
      expect([one, two]).toEqual([`pod1 ${bridge}`, `pod2 ${hosts.pod1}`])
    })

    it('41 an SCTP client stays with its endpoint', async () => {
      expect(await answers('outside', targetOf(family, 'ClusterIP', 44))).toHaveLength(1)
    })

    it('follows SCTP endpoints as they come and go', async () => {
      const to = targetOf(family, 'ClusterIP', 42)
      addAll(view, family, 42, { TCP: [], UDP: [], SCTP: ['pod1'] })
      reconciler.touch(protocols.map((protocol) => `default/all42:${protocol.toLowerCase()}`))
      await reconciler.flush()
      expect(await answers('pod3', to)).toEqual([`pod1 ${hosts.pod3}`])
    })
  })
}
