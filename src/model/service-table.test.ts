import { describe, expect, it } from 'vitest'
import { type Infrastructure, managementPorts } from './infrastructure.ts'
import { type Family, parseCIDR } from './ip.ts'
import { formatRange } from './ranges.ts'
import { serviceEntry } from './service-table.ts'
import type { Protocol, Service } from './services.ts'

/** This node is 172.30.0.11, another 172.30.0.12, to whose pods it is the gateway; the router is .1, which is also asked for names; the API is at 172.30.0.5:7443. */
const infrastructure: Infrastructure = {
  serviceCIDRs: ['10.43.0.0/16', 'fd43::/112'].flatMap((text) => parseCIDR(text) ?? []),
  clusterCIDRs: ['10.42.0.0/16', 'fd42::/56'].flatMap((text) => parseCIDR(text) ?? []),
  nodeWith: (address) => ({ '172.30.0.11': 'n1', '172.30.0.12': 'n2', 'fd30::12': 'n2' })[address],
  deviceWith: (address) => (address === '192.168.7.1' ? 'eth1' : undefined),
  isBroadcast: (address) => address === '172.30.0.255',
  isGateway: (address) => ['172.30.0.1', '172.30.0.12'].includes(address),
  isNameServer: (address) => address === '172.30.0.1' || address === '9.9.9.9',
  apiPortsAt: (address) => (address === '172.30.0.5' ? [7443] : []),
  managementPorts: [
    ...managementPorts,
    { protocol: 'TCP', port: 2222, why: 'sshd', ofNode: true },
    { protocol: 'UDP', port: 8472, why: "flannel.1, the pod network's vxlan" },
    { protocol: 'UDP', port: 51_999, why: 'wg0, a WireGuard device of this node', ofNode: true },
  ],
  ownApiPorts: [443],
  isOwnNameServer: true,
  nodeAddresses: ['172.30.0.11', 'fd30::11'],
  nodePortServices: () => [],
  externalServices: () => [],
}

const service = (over: Partial<Service> = {}): Service => ({
  namespace: 'default',
  name: 'web',
  createdMs: 1,
  type: 'LoadBalancer',
  clusterIPs: ['10.43.0.10', 'fd43::10'],
  externalIPs: [],
  loadBalancerIPs: [],
  ports: [],
  affinitySeconds: 0,
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  loadBalancerSourceRanges: [],
  healthCheckNodePort: 0,
  ...over,
})

const entryOf = (
  over: Partial<Service>,
  {
    port = 80,
    protocol = 'TCP',
    nodePort = 0,
    family = 'IPv4',
  }: { port?: number; protocol?: Protocol; nodePort?: number; family?: Family } = {},
) => serviceEntry(service(over), { name: '', protocol, port, nodePort }, family, infrastructure)

const table = (over: Partial<Service>, port = {}) =>
  entryOf(over, port).addresses.map(
    ({ kind, address, port, policy, sources }) =>
      `${kind} ${address} ${port} ${policy}${sources === undefined ? '' : ` ${sources.map(formatRange).join()}`}`,
  )
const reasons = (over: Partial<Service>, port = {}) => entryOf(over, port).refusals.map(({ reason }) => reason)

