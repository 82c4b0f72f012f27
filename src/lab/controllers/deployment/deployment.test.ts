import { beforeEach, describe, expect, it } from 'vitest'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  for (const name of ['n1', 'n2', 'n3']) cluster.addNode(name)
})

const nameOfCurrent = (): string => cluster.replicaSets().at(-1)?.metadata.name ?? ''

describe('a new Deployment', () => {
  it('makes a ReplicaSet and pods, spread over the nodes', () => {
    cluster.deploy('web', 3)
    const [replicaSet] = cluster.replicaSets()
    const hash = replicaSet?.metadata.labels?.['pod-template-hash'] ?? ''
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5,10}$/)
    expect(replicaSet?.metadata).toMatchObject({
      name: `web-${hash}`,
      labels: { app: 'web', 'pod-template-hash': hash },
      annotations: {
        'deployment.kubernetes.io/desired-replicas': '3',
        'deployment.kubernetes.io/max-replicas': '4',
        'deployment.kubernetes.io/revision': '1',
      },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', controller: true, blockOwnerDeletion: true },
      ],
      generation: 1,
    })
    expect(replicaSet?.spec.selector).toEqual({ matchLabels: { app: 'web', 'pod-template-hash': hash } })
    expect(new Set(cluster.pods().map(({ spec }) => spec.nodeName))).toEqual(new Set(['n1', 'n2', 'n3']))
    for (const { metadata } of cluster.pods())
      expect(metadata.name).toMatch(new RegExp(`^web-${hash}-[bcdfghjklmnpqrstvwxz2456789]{5}$`))
    expect(cluster.deployment('web').metadata.annotations).toEqual({ 'deployment.kubernetes.io/revision': '1' })
  })

  it('tells how far it is, as a real one does', () => {
    cluster.deploy('web', 3)
    const time = '2026-01-01T12:00:00Z'
    const name = nameOfCurrent()
    expect(cluster.deployment('web').status).toEqual({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      unavailableReplicas: 3,
      terminatingReplicas: 0,
      conditions: [
        {
          type: 'Available',
          status: 'False',
          lastUpdateTime: time,
          lastTransitionTime: time,
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
        {
          type: 'Progressing',
          status: 'True',
          lastUpdateTime: time,
          lastTransitionTime: time,
          reason: 'ReplicaSetUpdated',
          message: `ReplicaSet "${name}" is progressing.`,
        },
      ],
    })
    cluster.clock.advance(5000)
    cluster.kubelet()
    const later = '2026-01-01T12:00:05Z'
    expect(cluster.deployment('web').status).toEqual({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      terminatingReplicas: 0,
      conditions: [
        {
          type: 'Available',
          status: 'True',
          lastUpdateTime: later,
          lastTransitionTime: later,
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        },
        {
          type: 'Progressing',
          status: 'True',
          lastUpdateTime: later,
          lastTransitionTime: time,
          reason: 'NewReplicaSetAvailable',
          message: `ReplicaSet "${name}" has successfully progressed.`,
        },
      ],
    })
    expect(cluster.told('web')).toEqual([`ScalingReplicaSet: Scaled up replica set ${name} from 0 to 3`])
    expect(cluster.log).toEqual([])
  })

  it('comes to rest', () => {
    cluster.deploy('web', 3)
    cluster.kubelet()
    cluster.writes()
    cluster.clock.advance(3_600_000)
    expect(cluster.writes()).toEqual([])
  })
})

describe('readiness lost and regained', () => {
  it('changes Available alone; conditions that change go last', () => {
    cluster.deploy('web', 3)
    cluster.kubelet()
    const [pod] = cluster.pods()
    if (pod !== undefined) cluster.runPod(pod, false)
    cluster.settle()
    const status = cluster.deployment('web').status
    expect(status).toMatchObject({ readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1 })
    expect(status?.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'Progressing NewReplicaSetAvailable',
      'Available MinimumReplicasUnavailable',
    ])
  })
})

