import { describe, expect, it } from 'vitest'
import type { Endpoint, ServicePort } from '../../kube/types.ts'
import { choose, endpointsOf } from './endpoints.ts'
import { endpoint, pod, service, slice } from './testing.ts'

const a = pod('a', '10.42.0.5')
const b = pod('b', '10.42.1.5')
const http: ServicePort = { name: 'http', port: 80 }
const found = (slices: Parameters<typeof endpointsOf>[2], port = http, clusterIP = '10.43.0.10') =>
  endpointsOf(service(), port, slices, clusterIP).map(({ address, port }) => `${address}:${port}`)

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
    const [only, ...more] = endpointsOf(service(), http, [slice([leaving]), slice([endpoint(a)])], '10.43.0.10')
    expect([only?.terminating, more]).toEqual([false, []])
  })
})

const names = (conditions: Endpoint['conditions'][]): { chosen: number[]; unwanted: number[] } => {
  const endpoints = conditions.map((condition, index) => endpoint(pod(`p${index}`, `10.42.0.${index}`), condition))
  const { chosen, unwanted } = choose(endpointsOf(service(), http, [slice(endpoints)], '10.43.0.10'))
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

  it('keeps what both nodes hold apart from what it is for', () => {
    expect(found([slice([endpoint(a), endpoint(b)])])).toEqual(['10.42.0.5:8080', '10.42.1.5:8080'])
  })
})
