import { describe, expect, it } from 'vitest'
import type { Pod } from '../../kube/types.ts'
import { brief, expectAll, objects, pod, service, worlds } from './testing.ts'
import type { Claim } from './types.ts'

type Port = NonNullable<NonNullable<Pod['spec']['containers']>[number]['ports']>[number]

const withPorts = (ip: string, ...ports: Port[]): Pod => pod('a', ip, { containers: [{ name: 'c', ports }] })
const web: Port = { containerPort: 80, hostPort: 8080 }
const claimsOf = (pods: Pod[]): Claim[] =>
  expectAll(objects({ pods })).claims.filter(({ check }) => check.startsWith('host port'))
const reasonsOf = (pods: Pod[], more: Partial<Parameters<typeof objects>[0]> = {}): string[] =>
  expectAll(objects({ pods, ...more })).omissions.flatMap(({ what, reason }) =>
    what.includes('host port') ? reason : [],
  )

describe.each(worlds)('host ports, $family', (w) => {
  const other = pod('b', w.b)

  it('lead from everywhere at the address of the node to the pod', () => {
    const claims = claimsOf([withPorts(w.a, web), other])
    expect(claims.map(({ check, origin }) => `${check} ${origin.name}`)).toEqual([
      'host port from pod default/a',
      'host port from pod default/b',
      'host port from node node-1',
      'host port from node node-2',
      'host port from outside outside',
    ])
    for (const claim of claims) {
      expect(claim.target).toEqual({ address: w.node1, port: 8080, protocol: 'TCP' })
      expect(claim.expectation).toMatchObject({ backends: [{ address: w.a, port: 80, pod: 'default/a' }] })
    }
    expect(claims.map(brief)).toEqual([
      { 'default/a': `${w.a} ${w.from1}` },
      { 'default/a': `${w.b} ${w.from2}` },
      { 'default/a': w.from1 },
      { 'default/a': w.from2 },
      { 'default/a': w.outside },
    ])
  })

  it('of a pod on the network of its node are on the node itself', () => {
    const own = pod('a', w.a, { hostNetwork: true, containers: [{ name: 'c', ports: [{ ...web, hostPort: 80 }] }] })
    const there = { ...own, status: { ...own.status, podIP: w.node1, podIPs: [{ ip: w.node1 }] } }
    const [claim] = claimsOf([there])
    expect(claim?.target).toEqual({ address: w.node1, port: 80, protocol: 'TCP' })
    expect(claim?.expectation).toMatchObject({ backends: [{ address: w.node1, port: 80 }] })
  })

  it('are on one address where hostIP says so', () => {
    expect(claimsOf([withPorts(w.a, { ...web, hostIP: w.node1 })])).not.toEqual([])
    expect(claimsOf([withPorts(w.a, { ...web, hostIP: '0.0.0.0' })])).not.toEqual([])
    expect(reasonsOf([withPorts(w.a, { ...web, hostIP: '127.0.0.1' })])).toEqual(['on 127.0.0.1 only'])
  })
})

it.each([
  ["the kubelet's own port", { ...web, hostPort: 10250 }],
  ['no SCTP sockets here', { ...web, protocol: 'SCTP' as const }],
])('are not tried: %s', (reason, port) => {
  expect(reasonsOf([withPorts('10.42.0.5', port)])).toEqual([reason])
})

it('are not tried where a Service has the same address and port', () => {
  const services = [service({ externalIPs: ['172.30.0.11'], ports: [{ protocol: 'TCP', port: 8080 }] })]
  expect(reasonsOf([withPorts('10.42.0.5', web)], { services })).toEqual([
    'the Service default/web has this address and port too',
  ])
})
