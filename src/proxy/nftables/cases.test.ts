import { describe, expect, it } from 'vitest'
import { families } from '../../model/ip.ts'
import { FakeTarget } from '../../reconcile/fake-target.ts'
import { Reconciler } from '../../reconcile/reconciler.ts'
import { decodeService, decodeSlice } from '../decode.ts'
import { testView } from '../testing.fixture.ts'
import { constantRules } from './constants.ts'
import { interpret, type Verdict } from './interpret.fixture.ts'
import { setKinds } from './kinds.ts'
import { allSubjects, nftablesPart } from './plan.ts'

/** Cases of kube-proxy's unit tests, by their numbers (test/kernel/kube-proxy-cases.ts): from objects of the API to what the rules do. */

const addresses = {
  IPv4: {
    cluster: '10.43.0.10',
    external: '203.0.113.5',
    loadBalancer: '203.0.113.6',
    pod: (n: string) => `10.42.0.${n}`,
  },
  IPv6: { cluster: 'fd43::10', external: '2001:db8::5', loadBalancer: '2001:db8::6', pod: (n: string) => `fd42::${n}` },
}

type Conditions = { ready?: boolean; serving?: boolean; terminating?: boolean }
const states: Readonly<Record<string, Conditions | undefined>> = {
  ready: { ready: true },
  unready: { ready: false, serving: false },
  unsaid: undefined,
  draining: { ready: false, serving: true, terminating: true },
  ended: { ready: false, serving: false, terminating: true },
}

