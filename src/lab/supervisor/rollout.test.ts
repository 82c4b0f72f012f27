import { expect, it } from 'vitest'
import type { KubeObject } from '../api/types.ts'
import { unfinished } from './rollout.ts'

const metadata = { name: 'x', namespace: 'shop', uid: '', resourceVersion: '1', creationTimestamp: '', generation: 2 }
const store = (objects: Record<string, Partial<KubeObject>[]>) => ({
  list: (resource: string) => (objects[resource] ?? []).map((object) => ({ metadata, ...object }) as KubeObject),
})
const done = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }

it.each([
  ['rolled out', done, []],
  ['not yet seen', { ...done, observedGeneration: 1 }, ['Deployment shop/x: 2 of 2 replicas available']],
  ['one missing', { ...done, availableReplicas: 1 }, ['Deployment shop/x: 1 of 2 replicas available']],
  ['an old one left', { ...done, replicas: 3 }, ['Deployment shop/x: 2 of 2 replicas available']],
  ['no status', undefined, ['Deployment shop/x: 0 of 2 replicas available']],
])('a Deployment that is %s', (_, status, expected) => {
  expect(unfinished(store({ deployments: [{ spec: { replicas: 2 }, status }] }))).toEqual(expected)
})

it('says why a pod does not run', () => {
  const unscheduled = { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }] }
  const waiting = { phase: 'Pending', containerStatuses: [{ state: { waiting: { message: 'no room' } } }] }
  const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  const init = { phase: 'Pending', initContainerStatuses: [{ state: {} }, { state: { waiting: { reason: 'Error' } } }] }
  const pods = [{ status: unscheduled }, { status: waiting }, { status: init }, { status: ready }]
  expect(unfinished(store({ pods }))).toEqual([
    'Pod shop/x: Pending, 0/3 nodes are available',
    'Pod shop/x: Pending, no room',
    'Pod shop/x: Pending, Error',
  ])
})

it('waits for StatefulSets, DaemonSets and Jobs; a pod that has ended well is none to wait for', () => {
  const seen = { observedGeneration: 2 }
  const missing = {
    statefulsets: [{ spec: { replicas: 2 }, status: { ...seen, availableReplicas: 1 } }],
    daemonsets: [{ status: { ...seen, desiredNumberScheduled: 3, numberAvailable: 2 } }],
    jobs: [{ spec: {}, status: {} }],
  }
  expect(unfinished(store(missing))).toEqual([
    'StatefulSet shop/x: 1 of 2 replicas available',
    'DaemonSet shop/x: 2 of 3 pods available',
    'Job shop/x: not complete',
  ])
  const finished = {
    statefulsets: [{ spec: { replicas: 2 }, status: { ...seen, availableReplicas: 2 } }],
    daemonsets: [{ status: { ...seen, desiredNumberScheduled: 3, numberAvailable: 3 } }],
    jobs: [{ spec: {}, status: { conditions: [{ type: 'Complete', status: 'True' }] } }],
    pods: [{ status: { phase: 'Succeeded' } }],
  }
  expect(unfinished(store(finished))).toEqual([])
})
