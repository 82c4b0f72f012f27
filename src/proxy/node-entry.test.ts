import { describe, expect, it } from 'vitest'
import { formatCIDR } from '../model/ip.ts'
import { factKey } from './facts.ts'
import { servedFamilies } from './families.ts'
import { ViewInfrastructure } from './infrastructure.ts'
import { nodeEntry, serviceCIDREntry } from './node-entry.ts'
import { cidrs, testEndpoint, testService, testSlice, testView } from './testing.fixture.ts'

describe('what counts as a pod', () => {
  const own = { name: 'n1', addresses: ['172.30.0.11'], podCIDRs: ['10.42.0.0/24', 'fd42::/64'] }
  it.each<[string, Parameters<typeof testView>[0], string[], string[], string[], string[]]>([
    ['the cluster CIDRs', {}, ['10.42.0.0/16'], ['10.42.0.0/16'], [], []],
    ['with masqueradeAll nothing keeps its source', { masqueradeAll: true }, ['10.42.0.0/16'], [], [], []],
    ['59 the CIDRs of the Node', { detectLocal: { mode: 'NodeCIDR' } }, ['10.42.0.0/24'], ['10.42.0.0/24'], [], []],
    ['nothing known: everything keeps its source', { clusterCIDRs: [] }, [], ['0.0.0.0/0'], [], []],
    ['nothing known of this family', { clusterCIDRs: cidrs('fd42::/56') }, [], ['0.0.0.0/0'], [], []],
    [
      'a bridge, and for its own two ports the CIDR',
      { detectLocal: { mode: 'BridgeInterface', name: 'cni0' } },
      [],
      ['10.42.0.0/24'],
      ['cni0'],
      ['cni0'],
    ],
    [
      'names of interfaces',
      { detectLocal: { mode: 'InterfaceNamePrefix', prefix: 'veth' }, masqueradeAll: true },
      [],
      [],
      ['veth*'],
      [],
    ],
  ])('%s', (_name, config, podSources, plainSources, podInterfaces, plainInterfaces) => {
    const view = testView(config)
    view.nodes.set('n1', own)
    const entry = nodeEntry(view, 'IPv4')
    expect(entry.podSources.map(formatCIDR)).toEqual(podSources)
    expect(entry.plainSources.map(formatCIDR)).toEqual(plainSources)
    expect(entry.podInterfaces).toEqual(podInterfaces)
    expect(entry.plainInterfaces).toEqual(plainInterfaces)
  })
})

describe('where node ports are served', () => {
  const addresses = ['172.30.0.11', '172.30.1.11', '127.0.0.1', '169.254.1.1', 'fd30::11', '::1', 'fe80::1']
  it.each<[string, Parameters<typeof testView>[0], string[], string[]]>([
    ['22 the primary address', {}, ['172.30.0.11'], ['fd30::11']],
    [
      '22 those in the ranges',
      { nodePortAddresses: cidrs('172.30.1.0/24', 'fd30::/64') },
      ['172.30.1.11'],
      ['fd30::11'],
    ],
    ['23 never loopback', { nodePortAddresses: cidrs('127.0.0.0/8', '::1/128') }, [], []],
    [
      'all of a family without a range',
      { nodePortAddresses: cidrs('fd30::/64') },
      ['172.30.0.11', '172.30.1.11'],
      ['fd30::11'],
    ],
  ])('%s', (_name, config, v4, v6) => {
    const view = testView(config)
    for (const address of addresses) view.facts.set(address, { kind: 'address', address, device: 'eth0' })
    expect(nodeEntry(view, 'IPv4').nodePortAddresses).toEqual(v4)
    expect(nodeEntry(view, 'IPv6').nodePortAddresses).toEqual(v6)
    expect(nodeEntry(view, 'IPv4').refusals).toHaveLength(v4.length === 0 ? 1 : 0)
  })
})

