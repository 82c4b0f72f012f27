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
  selectBackends(slices, { name: 'http', protocol: 'TCP' }, 'n1').map(({ address, port }) => `${address}:${port}`)

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
    ['canonical addresses', [['010.000.000.001', 'ready']], ['10.0.0.1:8080']],
  ])('takes %s', (_name, endpoints, expected) => {
    expect(pick([slice(endpoints)])).toEqual(expected)
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

  it('knows which are on this node', () => {
    const backends = selectBackends(
      [
        slice([
          ['10.0.0.1', 'ready', 'n1'],
          ['10.0.0.2', 'ready', 'n2'],
        ]),
      ],
      { name: 'http', protocol: 'TCP' },
      'n1',
    )
    expect(backends.map(({ local }) => local)).toEqual([true, false])
  })
})
