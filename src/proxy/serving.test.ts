import { describe, expect, it } from 'vitest'
import { isServing, stoppedServing } from './serving.ts'
import { testEndpoint, testPort, testService, testSlice, testView } from './testing.fixture.ts'

const ports = [{ name: 'dns', protocol: 'UDP' as const, port: 5353 }]
const draining = testEndpoint('10.42.0.5', { ready: false, terminating: true })
const done = testEndpoint('10.42.0.6', { ready: false, serving: false, terminating: true })

describe('an endpoint that serves on', () => {
  const view = testView()
  const port = testPort({ name: 'dns', protocol: 'UDP', port: 53, nodePort: 30053 })
  view.services.set('default/dns', testService('dns', { ports: [port], externalIPs: ['203.0.113.5'] }))
  view.slices.set('default/dns-1', testSlice('dns', [draining, done], { ports }))

  it.each<[string, string, number, string, number, boolean]>([
    ['by its ClusterIP', '10.43.0.10', 53, '10.42.0.5', 5353, true],
    ['by an external IP', '203.0.113.5', 53, '10.42.0.5', 5353, true],
    ['by the node port', '172.30.0.11', 30053, '10.42.0.5', 5353, true],
    ['that does no more', '10.43.0.10', 53, '10.42.0.6', 5353, false],
    ['at another port', '10.43.0.10', 53, '10.42.0.5', 53, false],
    ['by a port that its Service does not have', '10.43.0.10', 54, '10.42.0.5', 5353, false],
    ['of another Service', '10.43.0.11', 53, '10.42.0.5', 5353, false],
  ])('%s', (_name, destination, destinationPort, endpoint, endpointPort, expected) => {
    const of = { destination, destinationPort, endpoint, endpointPort }
    expect(isServing(view, 'IPv4', 'UDP', of)).toBe(expected)
    expect(isServing(view, 'IPv4', 'TCP', of)).toBe(false)
    expect(isServing(view, 'IPv6', 'UDP', of)).toBe(false)
  })
})

describe('what served until now', () => {
  const slice = (...endpoints: Parameters<typeof testSlice>[1]) => testSlice('dns', endpoints, { ports })
  const stopped = (old: ReturnType<typeof slice> | undefined, now: ReturnType<typeof slice> | undefined) => [
    ...stoppedServing(new Map([['x', { old, now }]]), 'IPv4', 'UDP'),
  ]

  it('is who is gone or says so, of the family and protocol', () => {
    const ready = testEndpoint('10.42.0.5')
    expect(stopped(undefined, slice(ready))).toEqual([])
    expect(stopped(slice(ready), slice(draining))).toEqual([])
    expect(stopped(slice(draining), undefined)).toEqual(['10.42.0.5 . 5353'])
    expect(stopped(slice(draining), slice({ ...draining, serving: false }))).toEqual(['10.42.0.5 . 5353'])
    expect(stopped(slice(done), undefined)).toEqual([])
    expect(stopped({ ...slice(ready), family: 'IPv6' }, undefined)).toEqual([])
    expect(stopped(testSlice('dns', [ready]), undefined)).toEqual([])
  })
})