describe('the service CIDRs', () => {
  const entry = (prepare: (view: ReturnType<typeof testView>) => void, family: 'IPv4' | 'IPv6' = 'IPv4') => {
    const view = testView()
    prepare(view)
    const { cidrs, refusals } = serviceCIDREntry(view, family)
    return [cidrs.map(formatCIDR), refusals.map(({ reason }) => reason)]
  }
  const api = (clusterIPs: string[]) => testService('kubernetes', { clusterIPs })

  it('are those of the flag where the API is in them, also in the other family', () => {
    const prepare = (view: ReturnType<typeof testView>) => view.services.set('default/kubernetes', api(['10.43.0.1']))
    expect(entry(prepare)).toEqual([['10.43.0.0/16'], []])
    expect(entry(prepare, 'IPv6')).toEqual([['fd43::/112'], []])
  })

  it('are none where the API is elsewhere', () => {
    const prepare = (view: ReturnType<typeof testView>) => view.services.set('default/kubernetes', api(['10.96.0.1']))
    expect(entry(prepare)).toEqual([[], ['ServiceCIDRMismatch']])
    expect(entry(prepare, 'IPv6')).toEqual([[], []])
  })

  it('are those of ServiceCIDR objects where there are some', () => {
    const prepare = (view: ReturnType<typeof testView>) => {
      view.serviceCIDRs.set('kubernetes', cidrs('10.96.0.0/16'))
      view.serviceCIDRs.set('extra', cidrs('10.97.0.0/16', 'fd96::/112'))
    }
    expect(entry(prepare)).toEqual([['10.96.0.0/16', '10.97.0.0/16'], []])
    expect(entry(prepare, 'IPv6')).toEqual([['fd96::/112'], []])
  })

  it.each<[string, (view: ReturnType<typeof testView>) => void]>([
    ['a node', () => {}],
    ['a gateway', (view) => view.facts.set('g', { kind: 'gateway', address: '10.96.0.1' })],
    ['a name server', (view) => view.facts.set('g', { kind: 'name-server', address: '10.96.0.1' })],
    [
      'another network of this node',
      (view) => view.facts.set('d', { kind: 'address', address: '10.96.7.2', device: 'eth1' }),
    ],
    [
      'the API',
      (view) => view.slices.set('default/kubernetes-1', testSlice('kubernetes', [testEndpoint('10.96.0.1')])),
    ],
  ])('are not dropped where %s has an address in them', (name, prepare) => {
    const range = name === 'a node' ? '172.30.0.0/16' : '10.96.0.0/16'
    const both = (view: ReturnType<typeof testView>) => {
      view.serviceCIDRs.set('kubernetes', cidrs(range, '10.43.0.0/16'))
      prepare(view)
    }
    expect(entry(both)).toEqual([['10.43.0.0/16'], ['ServiceCIDRCoversNodes']])
  })

  it('are not, whatever Service asks for such an address from outside', () => {
    const both = (view: ReturnType<typeof testView>) => {
      view.serviceCIDRs.set('kubernetes', cidrs('172.30.0.0/16', '10.43.0.0/16'))
      view.services.set('default/web', testService('web', { externalIPs: ['172.30.0.11', '172.30.0.12'] }))
    }
    expect(entry(both)).toEqual([['10.43.0.0/16'], ['ServiceCIDRCoversNodes']])
  })

  it('are, where the name server that the node asks is a ClusterIP, and a device has it (NodeLocal DNSCache)', () => {
    const prepare = (view: ReturnType<typeof testView>) => {
      view.serviceCIDRs.set('kubernetes', cidrs('10.43.0.0/16'))
      view.services.set('default/dns', testService('dns', { clusterIPs: ['10.43.0.10'] }))
      view.facts.set('n', { kind: 'name-server', address: '10.43.0.10' })
      view.facts.set('d', { kind: 'address', address: '10.43.0.10', device: 'nodelocaldns' })
    }
    expect(entry(prepare)).toEqual([['10.43.0.0/16'], []])
  })
})