describe.each(families)('%s', (family) => {
  const { cluster, external, loadBalancer, pod } = addresses[family]

  class Life {
    readonly view = testView()
    readonly target = new FakeTarget(
      Object.values(setKinds[family]).flatMap(({ owned, name }) => (owned ? [name] : [])),
    )
    readonly reconciler = new Reconciler({ part: nftablesPart(this.view, family), target: this.target })

    service(spec: object = {}): this {
      const raw = {
        metadata: { namespace: 'default', name: 'web', creationTimestamp: '2026-01-01T00:00:00Z' },
        spec: {
          type: 'LoadBalancer',
          clusterIPs: [cluster],
          externalIPs: [external],
          ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
          ...spec,
        },
        status: { loadBalancer: { ingress: [{ ip: loadBalancer }] } },
      }
      const decoded = decodeService(raw as never)
      if (decoded === undefined) this.view.services.delete('default/web')
      else this.view.services.set(decoded.key, decoded.value)
      return this
    }

    /** `1 ready here`: address, state, and whether it is on this node. */
    slice(name: string, ...endpoints: string[]): this {
      const raw = {
        metadata: { namespace: 'default', name, labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: family,
        ports: [{ name: 'http', port: 8080 }],
        endpoints: endpoints.map((text) => {
          const [address = '', state = '', where] = text.split(' ')
          return { addresses: [pod(address)], conditions: states[state], nodeName: where === 'here' ? 'n1' : 'n2' }
        }),
      }
      const decoded = decodeSlice(raw as never)
      if (decoded !== undefined) this.view.slices.set(decoded.key, decoded.value)
      return this
    }

    async start(): Promise<this> {
      await this.reconciler.start(allSubjects(this.view))
      return this
    }

    async settle(): Promise<void> {
      this.reconciler.touch(['default/web:http'])
      await this.reconciler.flush()
    }

    /** Who answers for each kind of address, to those inside and outside; endpoints by their last number. */
    get answers(): Record<string, [inside: string, outside: string]> {
      const { items } = this.target
      const text = (verdict: Verdict): string =>
        typeof verdict === 'string' ? verdict : (verdict?.map((one) => shortOf(one)).join() ?? 'nothing')
      const both = (element: string): [string, string] => [
        text(interpret(items, element, 'inside')),
        text(interpret(items, element, 'outside')),
      ]
      return {
        cluster: both(`services ${cluster} . tcp . 80`),
        external: both(`services ${external} . tcp . 80`),
        loadBalancer: both(`services ${loadBalancer} . tcp . 80`),
        nodePort: both('nodeports tcp . 30080'),
      }
    }
  }

  const shortOf = (value: string): string => /(\w+) \. 8080$/.exec(value)?.[1] ?? value
  const everywhere = (inside: string, outside = inside) => ({
    external: [inside, outside],
    loadBalancer: [inside, outside],
    nodePort: [inside, outside],
  })
  const local = { externalTrafficPolicy: 'Local' }

  it('7 headless, ExternalName and proxied Services leave, and come back with their type', async () => {
    const life = await new Life().service().slice('a', '1 ready').start()
    const before = life.answers
    expect(before).toEqual({ cluster: ['1', '1'], ...everywhere('1') })
    for (const spec of [{ type: 'ExternalName', clusterIPs: [] }, { clusterIPs: ['None'] }]) {
      life.service(spec)
      await life.settle()
      expect(life.answers).toEqual({ cluster: ['nothing', 'nothing'], ...everywhere('nothing') })
      expect([...life.target.items.values()].filter(({ subject }) => subject?.startsWith('default/web'))).toEqual([])
      life.service()
      await life.settle()
      expect(life.answers).toEqual(before)
    }
  })

  it('9 conditions that are not said count as ready', async () => {
    const life = await new Life().service().slice('a', '1 ready', '2 unready', '3 unsaid').start()
    expect(life.answers).toEqual({ cluster: ['1,3', '1,3'], ...everywhere('1,3') })
  })

  it('10 ready endpoints where there are any, of this node for policy Local', async () => {
    const endpoints = ['1 ready here', '2 ready here', '3 draining here', '4 ended here', '5 ready']
    const life = await new Life()
      .service(local)
      .slice('a', ...endpoints)
      .start()
    expect(life.answers).toEqual({ cluster: ['1,2,5', '1,2,5'], ...everywhere('1,2,5', '1,2') })
  })

  it('11 nobody ready anywhere: those that serve while they terminate', async () => {
    const life = await new Life().service(local).slice('a', '1 draining here', '2 draining here', '3 draining').start()
    expect(life.answers).toEqual({ cluster: ['1,2,3', '1,2,3'], ...everywhere('1,2,3', '1,2') })
  })

  it('12 only terminating ones here and a ready one elsewhere: each list for itself', async () => {
    const life = await new Life().service(local).slice('a', '1 draining here', '2 draining here', '5 ready').start()
    expect(life.answers).toEqual({ cluster: ['5', '5'], ...everywhere('5', '1,2') })
  })

  it('13 policy Local and only terminating ones elsewhere: dropped from outside, served inside', async () => {
    const life = await new Life().service(local).slice('a', '4 draining').start()
    expect(life.answers).toEqual({ cluster: ['4', '4'], ...everywhere('4', 'dropped') })
  })

  it('14 an endpoint that moves from slice to slice stays one, and keeps its slot', async () => {
    const life = await new Life().service().slice('a', '1 ready', '2 ready').start()
    const slots = () => [...life.target.items.values()].filter(({ kind }) => kind === 'endpoints')
    const before = slots()
    life.slice('b', '2 ready')
    await life.settle()
    expect(life.answers.cluster).toEqual(['1,2', '1,2'])
    life.slice('a', '1 ready', '2 draining')
    await life.settle()
    life.slice('a', '1 ready')
    await life.settle()
    expect(slots()).toEqual(before)
  })

  it('28 external policy Local leaves the ClusterIP alone', async () => {
    const life = await new Life().service(local).slice('a', '1 ready here', '2 ready').start()
    expect(life.answers).toEqual({ cluster: ['1,2', '1,2'], ...everywhere('1,2', '1') })
  })

  it('35 an address whose ipMode is Proxy, and a name, are not translated', async () => {
    const life = new Life().service()
    const raw = {
      metadata: { namespace: 'default', name: 'web' },
      spec: { type: 'LoadBalancer', clusterIPs: [cluster], ports: [{ name: 'http', port: 80 }] },
      status: { loadBalancer: { ingress: [{ ip: loadBalancer, ipMode: 'Proxy' }, { hostname: 'lb.example' }] } },
    }
    life.view.services.set('default/web', decodeService(raw as never)?.value as never)
    await life.slice('a', '1 ready').start()
    expect(life.answers).toMatchObject({ cluster: ['1', '1'], loadBalancer: ['nothing', 'nothing'] })
  })

  it('38 external IPs of both families: each serves its own', async () => {
    const externalIPs = [addresses.IPv4.external, addresses.IPv6.external]
    const life = await new Life().service({ externalIPs }).slice('a', '1 ready').start()
    const keys = [...life.target.items.values()].flatMap(({ kind, key }) => (kind === 'services' ? [key] : []))
    expect(keys.toSorted()).toEqual([cluster, external, loadBalancer].map((one) => `${one} . tcp . 80`).toSorted())
  })

  it('40 an external IP without endpoints refuses', async () => {
    const life = await new Life().service().start()
    expect(life.answers).toEqual({ cluster: ['refused', 'refused'], ...everywhere('refused') })
  })

  it('43 health-check node ports need no rule: there is no chain that filters', () => {
    const text = constantRules(family === 'IPv4' ? 'ip' : 'ip6').text('weft', '')
    const hooks = [...text.matchAll(/type (\w+) hook (\w+)/g)].map(([, type]) => type)
    expect(hooks).toEqual(['nat', 'nat', 'nat'])
  })
})
