import { describe, expect, it } from 'vitest'
import type { Endpoint, ServiceSpec } from '../../kube/types.ts'
import type { Given } from './facts.ts'
import { brief, briefs, endpoint, expectAll, lab, objects, pod, service, slice, worlds } from './testing.ts'
import { type Check, type Claim, type ClusterObjects, keyOf } from './types.ts'

const a4 = pod('a', '10.42.0.5')
const b4 = pod('b', '10.42.1.5')
const simple = (spec: Partial<ServiceSpec> = {}, endpoints = [endpoint(a4), endpoint(b4)]): ClusterObjects =>
  objects({ pods: [a4, b4], services: [service(spec)], slices: [slice(endpoints)] })
const claimsOf = (check: Check, given: ClusterObjects, found: Given = {}): Claim[] =>
  expectAll(given, lab, found).claims.filter((claim) => claim.check === check)

describe.each(worlds)('$family', (w) => {
  const a = pod('a', w.a)
  const b = pod('b', w.b)
  const other = pod('other', w.other)
  /** `web` with endpoints a (node-1) and b (node-2); pod `other` beside a. */
  const cluster = (spec: Partial<ServiceSpec> = {}, endpoints: Endpoint[] = [endpoint(a), endpoint(b)]) =>
    objects({
      pods: [a, b, other],
      services: [service({ clusterIP: w.clusterIP, clusterIPs: [w.clusterIP], ...spec })],
      slices: [slice(endpoints, { addressType: w.family })],
    })
  const of = (check: Check, given = cluster(), found: Given = {}) => briefs(claimsOf(check, given, found))
  const both = (sources: string) => ({ 'default/a': sources, 'default/b': sources })

  describe('ClusterIP', () => {
    it('from pods: an endpoint and another pod on each node; source kept, but masqueraded where a pod meets itself', () => {
      expect(of('ClusterIP from pod')).toEqual({
        [`default/a > ${w.clusterIP}`]: { 'default/a': w.from1, 'default/b': w.a },
        [`default/other > ${w.clusterIP}`]: both(w.other),
        [`default/b > ${w.clusterIP}`]: { 'default/a': w.b, 'default/b': w.from2 },
      })
    })

    it("from nodes: that node's addresses; from outside: any node's, never the client's", () => {
      expect(of('ClusterIP from node')).toEqual({
        [`node-1 > ${w.clusterIP}`]: both(w.from1),
        [`node-2 > ${w.clusterIP}`]: both(w.from2),
      })
      expect(of('ClusterIP from outside')).toEqual({
        [`outside > ${w.clusterIP}`]: both(`${w.from1} ${w.from2}`),
      })
    })

    it('without usable endpoints is refused', () => {
      const given = cluster({}, [endpoint(a, { ready: false })])
      expect(Object.values(of('ClusterIP from node', given))).toEqual(['refused', 'refused'])
      expect(of('ClusterIP from outside', given)).toEqual({ [`outside > ${w.clusterIP}`]: 'refused' })
    })

    it('where none is ready goes to those that still serve while they terminate', () => {
      const leaving = { ready: false, serving: true, terminating: true }
      const given = cluster({}, [endpoint(a, leaving), endpoint(b, { ready: false })])
      expect(of('ClusterIP from node', given)[`node-2 > ${w.clusterIP}`]).toEqual({ 'default/a': w.from2 })
    })

    it('internalTrafficPolicy Local: the endpoints of the node that asks, silence where it has none', () => {
      const given = cluster({ internalTrafficPolicy: 'Local' }, [endpoint(a)])
      expect(of('ClusterIP from node', given)).toEqual({
        [`node-1 > ${w.clusterIP}`]: { 'default/a': w.from1 },
        [`node-2 > ${w.clusterIP}`]: 'silence',
      })
      expect(claimsOf('ClusterIP from outside', given)).toEqual([])
    })

    it('lets the pod network masquerade on the way to an endpoint with the address of a node', () => {
      const host = pod('host', w.node2, { hostNetwork: true, nodeName: 'node-2' })
      const given = { ...cluster({}, [endpoint(host)]), pods: [a, host] }
      expect(of('ClusterIP from pod', given)).toEqual({
        [`default/a > ${w.clusterIP}`]: { 'default/host': `${w.a} ${w.from1}` },
      })
    })

    it('follows hints of the zone of the node that asks; from outside any endpoint will do', () => {
      const inZone = (of: typeof a, zone: string) => ({ ...endpoint(of), hints: { forZones: [{ name: zone }] } })
      const given = cluster({}, [inZone(a, 'z1'), inZone(b, 'z2')])
      expect(of('ClusterIP from node', given)).toEqual({
        [`node-1 > ${w.clusterIP}`]: { 'default/a': w.from1 },
        [`node-2 > ${w.clusterIP}`]: { 'default/b': w.from2 },
      })
      expect(claimsOf('ClusterIP from outside', given)[0]?.expectation).toMatchObject({ spread: 'any' })
    })
  })

  const nodePort: Partial<ServiceSpec> = {
    type: 'NodePort',
    ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 }],
  }

  describe('NodePort', () => {
    it('from the pods and the node that are there, from one of each elsewhere, from outside; always masqueraded', () => {
      const given = cluster(nodePort)
      expect(of('NodePort from pod', given)).toEqual({
        [`default/a > ${w.node1}`]: both(w.from1),
        [`default/other > ${w.node1}`]: both(w.from1),
        [`default/b > ${w.node1}`]: both(w.from1),
        [`default/b > ${w.node2}`]: both(w.from2),
        [`default/a > ${w.node2}`]: both(w.from2),
      })
      expect(of('NodePort from node', given)).toEqual({
        [`node-1 > ${w.node1}`]: both(w.from1),
        [`node-2 > ${w.node1}`]: both(w.from1),
        [`node-1 > ${w.node2}`]: both(w.from2),
        [`node-2 > ${w.node2}`]: both(w.from2),
      })
      expect(of('NodePort from outside', given)).toEqual({
        [`outside > ${w.node1}`]: both(w.from1),
        [`outside > ${w.node2}`]: both(w.from2),
      })
    })

    it('externalTrafficPolicy Local: own endpoints and sources kept from elsewhere, all endpoints from the node itself', () => {
      const given = cluster({ ...nodePort, externalTrafficPolicy: 'Local' }, [endpoint(a)])
      expect(of('NodePort from outside', given)).toEqual({
        [`outside > ${w.node1}`]: { 'default/a': w.outside },
        [`outside > ${w.node2}`]: 'silence',
      })
      expect(of('NodePort from node', given)).toEqual({
        [`node-1 > ${w.node1}`]: { 'default/a': w.from1 },
        [`node-2 > ${w.node1}`]: { 'default/a': w.from2 },
        [`node-2 > ${w.node2}`]: { 'default/a': w.from2 },
        [`node-1 > ${w.node2}`]: 'silence',
      })
      expect(of('NodePort from pod', given)).toEqual({
        [`default/a > ${w.node1}`]: { 'default/a': w.from1 },
        [`default/other > ${w.node1}`]: { 'default/a': w.other },
        [`default/b > ${w.node2}`]: { 'default/a': w.b },
      })
    })

    it('is refused where there are no endpoints', () => {
      expect(Object.values(of('NodePort from outside', cluster(nodePort, [])))).toEqual(['refused', 'refused'])
    })

    it('on a management port stays the node’s own', () => {
      const given = cluster({ ...nodePort, ports: [{ name: 'http', port: 80, nodePort: 10_250 }] })
      expect(Object.values(of('kept address', given))).toEqual(['untaken', 'untaken', 'untaken'])
      expect(of('NodePort from node', given)).toEqual({})
    })
  })

  describe.each([
    ['external IP', (address: string) => cluster({ externalIPs: [address] })],
    ['load-balancer IP', (address: string) => balanced(cluster(), [{ ip: address }])],
  ] as const)('%s', (kind, having) => {
    const routed = [{ address: w.external, node: 'node-2' }]

    it('is masqueraded by the node of who asks, from outside by the one that the router leads it to', () => {
      const given = having(w.external)
      expect(of(`${kind} from pod`, given)).toEqual({
        [`default/a > ${w.external}`]: both(w.from1),
        [`default/other > ${w.external}`]: both(w.from1),
        [`default/b > ${w.external}`]: both(w.from2),
      })
      expect(of(`${kind} from node`, given)).toEqual({
        [`node-1 > ${w.external}`]: both(w.from1),
        [`node-2 > ${w.external}`]: both(w.from2),
      })
      expect(of(`${kind} from outside`, given, { routed })).toEqual({ [`outside > ${w.external}`]: both(w.from2) })
      expect(of(`${kind} from outside`, given)).toEqual({})
    })

    it('policy Local: outside meets the endpoints of that node and keeps its source, pods meet all and keep theirs', () => {
      const given = withSpec(having(w.external), { externalTrafficPolicy: 'Local' })
      expect(of(`${kind} from outside`, given, { routed })).toEqual({
        [`outside > ${w.external}`]: { 'default/b': w.outside },
      })
      expect(of(`${kind} from pod`, given)[`default/a > ${w.external}`]).toEqual({
        'default/a': w.from1,
        'default/b': w.a,
      })
      expect(of(`${kind} from node`, given)[`node-1 > ${w.external}`]).toEqual(both(w.from1))
      const elsewhere = { ...given, slices: [slice([endpoint(a)], { addressType: w.family })] }
      expect(of(`${kind} from outside`, elsewhere, { routed })).toEqual({ [`outside > ${w.external}`]: 'silence' })
    })

    it('that is the address of a gateway is left alone', () => {
      const given = having(w.router)
      expect(Object.values(of('kept address', given))).toEqual(['untaken', 'untaken', 'untaken'])
      expect(of(`${kind} from node`, given)).toEqual({})
    })

    it('refused by an agent is not tried, and everything else of the Service is', () => {
      const message = `${kind} ${w.family === 'IPv6' ? `[${w.external}]` : w.external}:80/TCP is not translated`
      const refusals = [{ subject: 'default/web:http', reason: 'NotTranslated', message }]
      const { claims, omissions } = expectAll(having(w.external), lab, { refusals })
      expect(claims.filter(({ check }) => check.startsWith(kind))).toEqual([])
      expect(claims.filter(({ check }) => check.startsWith('ClusterIP'))).toHaveLength(6)
      expect(omissions).toContainEqual({
        check: 'not tried',
        what: `default/web:http ${kind} ${w.external}`,
        reason: `refused: NotTranslated: ${message}`,
      })
    })
  })

  it.each(['external IP', 'load-balancer IP'])(
    '%s that is the address of a node: its own port, but no management port',
    (kind) => {
      const having = (port: number) => {
        const ports = [{ name: 'http', port }]
        if (kind === 'external IP') return cluster({ ports, externalIPs: [w.node2] })
        return balanced(cluster({ ports }), [{ ip: w.node2 }])
      }
      expect(of('kept address', having(80))).toEqual({})
      expect(of(`${kind} from node`, having(80))[`node-1 > ${w.node2}`]).toEqual(both(w.from1))
      expect(of(`${kind} from outside`, having(80))).toEqual({ [`outside > ${w.node2}`]: both(w.from2) })
      expect(of('kept address', having(22))).toEqual({
        [`default/a > ${w.node2}`]: 'untaken',
        [`node-1 > ${w.node2}`]: 'untaken',
        [`outside > ${w.node2}`]: 'untaken',
      })
    },
  )

  it('source ranges let in who is in one, for load-balancer addresses only', () => {
    const spec = { loadBalancerSourceRanges: [` ${w.outsideRange}`, w.podRange], externalIPs: [w.external] }
    const lb = w.family === 'IPv4' ? '203.0.113.10' : '2001:db8::10'
    const given = balanced(cluster(spec), [{ ip: lb }])
    const routed = [{ address: lb, node: 'node-1' }]
    expect(of('load-balancer IP from outside', given, { routed })).toEqual({ [`outside > ${lb}`]: both(w.from1) })
    expect(of('load-balancer IP from pod', given)).toEqual({
      [`default/a > ${lb}`]: both(w.from1),
      [`default/other > ${lb}`]: both(w.from1),
      [`default/b > ${lb}`]: 'silence',
    })
    expect(of('load-balancer IP from node', given)).toEqual({
      [`node-1 > ${lb}`]: 'silence',
      [`node-2 > ${lb}`]: 'silence',
    })
    expect(of('external IP from node', given)[`node-1 > ${w.external}`]).toEqual(both(w.from1))
  })

  it('a family that no agent serves is not tried, by no address of it', () => {
    const at = w.family === 'IPv6' ? `[${w.clusterIP}]` : w.clusterIP
    const refusals = [
      { subject: 'default/web:http', reason: 'FamilyNotTranslated', message: `ClusterIP ${at}:80/TCP is not` },
    ]
    const { claims, omissions } = expectAll(cluster(nodePort), lab, { refusals })
    expect(claims.filter(({ service }) => service !== undefined)).toEqual([])
    expect(omissions.map(({ what }) => what)).toEqual([`default/web:http ${w.clusterIP}`])
  })

  it('a port that no Service has is refused, from a pod, a node and outside', () => {
    const claims = claimsOf('unserved port', cluster({ ports: [{ name: 'http', port: 9 }] }))
    expect(claims.map(({ target, origin }) => `${origin.name} > ${target.port}`)).toEqual([
      'default/a > 10',
      'node-1 > 10',
      'outside > 10',
    ])
    expect(claims.map(brief)).toEqual(['refused', 'refused', 'refused'])
  })
})