describe('the view as infrastructure', () => {
  it('knows the API by its endpoints, and in a pod not by its ClusterIP', () => {
    const view = testView()
    view.services.set('default/kubernetes', testService('kubernetes', { clusterIPs: ['10.43.0.1'] }))
    const ports = [{ name: 'https', protocol: 'TCP' as const, port: 6443 }]
    view.slices.set('default/kubernetes', testSlice('kubernetes', [testEndpoint('172.30.0.5')], { ports }))
    view.facts.set('a', { kind: 'api', address: '10.43.0.1', port: 443 })
    view.facts.set('b', { kind: 'api', address: '172.30.0.6', port: 7443 })
    view.facts.set('c', { kind: 'api-port', port: 7443 })
    view.facts.set('d', { kind: 'sshd', port: 2222 })
    view.facts.set('e', { kind: 'gateway', address: '172.30.0.1' })
    const infrastructure = new ViewInfrastructure(view)
    const at = (address: string) => infrastructure.apiPortsAt(address)
    expect([at('172.30.0.5'), at('172.30.0.6'), at('10.43.0.1')]).toEqual([[6443], [7443], []])
    const ports2 = infrastructure.managementPorts.map(({ port }) => port)
    expect(ports2).toEqual(expect.arrayContaining([22, 2222, 6443, 7443, 10250]))
    expect(infrastructure.isGateway('172.30.0.1')).toBe(true)
    expect(infrastructure.nodeWith('fd30::12')).toBe('n2')
  })
})

describe("node ports that stay the node's own", () => {
  it('are those at which the API answers here, and names where the node asks itself', () => {
    const view = testView()
    const infrastructure = new ViewInfrastructure(view)
    const ports = [{ name: 'https', protocol: 'TCP' as const, port: 443 }]
    const api = (address: string) =>
      view.slices.set('default/kubernetes', testSlice('kubernetes', [testEndpoint(address)], { ports }))
    api('172.30.0.12')
    view.facts.set('n', { kind: 'name-server', address: '127.0.0.53' })
    view.facts.set('l', { kind: 'address', address: '127.0.0.53', device: 'lo' })
    view.facts.set('a', { kind: 'api', address: '127.0.0.1', port: 6444 })
    expect([infrastructure.ownApiPorts, infrastructure.isOwnNameServer]).toEqual([[], false])
    api('172.30.0.11')
    view.facts.set('n', { kind: 'name-server', address: '192.0.2.1' })
    view.facts.set('d', { kind: 'address', address: '192.0.2.1', device: 'dummy0' })
    expect([infrastructure.ownApiPorts, infrastructure.isOwnNameServer]).toEqual([[443], true])
    view.facts.set('b', { kind: 'api', address: '192.0.2.1', port: 7443 })
    expect(infrastructure.ownApiPorts).toEqual([7443, 443])
  })
})

describe('tunnels of this node', () => {
  it('are management ports, each once, in words that name the device', () => {
    const view = testView()
    view.facts.replaceAll(
      [
        { kind: 'tunnel', device: 'flannel-v6.1', of: 'vxlan', port: 8472 } as const,
        { kind: 'tunnel', device: 'flannel.1', of: 'vxlan', port: 8472 } as const,
        { kind: 'tunnel', device: 'wg0', of: 'WireGuard', port: 51_820 } as const,
      ].map((fact) => [factKey(fact), fact]),
    )
    const { managementPorts } = new ViewInfrastructure(view)
    expect(managementPorts.filter(({ protocol }) => protocol === 'UDP')).toEqual([
      { protocol: 'UDP', port: 8472, why: "flannel-v6.1, the pod network's vxlan" },
      { protocol: 'UDP', port: 51_820, why: 'wg0, a WireGuard device of this node', ofNode: true },
    ])
  })
})

describe('families', () => {
  it('are those that Services have addresses of, and that the kernel has', () => {
    const view = testView({ serviceCIDRs: cidrs('10.43.0.0/16') })
    expect(servedFamilies(view, true)).toEqual(['IPv4'])
    view.serviceCIDRs.set('more', cidrs('fd00:43::/112'))
    expect(servedFamilies(view, true)).toEqual(['IPv4', 'IPv6'])
    expect(servedFamilies(view, false)).toEqual(['IPv4'])
    const six = testView({ serviceCIDRs: cidrs('fd00:43::/112') })
    expect(servedFamilies(six, true)).toEqual(['IPv6'])
  })
})
