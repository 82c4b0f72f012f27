import { beforeEach, describe, expect, it } from 'vitest'
import { compareText } from '../objects.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  const metadata = { name: 'manual', namespace: 'default' }
  cluster.store.create('services', { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } })
})

function write(addresses: string[], labels: Record<string, string> = {}): void {
  const metadata = { name: 'manual', namespace: 'default', labels }
  const subsets = addresses.length > 0 ? [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port: 80 }] }] : []
  const object = { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets }
  if (cluster.store.get('endpoints', 'default', 'manual') === undefined) cluster.store.create('endpoints', object)
  else cluster.edit('endpoints', 'manual', (one) => Object.assign(one, { subsets }))
  cluster.settle()
}

const shown = (): string[] =>
  cluster
    .slices('manual')
    .map(({ addressType, endpoints }) =>
      [addressType, ...(endpoints ?? []).flatMap(({ addresses }) => addresses).sort(compareText)].join(' '),
    )
    .sort(compareText)

describe('Endpoints made by hand', () => {
  it('are mirrored by family, followed, and go', () => {
    write(['192.0.2.1', '2001:db8::1'])
    expect(shown()).toEqual(['IPv4 192.0.2.1', 'IPv6 2001:db8::1'])
    write(['192.0.2.1', '192.0.2.2'])
    expect(shown()).toEqual(['IPv4 192.0.2.1 192.0.2.2'])
    cluster.store.remove('endpoints', 'default', 'manual')
    cluster.settle()
    expect(shown()).toEqual([])
  })

  it('are not where they say so', () => {
    write(['192.0.2.1'], { 'endpointslice.kubernetes.io/skip-mirror': 'true' })
    expect(shown()).toEqual([])
  })
})