type Ingress = NonNullable<NonNullable<ClusterObjects['services'][number]['status']>['loadBalancer']>['ingress']

/** The same with load-balancer addresses. */
const balanced = (given: ClusterObjects, ingress: Ingress): ClusterObjects => ({
  ...given,
  services: given.services.map((one) => ({ ...one, status: { loadBalancer: { ingress: ingress ?? [] } } })),
})

const withSpec = (given: ClusterObjects, spec: Partial<ServiceSpec>): ClusterObjects => ({
  ...given,
  services: given.services.map((one) => ({ ...one, spec: { ...one.spec, ...spec } })),
})

describe('session affinity', () => {
  it('is judged: one endpoint for all that one client asks', () => {
    const [claim] = claimsOf('ClusterIP from node', simple({ sessionAffinity: 'ClientIP' }))
    expect(claim?.expectation).toMatchObject({ spread: 'same' })
  })

  it('is not judged where an agent says that it does not apply it', () => {
    const refusals = [{ subject: 'default/web:http', reason: 'SessionAffinityNotApplied', message: 'no' }]
    const given = simple({ sessionAffinity: 'ClientIP' })
    expect(claimsOf('ClusterIP from node', given, { refusals })[0]?.expectation).toMatchObject({ spread: 'all' })
    expect(expectAll(given, lab, { refusals }).omissions.map(({ what }) => what)).toContain(
      'default/web:http session affinity',
    )
  })
})