describe('addresses of a Service port', () => {
  it.each<[string, Partial<Service>, object, string[]]>([
    ['1 its ClusterIP', {}, {}, ['ClusterIP 10.43.0.10 80 Cluster']],
    [
      '38 those of the family',
      { externalIPs: ['203.0.113.5', '2001:db8::5'] },
      { family: 'IPv6' },
      ['ClusterIP fd43::10 80 Cluster', 'ExternalIP 2001:db8::5 80 Cluster'],
    ],
    [
      'nothing in a family without a ClusterIP',
      { clusterIPs: ['10.43.0.10'], externalIPs: ['2001:db8::5'] },
      { family: 'IPv6', nodePort: 30080 },
      [],
    ],
    [
      '21 its node port',
      { type: 'NodePort' },
      { nodePort: 30080 },
      ['ClusterIP 10.43.0.10 80 Cluster', 'NodePort  30080 Cluster'],
    ],
    [
      '26 external policy Local',
      { externalTrafficPolicy: 'Local', loadBalancerIPs: ['203.0.113.6'] },
      { nodePort: 30080 },
      ['ClusterIP 10.43.0.10 80 Cluster', 'NodePort  30080 Local', 'LoadBalancerIP 203.0.113.6 80 Local'],
    ],
    [
      '38 external policy Local at an external IP of a ClusterIP Service',
      { type: 'ClusterIP', externalTrafficPolicy: 'Local', externalIPs: ['203.0.113.5'] },
      {},
      ['ClusterIP 10.43.0.10 80 Cluster', 'ExternalIP 203.0.113.5 80 Local'],
    ],
    [
      '30 internal policy Local',
      { internalTrafficPolicy: 'Local' },
      { nodePort: 30080 },
      ['ClusterIP 10.43.0.10 80 Local', 'NodePort  30080 Cluster'],
    ],
    [
      'an address twice: once, with its ranges',
      { externalIPs: ['203.0.113.6'], loadBalancerIPs: ['203.0.113.6'], loadBalancerSourceRanges: ['198.51.100.0/24'] },
      {},
      ['ClusterIP 10.43.0.10 80 Cluster', 'LoadBalancerIP 203.0.113.6 80 Cluster 198.51.100.0/24'],
    ],
    [
      "the address of a node that ServiceLB published, by the Service's port",
      { loadBalancerIPs: ['172.30.0.11', '172.30.0.12'] },
      {},
      [
        'ClusterIP 10.43.0.10 80 Cluster',
        'LoadBalancerIP 172.30.0.11 80 Cluster',
        'LoadBalancerIP 172.30.0.12 80 Cluster',
      ],
    ],
    [
      "a ClusterIP of the service CIDR that is nobody else's business",
      { clusterIPs: ['10.43.0.22'] },
      { port: 22 },
      ['ClusterIP 10.43.0.22 22 Cluster'],
    ],
  ])('%s', (_name, over, port, expected) => {
    expect(table(over, port)).toEqual(expected)
    expect(reasons(over, port)).toEqual([])
  })

  it.each<[string, Partial<Service>, object, string]>([
    ['sshd of this node', { loadBalancerIPs: ['172.30.0.11'] }, { port: 22 }, 'AddressIsManagementPort'],
    ["sshd's other port", { externalIPs: ['172.30.0.11'] }, { port: 2222 }, 'AddressIsManagementPort'],
    ['sshd of another node', { loadBalancerIPs: ['172.30.0.12'] }, { port: 22 }, 'AddressIsManagementPort'],
    [
      'the kubelet of another node, IPv6',
      { externalIPs: ['fd30::12'] },
      { port: 10250, family: 'IPv6' },
      'AddressIsManagementPort',
    ],
    ['etcd of a node', { externalIPs: ['172.30.0.12'] }, { port: 2379 }, 'AddressIsManagementPort'],
    ['sshd at an address of a device', { externalIPs: ['192.168.7.1'] }, { port: 22 }, 'AddressIsManagementPort'],
    [
      "another node's vxlan",
      { loadBalancerIPs: ['172.30.0.12'] },
      { port: 8472, protocol: 'UDP' },
      'AddressIsManagementPort',
    ],
    ['WireGuard here', { externalIPs: ['172.30.0.11'] }, { port: 51_999, protocol: 'UDP' }, 'AddressIsManagementPort'],
    ['the API where the agent reaches it', { externalIPs: ['172.30.0.5'] }, { port: 7443 }, 'AddressIsAPI'],
    ["sshd of the API's host", { externalIPs: ['172.30.0.5'] }, { port: 22 }, 'AddressIsManagementPort'],
    ['a gateway', { externalIPs: ['172.30.0.1'] }, { port: 80 }, 'AddressIsGateway'],
    ['the names of a gateway', { externalIPs: ['172.30.0.1'] }, { port: 53 }, 'AddressIsNameServer'],
    ['a name server', { loadBalancerIPs: ['9.9.9.9'] }, { port: 53, protocol: 'UDP' }, 'AddressIsNameServer'],
    ['an address of the service CIDR', { externalIPs: ['10.43.7.7'] }, {}, 'AddressInServiceCIDR'],
    ['an address of a pod', { externalIPs: ['10.42.1.7'] }, {}, 'AddressInClusterCIDR'],
    [
      "a node's address among pods",
      { loadBalancerIPs: ['fd42::1'] },
      { port: 22, family: 'IPv6' },
      'AddressInClusterCIDR',
    ],
    ['the broadcast address of a network', { externalIPs: ['172.30.0.255'] }, {}, 'AddressIsBroadcast'],
    ['loopback', { externalIPs: ['127.0.0.1'] }, {}, 'AddressIsSpecial'],
    ['link-local', { externalIPs: ['fe80::1'] }, { family: 'IPv6' }, 'AddressIsSpecial'],
    ['the unspecified address', { externalIPs: ['0.0.0.0'] }, {}, 'AddressIsSpecial'],
    ['multicast', { externalIPs: ['ff02::1'] }, { family: 'IPv6' }, 'AddressIsSpecial'],
    ['IPv4 in IPv6', { externalIPs: ['::ffff:ac1e:b'] }, { family: 'IPv6' }, 'AddressIsSpecial'],
  ])('does not take %s', (_name, over, port, reason) => {
    expect(table(over, port).filter((line) => !line.startsWith('ClusterIP'))).toEqual([])
    expect(reasons(over, port)).toEqual([reason])
  })

  it.each([22, 2222, 6443, 10250, 2380, 9345])('does not take node port %s', (nodePort) => {
    expect(table({}, { nodePort })).toEqual(['ClusterIP 10.43.0.10 80 Cluster'])
    expect(reasons({}, { nodePort })).toEqual(['NodePortIsManagementPort'])
  })

  it.each<[string, number, Protocol, string[]]>([
    ['the API on this node', 443, 'TCP', ['NodePortIsAPI']],
    ['UDP there', 443, 'UDP', []],
    ['names that this node asks itself for', 53, 'UDP', ['NodePortIsNameServer']],
    ['the same by TCP', 53, 'TCP', ['NodePortIsNameServer']],
    ['and over TLS', 853, 'TCP', ['NodePortIsNameServer']],
  ])('does not take as node port %s', (_name, nodePort, protocol, expected) => {
    expect(reasons({ type: 'NodePort' }, { nodePort, protocol })).toEqual(expected)
    expect(table({ type: 'NodePort' }, { nodePort, protocol })).toHaveLength(expected.length === 0 ? 2 : 1)
  })

  it('leaves the pod network its port, and nothing else of it', () => {
    const at = { port: 8472, protocol: 'UDP' as const }
    expect(entryOf({ loadBalancerIPs: ['172.30.0.12'] }, at).refusals).toMatchObject([
      {
        message:
          "172.30.0.12:8472/UDP is not translated: 172.30.0.12 is an address of node n2, and UDP port 8472 is flannel.1, the pod network's vxlan",
      },
    ])
    expect(entryOf({}, { nodePort: 8472, protocol: 'UDP' }).refusals).toMatchObject([
      { reason: 'NodePortIsManagementPort' },
    ])
    // TCP, an address that is no node's, and a WireGuard server that is a Service: theirs.
    expect(reasons({ loadBalancerIPs: ['172.30.0.12'] }, { port: 8472 })).toEqual([])
    expect(reasons({ loadBalancerIPs: ['203.0.113.6'] }, at)).toEqual([])
    expect(reasons({ loadBalancerIPs: ['172.30.0.12'] }, { port: 51_820, protocol: 'UDP', nodePort: 31_820 })).toEqual(
      [],
    )
  })

  it.each<[string, Partial<Service>, object, boolean]>([
    ['sshd of another node', { loadBalancerIPs: ['172.30.0.12'] }, { port: 22 }, true],
    ["sshd's port here", { loadBalancerIPs: ['172.30.0.12'] }, { port: 2222 }, false],
    ['a device of this node', { externalIPs: ['192.168.7.1'] }, { port: 22 }, false],
    ["the pod network's port", { externalIPs: ['172.30.0.12'] }, { port: 8472, protocol: 'UDP' }, true],
    ['a tunnel of this node', { externalIPs: ['172.30.0.12'] }, { port: 51_999, protocol: 'UDP' }, false],
    ['a gateway of this node', { externalIPs: ['172.30.0.1'] }, {}, false],
    ['loopback', { externalIPs: ['127.0.0.1'] }, {}, true],
    ['a bad source range', { loadBalancerIPs: ['203.0.113.6'], loadBalancerSourceRanges: ['x'] }, {}, true],
    ['a node port that is sshd everywhere', {}, { nodePort: 22 }, true],
    ['a node port that is sshd here', {}, { nodePort: 2222 }, false],
  ])('knows whether all nodes refuse alike: %s', (_name, over, port, expected) => {
    expect(entryOf(over, port).refusals.map(({ clusterWide }) => clusterWide)).toEqual([expected])
  })

  it.each<[string, string, number, string]>([
    ['a node', '172.30.0.12', 80, 'ClusterIPIsNodeAddress'],
    ['the API', '172.30.0.5', 7443, 'AddressIsAPI'],
    ['a gateway', '172.30.0.1', 80, 'AddressIsGateway'],
  ])('does not take a ClusterIP outside of the service CIDR from %s', (_name, clusterIP, port, reason) => {
    expect(table({ clusterIPs: [clusterIP] }, { port })).toEqual([])
    expect(reasons({ clusterIPs: [clusterIP] }, { port })).toEqual([reason])
  })
})