describe('a rolling update', () => {
  beforeEach(() => {
    cluster.deploy('web', 3)
    cluster.kubelet()
  })

  it('goes one pod at a time where 25% of 3 is one more and none less', () => {
    cluster.setImage('web', 'app:2')
    expect(cluster.sizes()).toEqual([3, 1])
    expect(cluster.deployment('web').status).toMatchObject({
      observedGeneration: 2,
      replicas: 4,
      updatedReplicas: 1,
      unavailableReplicas: 1,
    })
    expect(cluster.condition('web', 'Available')).toBe('True MinimumReplicasAvailable')
    expect(cluster.condition('web', 'Progressing')).toBe('True ReplicaSetUpdated')
    const fresh = cluster.pods().find(({ status }) => status?.phase === 'Pending')
    if (fresh !== undefined) cluster.runPod(fresh)
    cluster.settle()
    expect(cluster.sizes()).toEqual([2, 2])
    expect(cluster.deployment('web').status).toMatchObject({ replicas: 4, updatedReplicas: 2, terminatingReplicas: 1 })
    cluster.kubelet()
    expect(cluster.sizes()).toEqual([0, 3])
    expect(cluster.condition('web', 'Progressing')).toBe('True NewReplicaSetAvailable')
    expect(cluster.deployment('web').metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '2' })
    expect(cluster.replicaSets()[0]?.status).toEqual({ replicas: 0, terminatingReplicas: 0, observedGeneration: 4 })
    const [old, current] = cluster.replicaSets().map(({ metadata }) => metadata.name)
    expect(cluster.told('web').slice(1)).toEqual([
      `ScalingReplicaSet: Scaled up replica set ${current} from 0 to 1`,
      `ScalingReplicaSet: Scaled down replica set ${old} from 3 to 2`,
      `ScalingReplicaSet: Scaled up replica set ${current} from 1 to 2`,
      `ScalingReplicaSet: Scaled down replica set ${old} from 2 to 1`,
      `ScalingReplicaSet: Scaled up replica set ${current} from 2 to 3`,
      `ScalingReplicaSet: Scaled down replica set ${old} from 1 to 0`,
    ])
  })

  it('takes the old ReplicaSet again for the old template', () => {
    const first = nameOfCurrent()
    cluster.setImage('web', 'app:2')
    cluster.kubelet()
    cluster.setImage('web', 'app:1')
    cluster.kubelet()
    expect(cluster.sizes()).toEqual([0, 3])
    expect(nameOfCurrent()).toBe(first)
    expect(cluster.replicaSets().at(-1)?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    })
  })

  it('keeps as much history as it is told to', () => {
    cluster.edit('deployments', 'web', (deployment) => (deployment['spec'].revisionHistoryLimit = 1))
    for (const image of ['app:2', 'app:3', 'app:4']) {
      cluster.setImage('web', image)
      cluster.kubelet()
    }
    expect(
      cluster.replicaSets().map(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision']),
    ).toEqual(['3', '4'])
  })

  it('is shared out when scaled in the middle', () => {
    cluster.edit('deployments', 'web', (deployment) => (deployment['spec'].replicas = 8))
    cluster.kubelet()
    cluster.setImage('web', 'app:2')
    expect(cluster.sizes()).toEqual([6, 4])
    cluster.edit('deployments', 'web', (deployment) => (deployment['spec'].replicas = 16))
    expect(cluster.sizes()).toEqual([12, 8])
    cluster.kubelet()
    expect(cluster.sizes()).toEqual([0, 16])
  })

  it('does nothing while paused but scale', () => {
    cluster.edit('deployments', 'web', (deployment) => (deployment['spec'].paused = true))
    cluster.setImage('web', 'app:2')
    cluster.kubelet()
    expect(cluster.sizes()).toEqual([3])
    expect(cluster.condition('web', 'Progressing')).toBe('Unknown DeploymentPaused')
    cluster.edit('deployments', 'web', (deployment) => (deployment['spec'].replicas = 4))
    expect(cluster.sizes()).toEqual([4])
    cluster.edit('deployments', 'web', (deployment) => delete deployment['spec'].paused)
    cluster.kubelet()
    expect(cluster.sizes()).toEqual([0, 4])
    expect(cluster.condition('web', 'Progressing')).toBe('True NewReplicaSetAvailable')
  })

  it('says so when it does not get on', () => {
    cluster.setImage('web', 'app:broken')
    cluster.clock.advance(599_000)
    expect(cluster.condition('web', 'Progressing')).toBe('True ReplicaSetUpdated')
    cluster.clock.advance(1000)
    expect(cluster.condition('web', 'Progressing')).toBe('False ProgressDeadlineExceeded')
    cluster.kubelet()
    expect(cluster.condition('web', 'Progressing')).toBe('True NewReplicaSetAvailable')
  })
})

describe('Recreate', () => {
  it('waits until the last old pod is gone', () => {
    cluster.deploy('web', 2, { strategy: { type: 'Recreate' } })
    cluster.kubelet()
    cluster.setImage('web', 'app:2')
    expect(cluster.sizes()).toEqual([0])
    const [first, second] = cluster.pods()
    if (first !== undefined) cluster.endPod(first)
    expect(cluster.sizes()).toEqual([0])
    if (second !== undefined) cluster.endPod(second)
    expect(cluster.sizes()).toEqual([0, 2])
    cluster.kubelet()
    expect(cluster.condition('web', 'Progressing')).toBe('True NewReplicaSetAvailable')
  })
})

