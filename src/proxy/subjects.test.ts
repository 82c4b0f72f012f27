import { describe, expect, it } from 'vitest'
import type { Subject } from '../reconcile/types.ts'
import { followView } from './subjects.ts'
import { testEndpoint, testPort, testService, testSlice, testView } from './testing.fixture.ts'
import type { ServiceView } from './view.ts'

const delivered = () => new Promise((resolve) => setImmediate(resolve))

async function touchedBy(
  prepare: (view: ServiceView) => void,
  change: (view: ServiceView) => void,
): Promise<Subject[]> {
  const view = testView()
  view.services.replaceAll([
    ['default/web', testService('web', { externalIPs: ['203.0.113.5'] })],
    [
      'default/two',
      testService('two', { clusterIPs: ['10.43.0.11'], ports: [testPort(), testPort({ name: 'x', port: 81 })] }),
    ],
  ])
  view.slices.replaceAll([['default/web-1', testSlice('web', [testEndpoint('10.42.0.1')])]])
  view.facts.replaceAll([])
  view.serviceCIDRs.replaceAll([])
  prepare(view)
  const touched = new Set<Subject>()
  const stop = followView(view, 'IPv4', (subjects) => {
    for (const subject of subjects) touched.add(subject)
  })
  await delivered()
  touched.clear()
  change(view)
  await delivered()
  stop()
  return [...touched].sort()
}

const web = 'default/web:http'
const two = ['default/two:http', 'default/two:x']
const all = ['@node', '@service-cidrs', ...two, web]

describe('what a change touches', () => {
  it.each<[string, (view: ServiceView) => void, Subject[]]>([
    [
      'a Service: its ports, old and new',
      (view) => view.services.set('default/two', testService('two', { ports: [testPort({ name: 'y' })] })),
      ['default/two:http', 'default/two:x', 'default/two:y'],
    ],
    [
      'the Service of the API: the service CIDRs too',
      (view) => view.services.set('default/kubernetes', testService('kubernetes', { clusterIPs: ['10.43.0.1'] })),
      ['@service-cidrs', 'default/kubernetes:http'],
    ],
    [
      'the same with an address that somebody asks for: that one too',
      (view) => view.services.set('default/kubernetes', testService('kubernetes', { clusterIPs: ['203.0.113.5'] })),
      ['@service-cidrs', 'default/kubernetes:http', web],
    ],
    [
      'a Service at the address of a Node: the service CIDRs too',
      (view) => view.services.set('default/two', testService('two', { clusterIPs: ['172.30.0.12'], ports: [] })),
      ['@service-cidrs', ...two],
    ],
    ['a slice: its Service', (view) => view.slices.set('default/two-1', testSlice('two', [])), two],
    [
      '15 a slice of the other family: nothing',
      (view) => view.slices.set('default/two-1', testSlice('two', [], { family: 'IPv6' })),
      [],
    ],
    [
      '15 a slice that says the same: nothing',
      (view) => view.slices.set('default/web-1', testSlice('web', [testEndpoint('10.42.0.1')])),
      [],
    ],
    [
      '59 a zone of this node: everything',
      (view) => view.nodes.set('n1', { name: 'n1', addresses: ['172.30.0.11'], zone: 'b' }),
      all,
    ],
    [
      'an address of another node: who wants it',
      (view) => view.nodes.set('n3', { name: 'n3', addresses: ['203.0.113.5'] }),
      [web],
    ],
    [
      "another node's address that nobody wants: nothing",
      (view) => view.nodes.set('n3', { name: 'n3', addresses: ['172.30.0.13'] }),
      [],
    ],
    [
      "another node's address in the service CIDR: that",
      (view) => view.nodes.set('n3', { name: 'n3', addresses: ['10.43.7.7'] }),
      ['@service-cidrs'],
    ],
    [
      'a gateway: who wants it, and the node',
      (view) => view.facts.set('gateway', { kind: 'gateway', address: '203.0.113.5' }),
      ['@node', web],
    ],
    [
      'a tunnel that came after the start: everything',
      (view) => view.facts.set('t', { kind: 'tunnel', device: 'flannel.1', of: 'vxlan', port: 8472 }),
      all,
    ],
    ['a port of sshd: everything', (view) => view.facts.set('sshd', { kind: 'sshd', port: 2222 }), all],
    [
      'a node port: who wants that port of an address outside',
      (view) => view.services.set('default/two', testService('two', { ports: [testPort({ nodePort: 80 })] })),
      [...two, web],
    ],
    [
      'the API at another address, in whatever family: who wants its port as node port',
      (view) => {
        view.services.set('default/two', testService('two', { ports: [testPort({ nodePort: 30443 })] }))
        const ports = [{ name: 'https', protocol: 'TCP' as const, port: 30443 }]
        const slice = testSlice('kubernetes', [testEndpoint('fd30::11')], { ports, family: 'IPv6' })
        view.slices.set('default/kubernetes', slice)
      },
      two,
    ],
    [
      'a name server: who wants its port as node port',
      (view) => {
        view.services.set('default/two', testService('two', { ports: [testPort({ nodePort: 53, protocol: 'UDP' })] }))
        view.facts.set('n', { kind: 'name-server', address: '172.30.0.11' })
      },
      ['@node', ...two],
    ],
    ['a ServiceCIDR: everything', (view) => view.serviceCIDRs.set('extra', []), all],
    [
      'an API server: who wants its address',
      (view) => view.slices.set('default/kubernetes', testSlice('kubernetes', [testEndpoint('203.0.113.5')])),
      [web],
    ],
  ])('%s', async (_name, change, expected) => {
    expect(await touchedBy(() => {}, change)).toEqual(expected)
  })
})