describe('source ranges', () => {
  const ranges = (loadBalancerSourceRanges: string[], family: Family = 'IPv4') =>
    entryOf({ loadBalancerIPs: ['203.0.113.6', '2001:db8::6'], loadBalancerSourceRanges }, { family })
      .addresses.find(({ kind }) => kind === 'LoadBalancerIP')
      ?.sources?.map(formatRange)

  it.each<[string, string[], string[] | undefined]>([
    ['33 blanks around', ['192.168.0.0/24', ' 203.0.113.128/25 '], ['192.168.0.0/24', '203.0.113.128/25']],
    ['8 leading zeros', ['192.168.000.0/24'], ['192.168.0.0/24']],
    ['one in another', ['10.0.0.0/8', '10.1.0.0/16', '10.0.0.0/8'], ['10.0.0.0/8']],
    ['neighbours become one', ['10.0.0.0/25', '10.0.0.128/25', '10.0.1.0/24'], ['10.0.0.0/23']],
    ['neighbours that are no prefix', ['10.0.1.0/24', '10.0.2.0/24'], ['10.0.1.0-10.0.2.255']],
    [
      '33 this node is inside: its own address of the load balancer too',
      ['172.30.0.0/24'],
      ['172.30.0.0/24', '203.0.113.6'],
    ],
    ['37 a range of length 0', ['0.0.0.0/0', '10.0.0.0/8'], undefined],
    ['none', [], undefined],
    ['nothing that can be read', ['x', '10.0.0.0/33'], []],
    ['37 another family only', ['fd00::/8'], []],
  ])('%s', (_name, texts, expected) => {
    expect(ranges(texts)).toEqual(expected)
  })

  it('says where they let nobody in', () => {
    const over = { loadBalancerIPs: ['203.0.113.6'] }
    expect(reasons({ ...over, loadBalancerSourceRanges: ['fd00::/8'] })).toEqual(['SourceRangesOfOtherFamily'])
    expect(reasons({ ...over, loadBalancerSourceRanges: ['x', '10.0.0.0/8'] })).toEqual(['SourceRangeInvalid'])
  })
})

