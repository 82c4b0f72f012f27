import { describe, expect, it } from 'vitest'
import type { ServiceSpec } from '../../kube/types.ts'
import { expectAll } from './expect.ts'
import { brief, endpoint, lab, objects, pod, service, slice } from './testing.ts'
import { type Check, type Claim, keyOf } from './types.ts'

const a = pod('a', '10.42.0.5')
const b = pod('b', '10.42.1.5')
const other = pod('other', '10.42.0.9')
const node1 = '172.30.0.11 10.42.0.1'
const node2 = '172.30.0.12 10.42.1.1'

/** `web` with endpoints a (node-1) and b (node-2); pod `other` beside a. */
const cluster = (spec: Partial<ServiceSpec> = {}, endpoints = [endpoint(a), endpoint(b)]) =>
  objects({ pods: [a, b, other], services: [service(spec)], slices: [slice(endpoints)] })

function claimsOf(check: Check, given = cluster()): Claim[] {
  return expectAll(given, lab).claims.filter((claim) => claim.check === check)
}

const briefs = (claims: Claim[]) =>
  Object.fromEntries(claims.map((claim) => [`${claim.origin.name} > ${claim.target.address}`, brief(claim)]))

const nodePort: Partial<ServiceSpec> = {
  type: 'NodePort',
  ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 }],
}

