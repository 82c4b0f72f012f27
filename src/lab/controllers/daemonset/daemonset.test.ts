import { beforeEach, describe, expect, it } from 'vitest'
import type { DaemonSet, Pod } from '../kinds.ts'
import { compareText } from '../objects.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  for (const name of ['n1', 'n2', 'n3']) cluster.addNode(name, { kind: name === 'n3' ? 'gpu' : 'cpu' })
})

function create(spec: Record<string, unknown> = {}, podSpec: Record<string, unknown> = {}): void {
  const containers = [{ name: 'main', image: 'agent:1' }]
  const template = { metadata: { labels: { app: 'agent' } }, spec: { containers, ...podSpec } }
  const metadata = { name: 'agent', namespace: 'default' }
  const whole = { selector: { matchLabels: { app: 'agent' } }, template, ...spec }
  cluster.store.create('daemonsets', { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec: whole })
  cluster.settle()
}

const set = (): DaemonSet => cluster.store.get('daemonsets', 'default', 'agent') as DaemonSet
const setImage = (image: string): void =>
  cluster.edit('daemonsets', 'agent', ({ spec }) => (spec.template.spec.containers[0].image = image))

/** `n1 agent:1`, with `-` for those that terminate. */
const shown = (): string[] =>
  cluster
    .pods()
    .map(({ spec, metadata }) => {
      const { image } = spec.containers[0] as unknown as { image: string }
      return `${metadata.deletionTimestamp === undefined ? '' : '-'}${spec.nodeName} ${image}`
    })
    .sort()

const taint = (name: string, effect: string): void =>
  cluster.edit('nodes', name, (node) => (node['spec'] = { ...node['spec'], taints: [{ key: 'mine', effect }] }))

describe('a DaemonSet', () => {
  it('has a pod on each node, and on those that come', () => {
    create()
    cluster.kubelet()
    expect(shown()).toEqual(['n1 agent:1', 'n2 agent:1', 'n3 agent:1'])
    expect(set().status).toMatchObject({ desiredNumberScheduled: 3, numberReady: 3, numberAvailable: 3 })
    cluster.addNode('n4')
    cluster.kubelet()
    expect(shown().length).toBe(4)
  })

  it('goes where its selector says', () => {
    create({}, { nodeSelector: { kind: 'gpu' } })
    cluster.kubelet()
    expect(shown()).toEqual(['n3 agent:1'])
    cluster.edit('nodes', 'n3', ({ metadata }) => (metadata.labels = { kind: 'cpu' }))
    cluster.kubelet()
    expect(shown()).toEqual([])
  })

  it('goes to cordoned nodes, not to tainted ones; a pod that is there stays unless the taint evicts', () => {
    taint('n1', 'NoSchedule')
    cluster.edit('nodes', 'n2', (node) => (node['spec'] = { unschedulable: true }))
    create()
    cluster.kubelet()
    expect(shown()).toEqual(['n2 agent:1', 'n3 agent:1'])
    taint('n3', 'NoSchedule')
    cluster.kubelet()
    expect(shown()).toEqual(['n2 agent:1', 'n3 agent:1'])
    expect(set().status).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 })
    taint('n3', 'NoExecute')
    cluster.kubelet()
    expect(shown()).toEqual(['n2 agent:1'])
  })

  it('replaces a pod that has failed', () => {
    create()
    cluster.kubelet()
    const first = cluster.pods()[0] as Pod
    cluster.store.updateStatus('pods', { ...structuredClone(first), status: { phase: 'Failed' } })
    cluster.kubelet()
    expect(shown().length).toBe(3)
    expect(cluster.told('agent').some((line) => line.startsWith('FailedDaemonPod: Found failed daemon pod'))).toBe(true)
  })
})

describe('an update', () => {
  it('takes as many at a time as may be missing', () => {
    create({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2, maxSurge: 0 } } })
    cluster.kubelet()
    setImage('agent:2')
    expect(shown()).toEqual(['-n1 agent:1', '-n2 agent:1', 'n3 agent:1'])
    cluster.kubelet()
    expect(shown()).toEqual(['n1 agent:2', 'n2 agent:2', 'n3 agent:2'])
    expect(set().status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 })
  })

  it('starts the new beside the old where there may be more', () => {
    create({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } })
    cluster.kubelet()
    setImage('agent:2')
    expect(shown()).toEqual(['n1 agent:1', 'n1 agent:2', 'n2 agent:1', 'n3 agent:1'])
    cluster.kubelet()
    expect(shown()).toEqual(['n1 agent:2', 'n2 agent:2', 'n3 agent:2'])
  })

  it('waits for hands with OnDelete', () => {
    create({ updateStrategy: { type: 'OnDelete' } })
    cluster.kubelet()
    setImage('agent:2')
    cluster.kubelet()
    expect(shown()).toEqual(['n1 agent:1', 'n2 agent:1', 'n3 agent:1'])
    const one = cluster.pods().find(({ spec }) => spec.nodeName === 'n2')
    cluster.store.remove('pods', 'default', one?.metadata.name ?? '')
    cluster.kubelet()
    expect(shown()).toEqual(['n1 agent:1', 'n2 agent:2', 'n3 agent:1'])
  })

  it('keeps as many revisions as it is told to', () => {
    create({ revisionHistoryLimit: 1 })
    cluster.kubelet()
    for (const version of [2, 3, 4]) {
      setImage(`agent:${version}`)
      cluster.kubelet()
    }
    cluster.settle()
    const revisions = cluster.store.list('controllerrevisions', 'default').map(({ revision }) => String(revision))
    expect(revisions.sort(compareText)).toEqual(['3', '4'])
  })
})
