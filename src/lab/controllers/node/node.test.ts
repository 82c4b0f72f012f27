import { beforeEach, describe, expect, it } from 'vitest'
import type { Node, Pod } from '../kinds.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  for (const name of ['n1', 'n2']) cluster.addNode(name)
})

const node = (name: string): Node => cluster.store.get('nodes', undefined, name) as Node
const ready = (name: string) => node(name).status?.conditions?.find(({ type }) => type === 'Ready')
const taints = (name: string): string[] => (node(name).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`)

/** Time passes, with both nodes or one renewing their Leases every ten seconds. */
function pass(seconds: number, ...alive: string[]): void {
  for (let passed = 0; passed < seconds; passed += 10) {
    for (const name of alive) cluster.renewLease(name)
    cluster.clock.advance(10_000)
  }
}

describe('a node whose Lease is not renewed', () => {
  beforeEach(() => {
    cluster.expose('web')
    cluster.deploy('web', 2)
    cluster.kubelet()
    pass(60, 'n1', 'n2')
  })

  it('is lost after 50 seconds, and its endpoints are not ready', () => {
    expect(ready('n2')?.status).toBe('True')
    pass(30, 'n1')
    expect(ready('n2')?.status).toBe('True')
    pass(10, 'n1')
    cluster.clock.advance(200)
    expect(ready('n2')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    })
    expect(ready('n1')?.status).toBe('True')
    expect(node('n2').status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'MemoryPressure', reason: 'NodeStatusNeverUpdated' }),
    )
    expect(taints('n2')).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ])
    const endpoints = cluster.slices('web')[0]?.endpoints ?? []
    expect(endpoints.map(({ nodeName, conditions }) => `${nodeName} ${conditions.ready}`).sort()).toEqual([
      'n1 true',
      'n2 false',
    ])
    expect(cluster.deployment('web').status).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 })
  })

  it('is itself again when it is heard of', () => {
    pass(120, 'n1')
    expect(ready('n2')?.status).toBe('Unknown')
    cluster.renewLease('n2')
    cluster.clock.advance(200)
    expect(ready('n2')).toMatchObject({ status: 'True', reason: 'KubeletReady', message: 'ready' })
    expect(node('n2').status?.conditions?.length).toBe(1)
    expect(taints('n2')).toEqual([])
    expect(cluster.deployment('web').status).toMatchObject({ readyReplicas: 2 })
    pass(60, 'n1', 'n2')
    cluster.writes()
    pass(60, 'n1', 'n2')
    expect(cluster.writes().filter((write) => !write.includes('leases'))).toEqual([])
  })

  it('stays lost after a restart of the controllers, and comes back', () => {
    pass(60, 'n1')
    cluster.controllers.close()
    cluster.start()
    pass(10, 'n1')
    expect(ready('n2')?.status).toBe('Unknown')
    cluster.renewLease('n2')
    cluster.settle()
    expect(ready('n2')).toMatchObject({ status: 'True', reason: 'KubeletReady' })
    expect(cluster.deployment('web').status).toMatchObject({ readyReplicas: 2 })
  })

  it('gives pods no readiness that their containers do not have', () => {
    const lost = cluster.pods().find(({ spec }) => spec.nodeName === 'n2') as Pod
    pass(60, 'n1')
    cluster.runPod(lost, false)
    cluster.renewLease('n2')
    cluster.settle()
    expect(cluster.deployment('web').status).toMatchObject({ readyReplicas: 1 })
  })
})

describe('nodes without a Lease', () => {
  it('are nobody’s to watch', () => {
    cluster.clock.advance(600_000)
    expect(ready('n1')?.status).toBe('True')
  })
})

describe('taints', () => {
  it('follow cordon and readiness, and leave others alone', () => {
    cluster.edit(
      'nodes',
      'n1',
      (one) => (one['spec'] = { ...one['spec'], unschedulable: true, taints: [{ key: 'mine', effect: 'NoSchedule' }] }),
    )
    expect(taints('n1')).toEqual(['mine:NoSchedule', 'node.kubernetes.io/unschedulable:NoSchedule'])
    cluster.edit('nodes', 'n1', (one) => delete one['spec'].unschedulable)
    expect(taints('n1')).toEqual(['mine:NoSchedule'])
    cluster.setNode('n1', { ready: 'False' })
    cluster.clock.advance(200)
    expect(taints('n1')).toEqual([
      'mine:NoSchedule',
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ])
    cluster.setNode('n1', { ready: 'True' })
    cluster.clock.advance(200)
    expect(taints('n1')).toEqual(['mine:NoSchedule'])
  })
})
