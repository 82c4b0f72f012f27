import { describe, expect, it } from 'vitest'
import type { Endpoint, ServicePort } from '../../kube/types.ts'
import { choose, endpointsOf } from './endpoints.ts'
import { endpoint, pod, service, slice } from './testing.ts'

const a = pod('a', '10.42.0.5')
const b = pod('b', '10.42.1.5')
const http: ServicePort = { name: 'http', port: 80 }
const found = (slices: Parameters<typeof endpointsOf>[2], port = http) =>
  endpointsOf(service(), port, slices, 'IPv4').map(({ address, port }) => `${address}:${port}`)

describe('endpointsOf', () => {
  it.each([
    ['a slice of the Service', slice([endpoint(a)]), ['10.42.0.5:8080']],
    ['another name of the port', slice([endpoint(a)], { ports: [{ name: 'x', port: 1 }] }), []],
    ['another protocol', slice([endpoint(a)], { ports: [{ name: 'http', protocol: 'UDP', port: 1 }] }), []],
    ['a port without number', slice([endpoint(a)], { ports: [{ name: 'http' }] }), []],
    ['no ports at all', slice([endpoint(a)], { ports: null }), []],
    ['another family', slice([endpoint(a)], { addressType: 'IPv6' }), []],
    ['another namespace', slice([endpoint(a)], { metadata: { ...slice([]).metadata, namespace: 'x' } }), []],
    ['another Service', slice([endpoint(a)], { metadata: { ...slice([]).metadata, labels: {} } }), []],
    [
      'two numbers for one name',
      slice([endpoint(a)], {
        ports: [
          { name: 'http', port: 1 },
          { name: 'http', port: 2 },
        ],
      }),
      ['10.42.0.5:1', '10.42.0.5:2'],
    ],
    ['null for endpoints', slice([], { endpoints: null }), []],
  ])('%s', (_, given, expected) => {
    expect(found([given])).toEqual(expected)
  })

  it('takes a nameless port for an empty name', () => {
    expect(found([slice([endpoint(a)], { ports: [{ name: '', port: 9 }] })], { port: 80 })).toEqual(['10.42.0.5:9'])
  })

  it('lets the copy that is not terminating count', () => {
    const leaving = endpoint(a, { ready: false, serving: true, terminating: true })
    const [only, ...more] = endpointsOf(service(), http, [slice([leaving]), slice([endpoint(a)])], 'IPv4')
    expect([only?.terminating, more]).toEqual([false, []])
  })
})

const names = (conditions: Endpoint['conditions'][]): { chosen: number[]; unwanted: number[] } => {
  const endpoints = conditions.map((condition, index) => endpoint(pod(`p${index}`, `10.42.0.${index}`), condition))
  const { chosen, unwanted } = choose(endpointsOf(service(), http, [slice(endpoints)], 'IPv4'))
  const index = ({ address }: { address: string }): number => Number(address.split('.')[3])
  return { chosen: chosen.map(index), unwanted: unwanted.map(index) }
}

describe('choose', () => {
  const ready = { ready: true }
  const notReady = { ready: false }
  const leaving = { ready: false, serving: true, terminating: true }
  const gone = { ready: false, serving: false, terminating: true }
  it.each([
    ['ready ones only', [ready, notReady, leaving, gone], [0], [1, 2, 3]],
    ['absent conditions count as ready', [undefined, { ready: null, serving: null, terminating: null }], [0, 1], []],
    ['none ready: serving and terminating ones', [notReady, leaving, gone], [1], [0, 2]],
    ['serving, not ready, not terminating: never', [{ ready: false, serving: true }], [], [0]],
    ['none at all', [gone, notReady], [], [0, 1]],
  ])('%s', (_, conditions, chosen, unwanted) => {
    expect(names(conditions)).toEqual({ chosen, unwanted })
  })

  describe('hints', () => {
    const zone = (...names: string[]) => ({ forZones: names.map((name) => ({ name })) })
    const node = (...names: string[]) => ({ forNodes: names.map((name) => ({ name })) })
    const looker = { name: 'node-1', zone: 'z1' }
    const near = (hints: Endpoint['hints'][], at = looker, conditions?: Endpoint['conditions']) => {
      const endpoints = hints.map((hint, index) => ({
        ...endpoint(pod(`p${index}`, `10.42.0.${index}`), conditions ?? { ready: true }),
        ...(hint && { hints: hint }),
      }))
      const { chosen } = choose(endpointsOf(service(), http, [slice(endpoints)], 'IPv4'), at)
      return chosen.map(({ address }) => Number(address.split('.')[3]))
    }
    it.each<[string, Endpoint['hints'][], number[]]>([
      ['its zone', [zone('z1'), zone('z2'), zone('z1', 'z2')], [0, 2]],
      ['one without hints: none count', [zone('z1'), zone('z2'), undefined], [0, 1, 2]],
      ['nothing for its zone: none count', [zone('z2'), zone('z3')], [0, 1]],
      [
        'its node before its zone',
        [
          { ...zone('z1'), ...node('node-1') },
          { ...zone('z1'), ...node('node-2') },
        ],
        [0],
      ],
      [
        'no node hint for it: its zone',
        [
          { ...zone('z1'), ...node('node-2') },
          { ...zone('z2'), ...node('node-3') },
        ],
        [0],
      ],
      ['node hints only, for others', [node('node-2'), node('node-3')], [0, 1]],
    ])('%s', (_, hints, expected) => {
      expect(near(hints)).toEqual(expected)
    })

    it('do not count for a node without a zone, nor where none is ready', () => {
      expect(near([zone('z1'), zone('')], { name: 'node-1', zone: '' })).toEqual([0, 1])
      expect(near([zone('z1'), zone('z2')], looker, { ready: false, serving: true, terminating: true })).toEqual([0, 1])
    })
  })

  it('keeps what both nodes hold apart from what it is for', () => {
    expect(found([slice([endpoint(a), endpoint(b)])])).toEqual(['10.42.0.5:8080', '10.42.1.5:8080'])
  })
})