describe('minReadySeconds', () => {
  it('counts from when a pod became Ready', () => {
    cluster.deploy('web', 1, { minReadySeconds: 10 })
    cluster.kubelet()
    expect(cluster.deployment('web').status).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 })
    cluster.clock.advance(10_000)
    expect(cluster.deployment('web').status).toMatchObject({ readyReplicas: 1, availableReplicas: 1 })
    expect(cluster.condition('web', 'Progressing')).toBe('True NewReplicaSetAvailable')
  })
})

describe('pods', () => {
  beforeEach(() => {
    cluster.deploy('web', 3)
    cluster.kubelet()
  })

  it('are replaced when deleted, before they are gone', () => {
    const [pod] = cluster.pods()
    cluster.store.remove('pods', 'default', pod?.metadata.name ?? '')
    cluster.settle()
    expect(cluster.pods().length).toBe(4)
    expect(cluster.deployment('web').status).toMatchObject({
      replicas: 3,
      readyReplicas: 2,
      unavailableReplicas: 1,
      terminatingReplicas: 1,
    })
  })

  it('are replaced when failed', () => {
    const [pod] = cluster.pods()
    if (pod !== undefined)
      cluster.store.updateStatus('pods', { ...structuredClone(pod), status: { ...pod.status, phase: 'Failed' } })
    cluster.settle()
    expect(cluster.pods().length).toBe(4)
  })

  it('are let go when their labels change, and taken back', () => {
    const name = cluster.pods()[0]?.metadata.name ?? ''
    cluster.edit('pods', name, (pod) => (pod.metadata.labels = { app: 'other' }))
    expect(cluster.pods().length).toBe(4)
    expect(cluster.store.get('pods', 'default', name)?.metadata.ownerReferences ?? []).toEqual([])
    const labels = { ...cluster.replicaSets()[0]?.metadata.labels }
    cluster.edit('pods', name, (pod) => (pod.metadata.labels = labels))
    expect(cluster.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined).length).toBe(3)
    cluster.kubelet()
    expect(cluster.pods().length).toBe(3)
  })

  it('go with scaling down', () => {
    cluster.edit('deployments', 'web', (deployment) => (deployment['spec'].replicas = 1))
    expect(cluster.replicaSets()[0]?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/desired-replicas': '1',
      'deployment.kubernetes.io/max-replicas': '2',
    })
    cluster.kubelet()
    expect(cluster.pods().length).toBe(1)
    expect(cluster.deployment('web').status).toMatchObject({ replicas: 1, availableReplicas: 1 })
  })
})

describe('deletion', () => {
  it('takes ReplicaSets and pods along', () => {
    cluster.deploy('web', 3)
    cluster.kubelet()
    cluster.store.remove('deployments', 'default', 'web')
    cluster.kubelet()
    expect([cluster.replicaSets(), cluster.pods()]).toEqual([[], []])
    expect(cluster.log).toEqual([])
  })

  it('of the namespace ends quietly', () => {
    cluster.store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } })
    cluster.deploy('web', 2)
    const copy = structuredClone(cluster.deployment('web'))
    const { uid: _uid, resourceVersion: _version, ...metadata } = { ...copy.metadata, namespace: 'other' }
    cluster.store.create('deployments', { ...copy, metadata })
    cluster.kubelet()
    cluster.store.remove('namespaces', undefined, 'other')
    cluster.kubelet()
    expect(cluster.store.list('pods', 'other')).toEqual([])
    expect(cluster.store.get('namespaces', undefined, 'other')).toBeUndefined()
    expect(cluster.log).toEqual([])
  })
})

it('is taken over by controllers that start later', () => {
  cluster.controllers.close()
  cluster.deploy('web', 2)
  expect(cluster.pods()).toEqual([])
  cluster.start()
  cluster.kubelet()
  expect(cluster.deployment('web').status).toMatchObject({ availableReplicas: 2 })
  cluster.controllers.close()
  cluster.writes()
  cluster.start()
  cluster.settle()
  expect(cluster.writes()).toEqual([])
})

it('finds another name when the hash is taken', () => {
  cluster.deploy('web', 1)
  const { metadata, spec } = structuredClone(cluster.replicaSets()[0] ?? { metadata: undefined, spec: undefined })
  cluster.store.remove('deployments', 'default', 'web')
  cluster.kubelet()
  const other = {
    ...spec,
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: spec?.template.spec },
  }
  cluster.store.create('replicasets', {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: metadata?.name ?? '', namespace: 'default' },
    spec: { ...other, replicas: 0 },
  })
  cluster.deploy('web', 1)
  cluster.kubelet()
  expect(cluster.deployment('web').status).toMatchObject({ collisionCount: 1, availableReplicas: 1 })
})
