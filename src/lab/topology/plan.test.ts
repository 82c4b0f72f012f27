import { describe, expect, it } from 'vitest'
import { linkBatches, linkSetups, podRoutes, setupBatches } from './links.ts'
import { namespacesOf, type NetworkOptions, planTopology } from './plan.ts'

describe('planTopology', () => {
  it('gives each node its address, pod CIDR and zone', () => {
    const { nodes, families } = planTopology('demo', 3)
    expect(families).toEqual(['IPv4'])
    expect(nodes.map((node) => [node.name, node.addresses, node.podCIDRs, node.zone])).toEqual([
      ['node1', ['172.30.0.11'], ['10.42.0.0/24'], 'z1'],
      ['node2', ['172.30.0.12'], ['10.42.1.0/24'], 'z2'],
      ['node3', ['172.30.0.13'], ['10.42.2.0/24'], 'z3'],
    ])
  })

  it('has IPv6 alone, with the same digits', () => {
    const plan = planTopology('demo', 2, { stack: 'ipv6' })
    expect(plan).toMatchObject({ families: ['IPv6'], clusterCIDRs: ['fd00:42::/56'], serviceCIDRs: ['fd00:43::/112'] })
    expect(plan.nodes.map((node) => [node.addresses, node.podCIDRs])).toEqual([
      [['fd00:30::11'], ['fd00:42::/64']],
      [['fd00:30::12'], ['fd00:42:0:1::/64']],
    ])
    expect([plan.api.addresses, plan.router.outside, plan.client.addresses].flat()).toEqual([
      'fd00:30::2',
      '2001:db8::1',
      '2001:db8::10',
    ])
  })

  it('has both families, the primary one first', () => {
    const [node] = planTopology('demo', 1, { stack: 'dual-stack' }).nodes
    expect(node).toMatchObject({
      addresses: ['172.30.0.11', 'fd00:30::11'],
      podCIDRs: ['10.42.0.0/24', 'fd00:42::/64'],
    })
    const turned = planTopology('demo', 1, { stack: 'dual-stack', clusterCIDR: 'fd01::/48,10.1.0.0/16' })
    expect(turned).toMatchObject({ families: ['IPv6', 'IPv4'], serviceCIDRs: ['fd00:43::/112', '10.43.0.0/16'] })
    expect(turned.nodes[0]).toMatchObject({ podCIDRs: ['fd01::/64', '10.1.0.0/24'] })
  })

  it('takes ranges, mask sizes, zones and names', () => {
    const { nodes } = planTopology('demo', 3, {
      clusterCIDR: '10.8.0.0/20',
      underlayCIDR: '192.168.7.0/26',
      nodeCIDRMaskSize: 22,
      zones: ['a', 'b'],
      nodeZones: ['lab-3=c'],
      nodePrefix: 'lab-',
    })
    expect(nodes.map((node) => [node.name, node.addresses[0], node.podCIDRs[0], node.zone])).toEqual([
      ['lab-1', '192.168.7.11', '10.8.0.0/22', 'a'],
      ['lab-2', '192.168.7.12', '10.8.4.0/22', 'b'],
      ['lab-3', '192.168.7.13', '10.8.8.0/22', 'c'],
    ])
  })

  it.each<[NetworkOptions, number, string, string, string]>([
    [{ clusterCIDR: 'banana' }, 1, '--cluster-cidr', '"banana" is no range', 'e.g. 10.42.0.0/16'],
    [{ clusterCIDR: '10.42.0.0' }, 1, '--cluster-cidr', '"10.42.0.0" is no range', 'ADDRESS/LENGTH'],
    [{ clusterCIDR: '10.42.0.1/16' }, 1, '--cluster-cidr', 'is an address in a range', 'did you mean 10.42.0.0/16?'],
    [{ serviceCIDR: 'fd00::/112' }, 1, '--service-cidr', 'the lab has IPv4 only', '--ipv6 or --dual-stack'],
    [{ stack: 'ipv6', serviceCIDR: '10.1.0.0/16' }, 1, '--service-cidr', 'the lab has IPv6 only', 'IPv6 range'],
    [
      { clusterCIDR: '10.1.0.0/16,10.2.0.0/16' },
      1,
      '--cluster-cidr',
      'more than one range of a family',
      '--dual-stack',
    ],
    [
      { stack: 'dual-stack', serviceCIDR: 'fd00:43::/112,10.43.0.0/16' },
      1,
      '--service-cidr',
      'the first range is IPv6, and the primary family by default is IPv4',
      'the same order',
    ],
    [{ clusterCIDR: '10.43.0.0/16' }, 1, '--cluster-cidr', 'overlaps 10.43.0.0/16 (--service-cidr)', 'change one'],
    [{ underlayCIDR: '198.51.100.0/25' }, 1, '--underlay-cidr', "(the lab's outside network)", 'change one'],
    [{ underlayCIDR: '127.1.0.0/24' }, 1, '--underlay-cidr', 'addresses of 127.0.0.0/8', 'private range'],
    [{ serviceCIDR: '10.64.0.0/11' }, 1, '--service-cidr', 'too large for Services', '/12 to /29'],
    [{ serviceCIDR: '10.43.0.0/30' }, 1, '--service-cidr', 'too small for Services', '/12 to /29'],
    [{ underlayCIDR: '172.30.0.0/28' }, 5, '--underlay-cidr', 'the API and 5 nodes', 'at least /27'],
    [
      { clusterCIDR: '10.42.0.0/23' },
      3,
      '--cluster-cidr',
      'has 2 pod CIDRs of length /24, and the lab has 3 nodes',
      'from 25 to 29; or give an IPv4 --cluster-cidr of /22',
    ],
    [{ clusterCIDR: '10.42.0.0/29' }, 2, '--cluster-cidr', 'too small for 2 nodes', '/23 or larger'],
    [{ nodeCIDRMaskSizeIPv4: 12 }, 1, '--node-cidr-mask-size', 'has no pod CIDR of length /12', 'from 16 to 29'],
    [{ nodeCIDRMaskSize: 31 }, 1, '--node-cidr-mask-size', 'no room for pods', 'from 16 to 29'],
    [{ stack: 'ipv6', clusterCIDR: 'fd02::/40' }, 1, '--cluster-cidr', 'too large for pod CIDRs', 'from 40 to 56'],
    [{ stack: 'dual-stack', nodeCIDRMaskSize: 24 }, 1, '--node-cidr-mask-size', 'for each family', '-ipv4 and'],
    [{ nodeCIDRMaskSizeIPv6: 64 }, 1, '--node-cidr-mask-size-ipv6', 'no IPv6 pods', '--dual-stack'],
    [{ zones: ['a', 'b/'] }, 1, '--zones', '"b/" cannot be the name', 'letters, digits'],
    [{ nodeZones: ['a'] }, 1, '--zone', 'does not say which node', 'NODE=ZONE'],
    [{ nodeZones: ['node4=a'] }, 2, '--zone', 'no node "node4"', 'node1, node2'],
    [{ nodePrefix: 'node1' }, 1, '--node-prefix', 'cannot be the beginning', 'no digit last'],
  ])('refuses %j for %i nodes', (options, nodes, where, message, remedy) => {
    const refusal = expect.objectContaining({
      code: 'LAB_NETWORK_INVALID',
      where,
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    })
    expect(() => planTopology('demo', nodes, options)).toThrow(refusal)
  })

  it.each(['a-b', '', 'UPPER', 'averyverylongname', '../x'])('refuses the name "%s"', (name) => {
    expect(() => planTopology(name, 1)).toThrow(`"${name}" cannot be the name of a lab`)
  })

  it.each([0, -1, 1.5, 101, Number.NaN])('refuses %s nodes', (nodes) => {
    expect(() => planTopology('demo', nodes)).toThrow('a lab cannot have')
  })

  it('has room for 100 nodes in the default ranges', () => {
    const { nodes } = planTopology('demo', 100, { stack: 'dual-stack' })
    expect(nodes.at(-1)).toMatchObject({ addresses: ['172.30.0.110', 'fd00:30::110'] })
    expect(new Set(nodes.flatMap(({ podCIDRs }) => podCIDRs)).size).toBe(200)
  })

  it('has no namespace whose name begins another lab', () => {
    const [a, b] = [planTopology('a', 1), planTopology('ab', 1)]
    expect(namespacesOf(b).some((name) => name.startsWith('weft-a-'))).toBe(false)
    expect(namespacesOf(a).every((name) => name.startsWith('weft-a-'))).toBe(true)
  })
})

