import { describe, expect, it } from 'vitest'
import { testEndpoint, testService, testSlice, testView } from '../proxy/testing.fixture.ts'
import { ServiceCounts } from './service-counts.ts'

describe('Services without endpoints on this node', () => {
  const view = testView()
  const counts = new ServiceCounts(view, 'n1')
  const put = (name: string, internal: 'Local' | 'Cluster', external: 'Local' | 'Cluster', node?: string): void => {
    const over = { internalTrafficPolicy: internal, externalTrafficPolicy: external, type: 'NodePort' } as const
    view.services.set(`default/${name}`, testService(name, over))
    const endpoints = node === undefined ? [] : [testEndpoint('10.42.0.2', { nodeName: node })]
    view.slices.set(`default/${name}-1`, testSlice(name, endpoints))
  }

  it('29 30 count by policy and family, if they have endpoints elsewhere', () => {
    put('outside', 'Cluster', 'Local', 'n2')
    put('inside', 'Local', 'Cluster', 'n2')
    put('both', 'Local', 'Local', 'n2')
    put('here', 'Local', 'Local', 'n1')
    put('nobody', 'Local', 'Local')
    put('cluster', 'Cluster', 'Cluster', 'n2')
    expect(counts.withoutLocalEndpoints('IPv4')).toEqual({ internal: 2, external: 2 })
    expect(counts.withoutLocalEndpoints('IPv6')).toEqual({ internal: 0, external: 0 })
  })
})