describe('pod → pod', () => {
  it('goes from every Ready pod to every other, with its own source', () => {
    const claims = claimsOf('pod → pod')
    expect(claims).toHaveLength(6)
    expect(brief(claims[0]!)).toEqual({ 'default/a': '10.42.1.5' })
    expect(claims[0]).toMatchObject({ what: 'default/a 10.42.0.5:8080/TCP', tries: { most: 1 } })
  })

  it.each([
    ['not Ready', { ...b, status: { ...b.status, conditions: [] } }],
    ['terminating', { ...b, metadata: { ...b.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }],
    ['done', { ...b, status: { ...b.status, phase: 'Succeeded' as const } }],
  ])('leaves out a pod that is %s', (_, pod) => {
    expect(claimsOf('pod → pod', objects({ pods: [a, pod] }))).toEqual([])
  })

  it.each([
    ['no port', [], 'it declares no port'],
    ['SCTP', [{ containerPort: 1, protocol: 'SCTP' as const }], 'it declares SCTP ports only'],
  ])('says that a pod has %s', (_, ports, reason) => {
    const silent = pod('silent', '10.42.1.7', { containers: [{ name: 'x', ports }] })
    expect(expectAll(objects({ pods: [a, silent] }), lab).omissions).toContainEqual({
      check: 'pod → pod',
      what: 'default/silent',
      reason,
    })
  })

  it('takes UDP where there is no TCP', () => {
    const dns = pod('dns', '10.42.1.7', {
      containers: [{ name: 'x', ports: [{ containerPort: 53, protocol: 'UDP' }] }],
    })
    expect(claimsOf('pod → pod', objects({ pods: [a, dns] }))[1]?.target).toEqual({
      address: '10.42.1.7',
      port: 53,
      protocol: 'UDP',
    })
  })
})

describe('ClusterIP', () => {
  it('from pods: an endpoint and another pod on each node; source kept, but masqueraded where a pod meets itself', () => {
    expect(briefs(claimsOf('ClusterIP from pod'))).toEqual({
      'default/a > 10.43.0.10': { 'default/a': node1, 'default/b': '10.42.0.5' },
      'default/other > 10.43.0.10': { 'default/a': '10.42.0.9', 'default/b': '10.42.0.9' },
      'default/b > 10.43.0.10': { 'default/a': '10.42.1.5', 'default/b': node2 },
    })
  })

  it("from nodes: that node's addresses", () => {
    expect(briefs(claimsOf('ClusterIP from node'))).toEqual({
      'node-1 > 10.43.0.10': { 'default/a': node1, 'default/b': node1 },
      'node-2 > 10.43.0.10': { 'default/a': node2, 'default/b': node2 },
    })
  })

  it("from outside: any node's, never the client's", () => {
    const all = `${node1} ${node2}`
    expect(briefs(claimsOf('ClusterIP from outside'))).toEqual({
      'outside > 10.43.0.10': { 'default/a': all, 'default/b': all },
    })
  })

  it('without usable endpoints is refused', () => {
    const given = cluster({}, [endpoint(a, { ready: false })])
    expect(Object.values(briefs(claimsOf('ClusterIP from node', given)))).toEqual(['refused', 'refused'])
    expect(briefs(claimsOf('ClusterIP from outside', given))).toEqual({ 'outside > 10.43.0.10': 'refused' })
  })

  it('internalTrafficPolicy Local: the endpoints of the node that asks, silence where it has none', () => {
    const given = cluster({ internalTrafficPolicy: 'Local' }, [endpoint(a)])
    expect(briefs(claimsOf('ClusterIP from node', given))).toEqual({
      'node-1 > 10.43.0.10': { 'default/a': node1 },
      'node-2 > 10.43.0.10': 'silence',
    })
    expect(claimsOf('ClusterIP from outside', given)).toEqual([])
  })

  it('judges no spread with session affinity', () => {
    const [claim] = claimsOf('ClusterIP from node', cluster({ sessionAffinity: 'ClientIP' }))
    expect(claim?.expectation).toMatchObject({ spread: 'any', because: 'session affinity' })
  })

  it('judges no spread with topology hints', () => {
    const hinted = { ...endpoint(a), hints: { forZones: [{ name: 'z' }] } }
    const [claim] = claimsOf('ClusterIP from node', cluster({}, [hinted, endpoint(b)]))
    expect(claim?.expectation).toMatchObject({ spread: 'any', because: 'topology hints' })
  })

  it('lets the pod network masquerade on the way to an endpoint with the address of a node', () => {
    const host = pod('host', '172.30.0.12', { hostNetwork: true, nodeName: 'node-2' })
    const given = objects({ pods: [a, host], services: [service()], slices: [slice([endpoint(host)])] })
    expect(briefs(claimsOf('ClusterIP from pod', given))).toEqual({
      'default/a > 10.43.0.10': { 'default/host': `10.42.0.5 ${node1}` },
    })
  })
})

describe('NodePort', () => {
  it('from the pods and the node that are there, from one of each elsewhere, from outside; always masqueraded', () => {
    const at = (text: string) => ({ 'default/a': text, 'default/b': text })
    const given = cluster(nodePort)
    expect(briefs(claimsOf('NodePort from pod', given))).toEqual({
      'default/a > 172.30.0.11': at(node1),
      'default/other > 172.30.0.11': at(node1),
      'default/b > 172.30.0.11': at(node1),
      'default/b > 172.30.0.12': at(node2),
      'default/a > 172.30.0.12': at(node2),
    })
    expect(briefs(claimsOf('NodePort from node', given))).toEqual({
      'node-1 > 172.30.0.11': at(node1),
      'node-2 > 172.30.0.11': at(node1),
      'node-1 > 172.30.0.12': at(node2),
      'node-2 > 172.30.0.12': at(node2),
    })
    expect(briefs(claimsOf('NodePort from outside', given))).toEqual({
      'outside > 172.30.0.11': at(node1),
      'outside > 172.30.0.12': at(node2),
    })
  })

  it('externalTrafficPolicy Local: own endpoints and sources kept from elsewhere, all endpoints from the node itself', () => {
    const given = cluster({ ...nodePort, externalTrafficPolicy: 'Local' }, [endpoint(a)])
    expect(briefs(claimsOf('NodePort from outside', given))).toEqual({
      'outside > 172.30.0.11': { 'default/a': '172.30.9.2' },
      'outside > 172.30.0.12': 'silence',
    })
    expect(briefs(claimsOf('NodePort from node', given))).toEqual({
      'node-1 > 172.30.0.11': { 'default/a': node1 },
      'node-2 > 172.30.0.11': { 'default/a': node2 },
      'node-2 > 172.30.0.12': { 'default/a': node2 },
      'node-1 > 172.30.0.12': 'silence',
    })
    expect(briefs(claimsOf('NodePort from pod', given))).toEqual({
      'default/a > 172.30.0.11': { 'default/a': node1 },
      'default/other > 172.30.0.11': { 'default/a': '10.42.0.9' },
      'default/b > 172.30.0.12': { 'default/a': '10.42.1.5' },
    })
  })

  it('is refused where there are no endpoints', () => {
    const claims = claimsOf('NodePort from outside', cluster(nodePort, []))
    expect(Object.values(briefs(claims))).toEqual(['refused', 'refused'])
  })
})

describe('what is not tried', () => {
  const reasonsOf = (spec: Partial<ServiceSpec>) =>
    expectAll(cluster(spec), lab).omissions.map(({ what, reason }) => `${what}: ${reason}`)
  it.each([
    ['headless', { clusterIP: 'None', clusterIPs: ['None'] }, 'default/web: headless: a name for DNS, no address'],
    ['ExternalName', { type: 'ExternalName' as const }, 'default/web: ExternalName: a name for DNS, no address'],
    ['externalIPs', { externalIPs: ['198.51.100.7'] }, 'default/web external address 198.51.100.7: not translated yet'],
    [
      'SCTP',
      { ports: [{ name: 's', protocol: 'SCTP' as const, port: 7 }] },
      'default/web:s 7/SCTP: SCTP: Node has no sockets for it',
    ],
  ])('%s', (_, spec, reason) => {
    expect(reasonsOf(spec)).toContain(reason)
  })

  it('a load-balancer address', () => {
    const balanced = { ...service(), status: { loadBalancer: { ingress: [{ ip: '198.51.100.9' }] } } }
    expect(expectAll(objects({ services: [balanced] }), lab).omissions[0]?.what).toContain('198.51.100.9')
  })

  it('an endpoint that is no pod', () => {
    const foreign = { addresses: ['192.0.2.1'], conditions: { ready: true } }
    const { claims, omissions } = expectAll(cluster({}, [foreign]), lab)
    expect(claims.filter(({ check }) => check.startsWith('ClusterIP'))).toEqual([])
    expect(omissions[0]?.reason).toBe('its endpoint 192.0.2.1 port 8080 is no pod: nothing says how it answers')
  })
})

describe('other claims', () => {
  it('a port that no Service has is refused, from a pod, a node and outside', () => {
    const claims = claimsOf('unserved port', cluster({ ports: [{ name: 'http', port: 9 }] }))
    expect(claims.map(({ target, origin }) => `${origin.name} > ${target.port}`)).toEqual([
      'default/a > 10',
      'node-1 > 10',
      'outside > 10',
    ])
    expect(claims.map(brief)).toEqual(['refused', 'refused', 'refused'])
  })

  it('default/kubernetes answers TLS, from a pod on each node and from each node', () => {
    const api = slice([{ addresses: ['172.30.0.1'] }], {
      metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    })
    const given = objects({ pods: [a, b], services: [service({}, 'kubernetes')], slices: [api] })
    const claims = claimsOf('API by ClusterIP', given)
    expect(claims.map(({ origin }) => origin.name)).toEqual(['default/a', 'default/b', 'node-1', 'node-2'])
  })

  it('have keys of their own', () => {
    const { claims } = expectAll(cluster(nodePort), lab)
    expect(new Set(claims.map(keyOf)).size).toBe(claims.length)
  })
})
