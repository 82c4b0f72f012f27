import { describe, expect, it } from 'vitest'
import type { Endpoints } from '../kinds.ts'
import { TestCluster } from '../test-cluster.ts'

describe('Endpoints of a Service', () => {
  it('hold at most 1,000 addresses, and say so', () => {
    const cluster = new TestCluster()
    cluster.addNode('n1')
    cluster.expose('web')
    cluster.deploy('web', 1010)
    cluster.kubelet()
    cluster.clock.advance(2000)
    const { subsets, metadata } = cluster.store.get('endpoints', 'default', 'web') as Endpoints
    expect(subsets?.[0]?.addresses?.length).toBe(1000)
    expect(metadata.annotations?.['endpoints.kubernetes.io/over-capacity']).toBe('truncated')
  })

  it('go with the Service', () => {
    const cluster = new TestCluster()
    cluster.expose('web')
    expect(cluster.store.get('endpoints', 'default', 'web')).toBeDefined()
    cluster.store.remove('services', 'default', 'web')
    cluster.settle()
    expect(cluster.store.get('endpoints', 'default', 'web')).toBeUndefined()
  })
})
