import { beforeEach, expect, it } from 'vitest'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  cluster.addNode('n1')
  cluster.deploy('web', 4)
  cluster.kubelet()
})

function statusWith(spec: object): object {
  const selector = { matchLabels: { app: 'web' } }
  const metadata = { name: 'pdb', namespace: 'default' }
  const object = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec: { selector, ...spec } }
  cluster.store.create('poddisruptionbudgets', object)
  cluster.settle()
  return cluster.store.get('poddisruptionbudgets', 'default', 'pdb')?.['status']
}

it.each([
  [{ minAvailable: 3 }, { expectedPods: 4, desiredHealthy: 3, currentHealthy: 4, disruptionsAllowed: 1 }],
  [{ minAvailable: '60%' }, { expectedPods: 4, desiredHealthy: 3, disruptionsAllowed: 1 }],
  [{ maxUnavailable: '30%' }, { expectedPods: 4, desiredHealthy: 2, disruptionsAllowed: 2 }],
  [{ maxUnavailable: 0 }, { expectedPods: 4, desiredHealthy: 4, disruptionsAllowed: 0 }],
])('a budget of %j', (spec, expected) => {
  expect(statusWith(spec)).toMatchObject(expected)
})

it('follows the readiness of pods', () => {
  statusWith({ maxUnavailable: 1 })
  for (const pod of cluster.pods().slice(0, 1)) cluster.runPod(pod, false)
  cluster.settle()
  expect(cluster.store.get('poddisruptionbudgets', 'default', 'pdb')?.['status']).toMatchObject({
    currentHealthy: 3,
    disruptionsAllowed: 0,
    conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }],
  })
})
