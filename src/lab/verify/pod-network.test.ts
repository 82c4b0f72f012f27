import { describe, expect, it } from 'vitest'
import type { Listener } from './listeners.ts'
import { brief, briefs, expectAll, lab, nodes, objects, pod, worlds } from './testing.ts'
import { type Check, type Claim, keyOf } from './types.ts'

const a = pod('a', '10.42.0.5')
const b = pod('b', '10.42.1.5')
const given = objects({ pods: [a, b, pod('other', '10.42.0.9')] })

const claimsOf = (check: Check, from = given, listeners: Listener[] = []): Claim[] =>
  expectAll(from, lab, { listeners }).claims.filter((claim) => claim.check === check)

describe('pod → pod', () => {
  it('goes from every Ready pod to every other, with its own source', () => {
    const claims = claimsOf('pod → pod')
    expect(claims).toHaveLength(6)
    expect(brief(claims[0]!)).toEqual({ 'default/a': '10.42.1.5' })
    expect(claims[0]).toMatchObject({ what: 'default/a 10.42.0.5:8080/TCP', tries: { most: 1 } })
  })

  it('goes to every address of a pod, from those that have one of the family', () => {
    const two = { ...a, status: { ...a.status, podIPs: [{ ip: '10.42.0.5' }, { ip: 'fd42::5' }] } }
    const six = pod('six', 'fd42:0:0:1::6')
    expect(briefs(claimsOf('pod → pod', objects({ pods: [two, six, b] })))).toEqual({
      'default/b > 10.42.0.5': { 'default/a': '10.42.1.5' },
      'default/a > 10.42.1.5': { 'default/b': '10.42.0.5' },
      'default/six > fd42::5': { 'default/a': 'fd42:0:0:1::6' },
      'default/a > fd42:0:0:1::6': { 'default/six': 'fd42::5' },
    })
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
    expect(expectAll(objects({ pods: [a, silent] })).omissions).toContainEqual({
      check: 'pod → pod',
      what: 'default/silent',
      reason,
    })
  })

  it('takes UDP where there is no TCP', () => {
    const ports = [{ containerPort: 53, protocol: 'UDP' as const }]
    const dns = pod('dns', '10.42.1.7', { containers: [{ name: 'x', ports }] })
    const [, claim] = claimsOf('pod → pod', objects({ pods: [a, dns] }))
    expect(claim?.target).toEqual({ address: '10.42.1.7', port: 53, protocol: 'UDP' })
  })
})

describe.each(worlds)('nodes and outside, $family', (w) => {
  const pods = [pod('a', w.a), pod('b', w.b)]
  const listeners: Listener[] = [
    { kind: 'node', name: 'node-1', address: w.node1, port: 40_001 },
    { kind: 'outside', name: 'outside', address: w.outside, port: 40_002 },
  ]
  const of = (check: Check) => briefs(claimsOf(check, objects({ pods }), listeners))

  it('reach pods', () => {
    expect(of('node → pod')).toEqual({
      [`node-1 > ${w.a}`]: { 'default/a': w.from1 },
      [`node-2 > ${w.a}`]: { 'default/a': w.from2 },
      [`node-1 > ${w.b}`]: { 'default/b': w.from1 },
      [`node-2 > ${w.b}`]: { 'default/b': w.from2 },
    })
    expect(of('outside → pod')).toEqual({
      [`outside > ${w.a}`]: { 'default/a': w.outside },
      [`outside > ${w.b}`]: { 'default/b': w.outside },
    })
  })

  it('are reached where verify listens, and see whose traffic it is', () => {
    expect(of('pod → node')).toEqual({
      [`default/a > ${w.node1}`]: { 'node-1': w.a },
      [`default/b > ${w.node1}`]: { 'node-1': w.b },
    })
    expect(of('node → node')).toEqual({ [`node-2 > ${w.node1}`]: { 'node-1': w.from2 } })
    expect(of('outside → node')).toEqual({ [`outside > ${w.node1}`]: { 'node-1': w.outside } })
    expect(of('pod → outside')).toEqual({
      [`default/a > ${w.outside}`]: { outside: w.a },
      [`default/b > ${w.outside}`]: { outside: w.b },
    })
    expect(of('node → outside')).toEqual({
      [`node-1 > ${w.outside}`]: { outside: w.from1 },
      [`node-2 > ${w.outside}`]: { outside: w.from2 },
    })
  })
})

describe('a large lab', () => {
  const many = (nodeCount: number, podCount: number) => {
    const names = Array.from({ length: nodeCount }, (_, n) => `n${n}`)
    const listeners = names.map((name, n): Listener => ({ kind: 'node', name, address: `172.30.0.${n + 10}`, port: 1 }))
    const facts = { ...lab, families: ['IPv4' as const], nodes: names.map((name) => ({ name })) }
    const pods = Array.from({ length: podCount }, (_, p) =>
      pod(`p${p}`, `10.42.${p % nodeCount}.${Math.floor(p / nodeCount) + 2}`, { nodeName: `n${p % nodeCount}` }),
    )
    const given = objects({
      pods,
      nodes: names.map((name, n) => ({
        metadata: { name },
        spec: { podCIDRs: [`10.42.${n}.0/24`] },
        status: { addresses: [{ type: 'InternalIP' as const, address: `172.30.0.${n + 10}` }] },
      })),
    })
    return expectAll(given, facts, { listeners, seed: 7 }).claims
  }

  it('covers each pair of nodes and every pod of 500, with a few thousand checks', () => {
    const claims = many(50, 500)
    expect(claims.length).toBeLessThan(5_000)
    const between = claims.filter(({ check }) => check === 'pod → pod')
    const pairs = between.map(({ origin, expectation }) => {
      const to = expectation.kind === 'answers' ? expectation.backends[0]?.node : ''
      return `${origin.kind === 'pod' ? origin.node : ''} ${to}`
    })
    expect(new Set(pairs).size).toBe(2_500)
    expect(new Set(between.map(({ what }) => what)).size).toBe(500)
    expect(new Set(claims.map(keyOf)).size).toBe(claims.length)
  })

  it('repeats a sample by its seed', () => {
    expect(many(4, 120).map(keyOf)).toEqual(many(4, 120).map(keyOf))
    expect(nodes).toHaveLength(2)
  })
})
