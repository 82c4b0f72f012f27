import { beforeEach, describe, expect, it } from 'vitest'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  cluster.addNode('n1')
})

function addPod(name: string, tolerations: object[]): void {
  const containers = [{ name: 'main', image: 'app:1' }]
  const metadata = { name, namespace: 'default' }
  cluster.store.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, tolerations } })
  cluster.kubelet()
}

const taint = (taints: object[]): void =>
  cluster.edit('nodes', 'n1', (node) => (node['spec'] = { ...node['spec'], taints }))
const isLeaving = (name: string): boolean =>
  cluster.pods().find(({ metadata }) => metadata.name === name)?.metadata.deletionTimestamp !== undefined

describe('a taint that evicts', () => {
  it('deletes what does not tolerate it, at once or when its time is over', () => {
    addPod('none', [])
    addPod('some', [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 }])
    addPod('ever', [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }])
    taint([{ key: 'k', effect: 'NoExecute' }])
    expect(['none', 'some', 'ever'].map(isLeaving)).toEqual([true, false, false])
    cluster.clock.advance(21_000)
    expect(['some', 'ever'].map(isLeaving)).toEqual([true, false])
    const [pod] = cluster.pods().filter(({ metadata }) => metadata.name === 'some')
    expect(pod?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', reason: 'DeletionByTaintManager' }),
    )
  })

  it('spares pods when it goes in time', () => {
    addPod('some', [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 }])
    taint([{ key: 'k', effect: 'NoExecute' }])
    cluster.clock.advance(10_000)
    taint([])
    cluster.clock.advance(60_000)
    expect(isLeaving('some')).toBe(false)
    expect(cluster.told('some')).toContain('TaintManagerEviction: Cancelling deletion of Pod default/some')
  })
})