describe("a node port and a node's address with the same port", () => {
  const shop = service({ name: 'shop', createdMs: 5, loadBalancerIPs: ['172.30.0.11'] })
  const front = service({ name: 'front', createdMs: 6 })
  const both = { ...infrastructure, nodePortServices: () => [front], externalServices: () => [shop] }
  const one = (of: Service, port: { port: number; nodePort: number }) => {
    const { addresses, refusals } = serviceEntry(of, { name: '', protocol: 'TCP', ...port }, 'IPv4', both)
    return [addresses.map(({ kind }) => kind), refusals.map(({ reason }) => reason)]
  }
  const external = { port: 30080, nodePort: 0 }
  const asNodePort = { port: 80, nodePort: 30080 }

  it('38 belong to the older Service, and the other is told', () => {
    expect(one(shop, external)).toEqual([['ClusterIP', 'LoadBalancerIP'], []])
    expect(one(front, asNodePort)).toEqual([['ClusterIP', 'NodePort'], ['NodePortTakenHere']])
    const younger = { ...shop, createdMs: 7 }
    expect(one(younger, external)).toEqual([['ClusterIP'], ['AddressIsNodePort']])
  })

  it('do not meet where the node port is of the other family alone', () => {
    const six = { ...front, createdMs: 1, clusterIPs: ['fd43::10'] }
    const infrastructure = { ...both, nodePortServices: () => [six] }
    const { addresses, refusals } = serviceEntry(
      shop,
      { name: '', protocol: 'TCP', ...external },
      'IPv4',
      infrastructure,
    )
    expect([addresses.map(({ kind }) => kind), refusals]).toEqual([['ClusterIP', 'LoadBalancerIP'], []])
  })
})
