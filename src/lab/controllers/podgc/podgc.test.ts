import { beforeEach, expect, it } from 'vitest'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  cluster.addNode('n1')
  cluster.deploy('web', 1)
  cluster.kubelet()
})

it('removes pods of a node that stays away, and only then', () => {
  cluster.store.remove('nodes', undefined, 'n1')
  cluster.clock.advance(39_000)
  expect(cluster.pods().length).toBe(1)
  const [lost] = cluster.pods()
  cluster.clock.advance(1000)
  expect(cluster.pods().some(({ metadata }) => metadata.uid === lost?.metadata.uid)).toBe(false)
  expect(cluster.pods().map(({ spec }) => spec.nodeName)).toEqual([undefined])
})

it('keeps pods of a node that comes back', () => {
  cluster.store.remove('nodes', undefined, 'n1')
  cluster.clock.advance(30_000)
  cluster.addNode('n1')
  cluster.clock.advance(600_000)
  expect(cluster.pods().map(({ spec }) => spec.nodeName)).toEqual(['n1'])
  cluster.store.remove('nodes', undefined, 'n1')
  cluster.clock.advance(30_000)
  expect(cluster.pods().length).toBe(1)
})
