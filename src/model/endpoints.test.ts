import { describe, expect, it } from 'vitest'
import { type EndpointSlice, type SliceEndpoint, selectBackends } from './endpoints.ts'

type State = 'ready' | 'unready' | 'draining' | 'gone'
const states: Record<State, Pick<SliceEndpoint, 'ready' | 'serving' | 'terminating'>> = {
  ready: { ready: true, serving: true, terminating: false },
  unready: { ready: false, serving: false, terminating: false },
  draining: { ready: false, serving: true, terminating: true },
  gone: { ready: false, serving: false, terminating: true },
}

const slice = (
  endpoints: [string, State, string?][],
  ports: EndpointSlice['ports'] = [{ name: 'http', protocol: 'TCP', port: 8080 }],
): EndpointSlice => ({
  namespace: 'default',
  name: 'web-1',
  service: 'web',
  family: 'IPv4',
  ports,
  endpoints: endpoints.map(([address, state, nodeName = 'n1']) => ({ address, nodeName, ...states[state] })),
})

const pick = (slices: EndpointSlice[]) =>
  selectBackends(slices, { name: 'http', protocol: 'TCP' }, { nodeName: 'n1', zone: undefined }).cluster.map(
    ({ address, port }) => `${address}:${port}`,
  )

describe('selectBackends', () => {
  it.each<[string, [string, State][], string[]]>([
    [
      'ready ones only',
      [
        ['10.0.0.1', 'ready'],
        ['10.0.0.2', 'unready'],
        ['10.0.0.3', 'draining'],
      ],
      ['10.0.0.1:8080'],
    ],
    [
      'those that serve while they terminate, where nobody is ready',
      [
        ['10.0.0.1', 'draining'],
        ['10.0.0.2', 'gone'],
        ['10.0.0.3', 'unready'],
      ],
      ['10.0.0.1:8080'],
    ],
    [
      'nobody',
      [
        ['10.0.0.1', 'gone'],
        ['10.0.0.2', 'unready'],
      ],
      [],
    ],
  ])('takes %s', (_name, endpoints, expected) => {
    expect(pick([slice(endpoints)])).toEqual(expected)
  })

  it.each<[State, State, boolean]>([
    ['ready', 'unready', true],
    ['ready', 'draining', true],
    ['ready', 'gone', true],
    ['unready', 'draining', false],
    ['unready', 'gone', false],
    ['draining', 'gone', true],
  ])('takes the better word of two slices, whichever comes first: %s and %s', (one, other, isUsed) => {
    for (const [a, b] of [
      [one, other],
      [other, one],
    ] as const) {
      expect(pick([slice([['10.0.0.1', a]]), slice([['10.0.0.1', b]])])).toEqual(isUsed ? ['10.0.0.1:8080'] : [])
    }
  })

  it('counts an endpoint of two slices once, and as not terminating if either says so', () => {
    expect(
      pick([
        slice([['10.0.0.1', 'draining']]),
        slice([
          ['10.0.0.1', 'ready'],
          ['10.0.0.1', 'ready'],
        ]),
      ]),
    ).toEqual(['10.0.0.1:8080'])
  })

  it('ignores ports of another name or protocol', () => {
    const other = [
      { name: 'metrics', protocol: 'TCP' as const, port: 9090 },
      { name: 'http', protocol: 'UDP' as const, port: 8080 },
    ]
    expect(pick([slice([['10.0.0.1', 'ready']], other)])).toEqual([])
  })

  it.each<[string, [string, State, string?][], string[], string[]]>([
    [
      'ready ones of each',
      [
        ['10.0.0.1', 'ready', 'n1'],
        ['10.0.0.2', 'ready', 'n2'],
      ],
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1'],
    ],
    ['no local ones', [['10.0.0.2', 'ready', 'n2']], ['10.0.0.2'], []],
    [
      'local ones that only drain while a remote one is ready',
      [
        ['10.0.0.1', 'draining', 'n1'],
        ['10.0.0.2', 'ready', 'n2'],
      ],
      ['10.0.0.2'],
      ['10.0.0.1'],
    ],
    [
      'nobody ready anywhere',
      [
        ['10.0.0.1', 'draining', 'n1'],
        ['10.0.0.2', 'draining', 'n2'],
      ],
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.1'],
    ],
    [
      'no draining local one while a local one is ready',
      [
        ['10.0.0.1', 'draining', 'n1'],
        ['10.0.0.3', 'ready', 'n1'],
      ],
      ['10.0.0.3'],
      ['10.0.0.3'],
    ],
  ])('judges the node on its own: %s', (_name, endpoints, cluster, local) => {
    const backends = selectBackends(
      [slice(endpoints)],
      { name: 'http', protocol: 'TCP' },
      { nodeName: 'n1', zone: undefined },
    )
    expect(backends.cluster.map(({ address }) => address)).toEqual(cluster)
    expect(backends.local.map(({ address }) => address)).toEqual(local)
  })
})
