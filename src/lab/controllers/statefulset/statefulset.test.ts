import { beforeEach, describe, expect, it } from 'vitest'
import type { NewObject } from '../../api/types.ts'
import type { Pod, StatefulSet } from '../kinds.ts'
import { compareText } from '../objects.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  cluster.addNode('n1')
})

function create(replicas: number, spec: Record<string, unknown> = {}): void {
  const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'main', image: 'db:1' }] } }
  const selector = { matchLabels: { app: 'db' } }
  const metadata = { name: 'db', namespace: 'default' }
  const whole = { replicas, selector, template, serviceName: 'db', ...spec }
  cluster.store.create('statefulsets', { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: whole })
  cluster.settle()
}

const set = (): StatefulSet => cluster.store.get('statefulsets', 'default', 'db') as StatefulSet
const names = (): string[] => cluster.pods().map(({ metadata }) => metadata.name)
const pod = (name: string): Pod => cluster.store.get('pods', 'default', name) as Pod
const image = (name: string): string => (pod(name).spec.containers[0] as unknown as { image: string }).image
const setImage = (value: string): void =>
  cluster.edit('statefulsets', 'db', ({ spec }) => (spec.template.spec.containers[0].image = value))

/** Runs what is there now, once. */
function runOnce(): void {
  for (const one of cluster.pods()) if (one.status?.phase === 'Pending') cluster.runPod(one)
  cluster.settle()
}

/** Ends what terminates now, once. */
function endOnce(): void {
  for (const one of cluster.pods()) if (one.metadata.deletionTimestamp !== undefined) cluster.endPod(one)
}

describe('a StatefulSet', () => {
  it('makes its pods one after the other, each ready before the next', () => {
    create(3)
    expect(names()).toEqual(['db-0'])
    runOnce()
    expect(names()).toEqual(['db-0', 'db-1'])
    cluster.kubelet()
    expect(names()).toEqual(['db-0', 'db-1', 'db-2'])
    expect(set().status).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3 })
    expect(pod('db-1').spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' })
  })

  it('makes and removes all at once where it may', () => {
    create(3, { podManagementPolicy: 'Parallel' })
    expect(names()).toEqual(['db-0', 'db-1', 'db-2'])
    cluster.kubelet()
    cluster.edit('statefulsets', 'db', ({ spec }) => (spec.replicas = 0))
    expect(cluster.pods().every(({ metadata }) => metadata.deletionTimestamp !== undefined)).toBe(true)
  })

  it('goes down from the top, one at a time', () => {
    create(3)
    cluster.kubelet()
    cluster.edit('statefulsets', 'db', ({ spec }) => (spec.replicas = 1))
    const leaving = (): string[] =>
      cluster.pods().flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [] : [metadata.name]))
    expect(leaving()).toEqual(['db-2'])
    endOnce()
    expect(leaving()).toEqual(['db-1'])
    endOnce()
    expect(names()).toEqual(['db-0'])
  })

  it('makes a failed pod again under its name', () => {
    create(1)
    cluster.kubelet()
    const { uid } = pod('db-0').metadata
    cluster.store.updateStatus('pods', { ...structuredClone(pod('db-0')), status: { phase: 'Failed' } })
    cluster.kubelet()
    expect(names()).toEqual(['db-0'])
    expect(pod('db-0').metadata.uid).not.toBe(uid)
    expect(cluster.told('db')).toContain('RecreatingFailedPod: StatefulSet default/db is recreating failed Pod db-0')
  })
})

describe('a rolling update', () => {
  it('replaces from the top, and leaves what is below the partition', () => {
    create(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } })
    cluster.kubelet()
    setImage('db:2')
    cluster.kubelet()
    expect(['db-0', 'db-1', 'db-2'].map(image)).toEqual(['db:1', 'db:2', 'db:2'])
    expect(set().status).toMatchObject({ updatedReplicas: 2, currentReplicas: 1 })
    cluster.store.remove('pods', 'default', 'db-0')
    cluster.kubelet()
    expect(image('db-0')).toBe('db:1')
    cluster.edit('statefulsets', 'db', ({ spec }) => (spec.updateStrategy.rollingUpdate.partition = 0))
    cluster.kubelet()
    expect(image('db-0')).toBe('db:2')
    expect(set().status?.currentRevision).toBe(set().status?.updateRevision)
  })

  it('waits for a pod that does not become ready', () => {
    create(2)
    cluster.kubelet()
    setImage('db:2')
    endOnce()
    cluster.settle()
    expect(['db-0', 'db-1'].map(image)).toEqual(['db:1', 'db:2'])
    cluster.clock.advance(600_000)
    expect(pod('db-0').metadata.deletionTimestamp).toBeUndefined()
  })

  it('leaves pods alone with OnDelete', () => {
    create(2, { updateStrategy: { type: 'OnDelete' } })
    cluster.kubelet()
    setImage('db:2')
    cluster.kubelet()
    expect(image('db-1')).toBe('db:1')
    cluster.store.remove('pods', 'default', 'db-1')
    cluster.kubelet()
    expect(image('db-1')).toBe('db:2')
  })

  it('takes an old revision again for an old template', () => {
    create(1)
    cluster.kubelet()
    const first = set().status?.updateRevision
    setImage('db:2')
    cluster.kubelet()
    setImage('db:1')
    cluster.kubelet()
    expect(set().status?.updateRevision).toBe(first)
    expect(
      cluster.store
        .list('controllerrevisions', 'default')
        .map(({ revision }) => String(revision))
        .sort(compareText),
    ).toEqual(['2', '3'])
  })
})

describe('claims', () => {
  it('are made a pod, bound, mounted, and stay', () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
    const template: NewObject = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec }
    create(2, { volumeClaimTemplates: [template] })
    cluster.kubelet()
    const claims = cluster.store.list('persistentvolumeclaims', 'default')
    expect(claims.map(({ metadata, status }) => `${metadata.name} ${status.phase}`).sort()).toEqual([
      'data-db-0 Bound',
      'data-db-1 Bound',
    ])
    expect(claims[0]?.['status'].capacity).toEqual({ storage: '1Gi' })
    expect(pod('db-1').spec.volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } }])
    cluster.edit('statefulsets', 'db', (one) => (one['spec'].replicas = 0))
    cluster.kubelet()
    expect(cluster.store.list('persistentvolumeclaims', 'default').length).toBe(2)
  })

  it('go with what the retention policy names', () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
    const template: NewObject = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec }
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' }
    create(2, { volumeClaimTemplates: [template], persistentVolumeClaimRetentionPolicy })
    cluster.kubelet()
    const claims = (): string[] =>
      cluster.store.list('persistentvolumeclaims', 'default').map(({ metadata }) => metadata.name)
    cluster.edit('statefulsets', 'db', (one) => (one['spec'].replicas = 1))
    cluster.kubelet()
    expect(claims()).toEqual(['data-db-0'])
    cluster.store.remove('statefulsets', 'default', 'db', { propagationPolicy: 'Background' })
    cluster.kubelet()
    expect(claims()).toEqual([])
  })
})