describe('what is not tried', () => {
  const reasonsOf = (given: ClusterObjects) =>
    expectAll(given).omissions.map(({ what, reason }) => `${what}: ${reason}`)
  it.each([
    ['headless', { clusterIP: 'None', clusterIPs: ['None'] }, 'default/web: headless: a name for DNS, no address'],
    ['ExternalName', { type: 'ExternalName' as const }, 'default/web: ExternalName: a name for DNS, no address'],
    [
      'SCTP',
      { ports: [{ name: 's', protocol: 'SCTP' as const, port: 7 }] },
      'default/web:s 7/SCTP: no SCTP sockets here',
    ],
  ])('%s', (_, spec, reason) => {
    expect(reasonsOf(simple(spec))).toContain(reason)
  })

  it('load balancers that end connections themselves, or are known by a name', () => {
    const given = balanced(simple(), [{ ip: '203.0.113.9', ipMode: 'Proxy' }, { hostname: 'lb.example' }])
    expect(reasonsOf(given)).toEqual([
      'default/web load-balancer address 203.0.113.9: ipMode Proxy: the load balancer ends connections itself',
      'default/web load-balancer address lb.example: a name, no address',
    ])
    expect(claimsOf('load-balancer IP from node', given)).toEqual([])
  })

  it('an endpoint that is no pod', () => {
    const foreign = { addresses: ['192.0.2.1'], conditions: { ready: true } }
    const { claims, omissions } = expectAll(simple({}, [foreign]))
    expect(claims.filter(({ check }) => check.startsWith('ClusterIP'))).toEqual([])
    expect(omissions[0]?.reason).toBe('its endpoint 192.0.2.1 port 8080 is no pod: nothing says how it answers')
  })
})

describe('other claims', () => {
  it("an external IP leaves the API's port alone, and may have another one there", () => {
    const at = (port: number) => simple({ ports: [{ name: 'http', port }], externalIPs: ['172.30.0.2'] })
    expect(claimsOf('kept address', at(6443)).map(brief)).toEqual(['untaken', 'untaken', 'untaken'])
    expect(claimsOf('kept address', at(80))).toEqual([])
  })

  it('default/kubernetes answers TLS, from a pod on each node and from each node', () => {
    const api = slice([{ addresses: ['172.30.0.1'] }], {
      metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    })
    const given = objects({ pods: [a4, b4], services: [service({}, 'kubernetes')], slices: [api] })
    const claims = claimsOf('API by ClusterIP', given)
    expect(claims.map(({ origin }) => origin.name)).toEqual(['default/a', 'default/b', 'node-1', 'node-2'])
  })

  it('have keys of their own', () => {
    const spec = { ports: [{ name: 'http', port: 80, nodePort: 30_080 }], externalIPs: ['203.0.113.9'] }
    const { claims } = expectAll(balanced(simple(spec), [{ ip: '203.0.113.10' }]))
    expect(new Set(claims.map(keyOf)).size).toBe(claims.length)
  })
})