describe('links', () => {
  it('makes every link inside the lab', () => {
    const plan = planTopology('demo', 2)
    const inside = new Set(namespacesOf(plan))
    expect([...linkBatches(plan), ...linkSetups(plan)].every((batch) => inside.has(batch.netns))).toBe(true)
  })

  it('leaves the routes between nodes to the agents, and gives the router one to each, of each family', () => {
    const plan = planTopology('demo', 2, { stack: 'dual-stack' })
    const linesOf = (host: string) => setupBatches(linkSetups(plan)).find(({ netns }) => netns.endsWith(host))?.lines
    expect(linesOf('node1')?.join()).not.toMatch(/10\.42\.|fd00:42/)
    expect(linesOf('router')).toContain('route replace fd00:43::/112 via fd00:30::11')
    expect(podRoutes(plan, plan.nodes).lines).toEqual([
      'route replace 10.42.0.0/24 via 172.30.0.11',
      'route replace fd00:42::/64 via fd00:30::11',
      'route replace 10.42.1.0/24 via 172.30.0.12',
      'route replace fd00:42:0:1::/64 via fd00:30::12',
    ])
  })

  it('has no IPv4 address in an IPv6 lab', () => {
    const plan = planTopology('demo', 2, { stack: 'ipv6' })
    const lines = [...linkSetups(plan), podRoutes(plan, plan.nodes)].flatMap((batch) => batch.lines)
    expect(lines.filter((line) => /\d+\.\d+\.\d+\.\d+/.test(line))).toEqual([])
  })
})
