import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeNode, decodeService, decodeServiceCIDR, decodeSlice } from './decode.ts'

const service = (spec: object, over: object = {}) =>
  decodeService({
    metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { clusterIP: '10.43.0.10', ports: [{ port: 80 }], ...spec },
    ...over,
  })?.value

const ingress = (...list: object[]) => ({ status: { loadBalancer: { ingress: list } } })

describe('decodeService', () => {
  it.each<[string, object, object]>([
    ['7 headless', { clusterIP: 'None' }, {}],
    ['7 ExternalName', { type: 'ExternalName', clusterIP: '' }, {}],
    [
      "7 another proxy's",
      {},
      { metadata: { name: 'web', labels: { 'service.kubernetes.io/service-proxy-name': 'x' } } },
    ],
  ])('leaves out %s', (_name, spec, over) => {
    expect(service(spec, over)).toBeUndefined()
  })

  it('reads what no API server lets through so that it can do no harm', () => {
    const ports = [
      { name: 'http', port: 80, nodePort: 70_000 },
      { name: 'http', port: 81 },
      { name: 'a b', port: 82 },
      { name: 'none' },
      { name: 'text', port: '83' },
      { name: 'large', port: 65_536 },
      { name: 'icmp', port: 84, protocol: 'ICMP' },
    ]
    const timeoutSeconds = '60; flush ruleset'
    const spec = {
      type: 'Something',
      ports,
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds } },
      externalTrafficPolicy: 7,
      loadBalancerSourceRanges: [null, '10.0.0.0/8'],
      healthCheckNodePort: -1,
    }
    expect(service(spec)).toMatchObject({
      type: 'ClusterIP',
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }],
      affinitySeconds: 10_800,
      externalTrafficPolicy: 'Cluster',
      loadBalancerSourceRanges: ['null', '10.0.0.0/8'],
      healthCheckNodePort: 0,
    })
    expect(service({}, { metadata: { name: 'a b' } })).toBeUndefined()
    expect(service({}, { metadata: { name: 'x'.repeat(64) } })).toBeUndefined()
  })

  it('8 spells addresses as the kernel does, and leaves out what is none', () => {
    expect(
      service({
        type: 'LoadBalancer',
        clusterIPs: ['172.030.0.041', '2001:DB8:0::0041'],
        externalIPs: ['010.1.02.3', 'x'],
      }),
    ).toMatchObject({ clusterIPs: ['172.30.0.41', '2001:db8::41'], externalIPs: ['10.1.2.3'] })
  })

  it('35 takes load-balancer addresses that are the Service itself, not a proxy before it', () => {
    const list = ingress(
      { ip: '203.0.113.1' },
      { ip: '203.0.113.2', ipMode: 'VIP' },
      { ip: '203.0.113.3', ipMode: 'Proxy' },
      { ip: '203.0.113.4', ipMode: 'YetToCome' },
      { hostname: 'lb.example.org' },
    )
    expect(service({ type: 'LoadBalancer' }, list)?.loadBalancerIPs).toEqual(['203.0.113.1', '203.0.113.2'])
    expect(service({ type: 'ClusterIP' }, list)?.loadBalancerIPs).toEqual([])
  })

  it.each([
    [{}, 0],
    [{ sessionAffinity: 'ClientIP' }, 10_800],
    [{ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, 60],
  ])('41 affinity of %j is %s s', (spec, seconds) => {
    expect(service(spec)?.affinitySeconds).toBe(seconds)
  })
})

