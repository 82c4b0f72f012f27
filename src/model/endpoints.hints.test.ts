import { describe, expect, it } from 'vitest'
import { type EndpointHints, type SliceEndpoint, selectBackends } from './endpoints.ts'

type Sample = [address: string, hints?: Partial<EndpointHints> | undefined, over?: Partial<SliceEndpoint>]

const pick = (samples: Sample[], zone: string | undefined) => {
  const endpoints = samples.map(
    ([address, hints, over]): SliceEndpoint => ({
      address,
      ready: true,
      serving: true,
      terminating: false,
      nodeName: 'n2',
      ...(hints && { hints: { zones: [], nodes: [], ...hints } }),
      ...over,
    }),
  )
  const ports = [{ name: '', protocol: 'TCP' as const, port: 80 }]
  const slice = { namespace: 'd', name: 's', service: 's', family: 'IPv4' as const, ports, endpoints }
  const backends = selectBackends([slice], { name: '', protocol: 'TCP' }, { nodeName: 'n1', zone })
  return {
    cluster: backends.cluster.map(({ address }) => address),
    local: backends.local.map(({ address }) => address),
  }
}

describe('topology hints', () => {
  it.each<[string, Sample[], string | undefined, string[]]>([
    [
      "17 the node's zone only",
      [
        ['1', { zones: ['a'] }],
        ['2', { zones: ['b'] }],
      ],
      'a',
      ['1'],
    ],
    [
      '17 an endpoint counts for each of its zones',
      [
        ['1', { zones: ['b', 'a'] }],
        ['2', { zones: ['b'] }],
      ],
      'b',
      ['1', '2'],
    ],
    ['18 one ready endpoint without a hint: everybody', [['1', { zones: ['a'] }], ['2']], 'a', ['1', '2']],
    [
      '18 unready endpoints without a hint do not count',
      [
        ['1', { zones: ['a'] }],
        ['3', { zones: ['b'] }],
        ['2', undefined, { ready: false, serving: false }],
      ],
      'a',
      ['1'],
    ],
    [
      '18 a node without a zone',
      [
        ['1', { zones: ['a'] }],
        ['2', { zones: ['b'] }],
      ],
      undefined,
      ['1', '2'],
    ],
    [
      '18 a zone without an endpoint',
      [
        ['1', { zones: ['b'] }],
        ['2', { zones: ['b'] }],
      ],
      'a',
      ['1', '2'],
    ],
    [
      '19 this node before its zone',
      [
        ['1', { zones: ['a'], nodes: ['n2'] }],
        ['2', { zones: ['b'], nodes: ['n1'] }],
      ],
      'a',
      ['2'],
    ],
    [
      '19 nobody for this node: its zone',
      [
        ['1', { zones: ['a'], nodes: ['n2'] }],
        ['2', { zones: ['b'], nodes: ['n3'] }],
      ],
      'a',
      ['1'],
    ],
    [
      '19 some without a node: the zone',
      [
        ['1', { zones: ['b'], nodes: ['n1'] }],
        ['2', { zones: ['a'] }],
      ],
      'a',
      ['2'],
    ],
  ])('%s', (_name, samples, zone, expected) => {
    expect(pick(samples, zone).cluster).toEqual(expected)
  })

  it('20 policy Local does not ask for hints', () => {
    const here = { nodeName: 'n1' }
    const { cluster, local } = pick(
      [
        ['1', { zones: ['b'] }, here],
        ['2', { zones: ['a'] }],
      ],
      'a',
    )
    expect({ cluster, local }).toEqual({ cluster: ['2'], local: ['1'] })
  })

  it('14 the copy that does not terminate counts, ready or not', () => {
    const draining = { ready: false, serving: true, terminating: true }
    expect(
      pick(
        [
          ['1', undefined, draining],
          ['1', undefined, { ready: false, serving: false }],
        ],
        'a',
      ).cluster,
    ).toEqual([])
    expect(pick([['1', undefined, draining], ['1']], 'a').cluster).toEqual(['1'])
    expect(pick([['1'], ['1', undefined, draining]], 'a').cluster).toEqual(['1'])
  })
})
