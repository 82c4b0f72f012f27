import { describe, expect, it } from 'vitest'
import type { Pod, ReplicaSet } from '../kinds.ts'
import { missingReplicas, newPod, nextAvailableInMs, replicaSetStatus, surplusPods } from './plan.ts'

const noon = Date.parse('2026-01-01T12:00:00Z')
const metadata = { uid: 'rs-uid', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
const replicaSet = (replicas: number, minReadySeconds = 0): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { ...metadata, name: 'web-abc', namespace: 'default', generation: 4 },
  spec: {
    replicas,
    minReadySeconds,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web', tier: 'front' } }, spec: { containers: [{ name: 'main' }] } },
  },
})

interface PodFacts {
  node?: string
  phase?: string
  readySince?: string
  created?: string
  restarts?: number
  cost?: string
  terminating?: boolean
  labels?: Record<string, string>
}

const pod = (name: string, facts: PodFacts = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadata,
    name,
    labels: facts.labels ?? { app: 'web', tier: 'front' },
    creationTimestamp: facts.created ?? metadata.creationTimestamp,
    ...(facts.cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': facts.cost } }),
    ...(facts.terminating === true ? { deletionTimestamp: metadata.creationTimestamp } : {}),
  },
  spec: { containers: [], ...(facts.node === undefined ? {} : { nodeName: facts.node }) },
  status: {
    phase: facts.phase ?? 'Running',
    conditions:
      facts.readySince === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: facts.readySince }],
    containerStatuses: [{ restartCount: facts.restarts ?? 0 }],
  },
})

describe('surplusPods', () => {
  const ready: PodFacts = { node: 'n1', readySince: '2026-01-01T01:00:00Z' }
  it.each<[string, PodFacts, PodFacts]>([
    ['one without a node', {}, ready],
    ['a pending one', { node: 'n1', phase: 'Pending' }, { node: 'n1' }],
    ['one that is not ready', { node: 'n1' }, ready],
    ['the cheaper one', { ...ready, cost: '-5' }, ready],
    ['the one ready for a shorter time', { ...ready, readySince: '2026-01-01T02:00:00Z' }, ready],
    ['the one restarted more often', { ...ready, restarts: 3 }, ready],
    ['the newer one', { ...ready, created: '2026-01-01T00:30:00Z' }, ready],
  ])('takes %s', (_what, doomed, kept) => {
    const pods = [pod('kept', kept), pod('doomed', doomed)]
    expect(surplusPods(pods, 1, []).map(({ metadata: { name } }) => name)).toEqual(['doomed'])
  })

  it('takes one from the node that has more pods of the workload', () => {
    const pods = [pod('a', { ...ready, node: 'n2' }), pod('b', ready)]
    expect(surplusPods(pods, 1, [...pods, pod('c', ready)]).map(({ metadata: { name } }) => name)).toEqual(['b'])
  })
})

it('makes pods as the template says', () => {
  expect(newPod(replicaSet(1))).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'web-abc-',
      namespace: 'default',
      labels: { app: 'web', tier: 'front' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'web-abc',
          uid: 'rs-uid',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: { containers: [{ name: 'main' }] },
  })
})

it('creates and deletes in bounded bursts', () => {
  expect(missingReplicas(replicaSet(2000), [])).toBe(500)
  expect(missingReplicas(replicaSet(1), [pod('a'), pod('b')])).toBe(-1)
})

describe('replicaSetStatus', () => {
  it('counts as the API shows it', () => {
    const since = '2026-01-01T11:59:58Z'
    const pods = [
      pod('ready', { readySince: '2026-01-01T11:00:00Z' }),
      pod('fresh', { readySince: since }),
      pod('other', { labels: { app: 'web' } }),
      pod('leaving', { terminating: true }),
      pod('failed', { phase: 'Failed' }),
    ]
    expect(replicaSetStatus(replicaSet(3, 10), pods, [], noon)).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 4,
    })
    expect(nextAvailableInMs(replicaSet(3, 10), pods, noon)).toBe(8000)
  })

  it('leaves zeros out but for two', () => {
    expect(replicaSetStatus(replicaSet(0), [], [], noon)).toEqual({
      replicas: 0,
      terminatingReplicas: 0,
      observedGeneration: 4,
    })
    expect(nextAvailableInMs(replicaSet(0, 10), [], noon)).toBeUndefined()
  })
})