describe('decodeSlice', () => {
  const slice = (over: object) =>
    decodeSlice({
      metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      endpoints: [],
      ...over,
    })?.value

  it('9 reads conditions that are absent', () => {
    const endpoints = [
      { addresses: ['10.42.0.1'] },
      { addresses: ['10.42.0.2'], conditions: { ready: null, serving: null, terminating: null } },
      { addresses: ['10.42.0.3'], conditions: { ready: false } },
      { addresses: ['10.42.0.4'], conditions: { ready: false, serving: true, terminating: true } },
    ]
    expect(
      slice({ endpoints })?.endpoints.map(({ ready, serving, terminating }) => [ready, serving, terminating]),
    ).toEqual([
      [true, true, false],
      [true, true, false],
      [false, false, false],
      [false, true, true],
    ])
  })

  it('15 leaves out ports without a number, addresses of the other family, and all but the first address', () => {
    const ports = [
      { name: 'a', port: null },
      { name: 'b', port: 0 },
      { name: 'c', port: 53, protocol: 'UDP' },
    ]
    const endpoints = [{ addresses: ['fd42::1'] }, { addresses: ['010.42.0.1', '10.42.0.9'] }, { addresses: [] }]
    const value = slice({ ports, endpoints })
    expect(value?.ports).toEqual([{ name: 'c', protocol: 'UDP', port: 53 }])
    expect(value?.endpoints.map(({ address }) => address)).toEqual(['10.42.0.1'])
  })

  it('leaves out endpoints that mean this node itself', () => {
    const addresses = ['127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', '10.42.0.1']
    const value = slice({ endpoints: addresses.map((address) => ({ addresses: [address] })) })
    expect(value?.endpoints.map(({ address }) => address)).toEqual(['10.42.0.1'])
  })

  it.each([
    ['headless', { 'kubernetes.io/service-name': 'web', 'service.kubernetes.io/headless': '' }],
    ["another proxy's", { 'kubernetes.io/service-name': 'web', 'service.kubernetes.io/service-proxy-name': 'x' }],
    ["nobody's", {}],
  ])('7 leaves out slices that are %s', (_name, labels) => {
    expect(slice({ metadata: { name: 'web-1', namespace: 'default', labels } })).toBeUndefined()
  })

  it('reads hints for zones and nodes', () => {
    const hints = { forZones: [{ name: 'a' }], forNodes: [{ name: 'n1' }] }
    expect(slice({ endpoints: [{ addresses: ['10.42.0.1'], hints }] })?.endpoints[0]?.hints).toEqual({
      zones: ['a'],
      nodes: ['n1'],
    })
  })
})

describe('decodeNode and decodeServiceCIDR', () => {
  it('take internal addresses first, the zone and the pod CIDRs', () => {
    const addresses = [
      { type: 'ExternalIP' as const, address: '198.51.100.1' },
      { type: 'Hostname' as const, address: 'n1' },
      { type: 'InternalIP' as const, address: '172.30.0.011' },
    ]
    const metadata = { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'a' } }
    expect(decodeNode({ metadata, spec: { podCIDRs: ['10.42.0.0/24'] }, status: { addresses } }).value).toEqual({
      name: 'n1',
      addresses: ['172.30.0.11', '198.51.100.1'],
      zone: 'a',
      podCIDRs: ['10.42.0.0/24'],
    })
  })

  it('read the ranges of a ServiceCIDR', () => {
    const decoded = decodeServiceCIDR({ metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.43.0.0/16', 'x'] } })
    expect(decoded?.value).toHaveLength(1)
  })
})

describe('whatever an API server says', () => {
  it('10,000 odd objects are read or left out, never an exception', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom('None', '', '::', '0.0.0.0/0'),
    )
    const list = <T>(one: fc.Arbitrary<T>) => fc.option(fc.array(one, { maxLength: 4 }), { nil: undefined })
    const port = fc.record(
      { name: text, port: fc.integer({ min: -1, max: 70_000 }), nodePort: fc.integer(), protocol: text },
      { requiredKeys: [] },
    )
    const spec = fc.record(
      {
        type: text,
        clusterIP: text,
        clusterIPs: list(text),
        externalIPs: list(text),
        ports: list(port),
        sessionAffinity: text,
        loadBalancerSourceRanges: list(text),
      },
      { requiredKeys: [] },
    )
    const endpoint = fc.record(
      { addresses: fc.array(text, { maxLength: 2 }), conditions: fc.option(fc.object()), nodeName: text },
      { requiredKeys: ['addresses'] },
    )
    fc.assert(
      fc.property(spec, list(endpoint), list(port), text, (spec, endpoints, ports, name) => {
        decodeService({ metadata: { name }, spec } as never)
        const labels = { 'kubernetes.io/service-name': name }
        decodeSlice({ metadata: { name, labels }, addressType: 'IPv6', endpoints, ports } as never)
      }),
      { numRuns: 10_000 },
    )
  })
})
