import { beforeEach, describe, expect, it } from 'vitest'
import type { NewObject } from '../../api/types.ts'
import type { Pod } from '../kinds.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
})

function addPod(name: string, spec: Record<string, unknown> = {}): void {
  const pod: NewObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'app:1' }], ...spec },
  }
  cluster.store.create('pods', pod)
  cluster.settle()
}

const pod = (name: string): Pod => cluster.store.get('pods', 'default', name) as Pod
const scheduled = (name: string) => pod(name).status?.conditions?.filter(({ type }) => type === 'PodScheduled')

describe('the scheduler', () => {
  it('binds a pod, says so, and hands it the zone', () => {
    cluster.addNode('n1', { 'topology.kubernetes.io/zone': 'z1' })
    addPod('a')
    expect(pod('a')).toMatchObject({
      metadata: { labels: { 'topology.kubernetes.io/zone': 'z1' }, generation: 1 },
      spec: { nodeName: 'n1' },
    })
    expect(scheduled('a')).toEqual([
      { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: '2026-01-01T12:00:00Z' },
    ])
    expect(cluster.told('a')).toEqual(['Scheduled: Successfully assigned default/a to n1'])
  })

  it('says once why a pod waits, and binds it when a node comes', () => {
    addPod('a')
    expect(scheduled('a')).toMatchObject([
      { status: 'False', reason: 'Unschedulable', message: 'no nodes available to schedule pods' },
    ])
    cluster.addNode('n1')
    cluster.settle()
    expect(pod('a').spec.nodeName).toBe('n1')
    expect(scheduled('a')).toMatchObject([{ status: 'True' }])
    expect(scheduled('a')?.[0]).not.toHaveProperty('reason')
  })

  it('waits for a cordon to be lifted and a node to be ready', () => {
    cluster.addNode('n1')
    cluster.edit('nodes', 'n1', (node) => (node['spec'] = { ...node['spec'], unschedulable: true }))
    addPod('a')
    expect(scheduled('a')?.[0]?.message).toContain('1 node(s) were unschedulable')
    cluster.setNode('n1', { ready: 'False' })
    cluster.edit('nodes', 'n1', (node) => delete node['spec'].unschedulable)
    expect(scheduled('a')?.[0]?.message).toContain('1 node(s) had untolerated taint(s)')
    cluster.setNode('n1', { ready: 'True' })
    cluster.clock.advance(200)
    expect(pod('a').spec.nodeName).toBe('n1')
  })

  it('gives a host port on when its pod is gone', () => {
    cluster.addNode('n1')
    const containers = [{ name: 'main', image: 'app:1', ports: [{ containerPort: 80, hostPort: 80 }] }]
    addPod('a', { containers })
    addPod('b', { containers })
    expect(scheduled('b')?.[0]?.message).toContain('free ports')
    cluster.store.remove('pods', 'default', 'a', { gracePeriodSeconds: 0 })
    cluster.settle()
    expect(pod('b').spec.nodeName).toBe('n1')
  })

  it('leaves pods alone that are bound, gated or of another scheduler', () => {
    cluster.addNode('n1')
    addPod('bound', { nodeName: 'elsewhere' })
    addPod('gated', { schedulingGates: [{ name: 'example.com/wait' }] })
    addPod('other', { schedulerName: 'mine' })
    expect(['bound', 'gated', 'other'].map((name) => pod(name).spec.nodeName)).toEqual([
      'elsewhere',
      undefined,
      undefined,
    ])
    expect(scheduled('gated')).toMatchObject([{ status: 'False', reason: 'SchedulingGated' }])
  })
})
