import { beforeEach, describe, expect, it } from 'vitest'
import type { Job } from '../kinds.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  cluster.addNode('n1')
})

function create(spec: Record<string, unknown> = {}): void {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'task:1' }] } }
  const metadata = { name: 'task', namespace: 'default' }
  cluster.store.create('jobs', { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template, ...spec } })
  cluster.settle()
}

const job = (): Job => cluster.store.get('jobs', 'default', 'task') as Job
const conditions = (): string[] => (job().status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)

/** Ends the pods that have not ended, all in one phase. */
function endPods(phase: 'Succeeded' | 'Failed'): number {
  const open = cluster.pods().filter(({ status }) => status?.phase === 'Pending')
  for (const pod of open) cluster.store.updateStatus('pods', { ...structuredClone(pod), status: { phase } })
  cluster.settle()
  return open.length
}

describe('a Job', () => {
  it('is complete when its pod has succeeded', () => {
    create()
    expect(cluster.pods().length).toBe(1)
    expect(job().status).toMatchObject({ active: 1 })
    endPods('Succeeded')
    expect(conditions()).toEqual(['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'])
    expect(job().status).toMatchObject({ succeeded: 1, completionTime: '2026-01-01T12:00:00Z' })
    expect(cluster.told('task')).toContain('Completed: Job completed')
  })

  it('runs as many at a time as it may, until enough have succeeded', () => {
    create({ completions: 5, parallelism: 2 })
    expect([endPods('Succeeded'), endPods('Succeeded'), endPods('Succeeded'), endPods('Succeeded')]).toEqual([
      2, 2, 1, 0,
    ])
    expect(job().status).toMatchObject({ succeeded: 5 })
  })

  it('numbers its pods where they are indexed', () => {
    create({ completions: 2, parallelism: 2, completionMode: 'Indexed' })
    expect(cluster.pods().map(({ metadata, spec }) => `${metadata.generateName} ${spec.hostname}`)).toEqual([
      'task-0- task-0',
      'task-1- task-1',
    ])
    endPods('Succeeded')
    expect(conditions()).toContain('Complete CompletionsReached')
  })

  it('has failed when too many pods have', () => {
    create({ backoffLimit: 1 })
    endPods('Failed')
    endPods('Failed')
    expect(conditions()).toContain('Failed BackoffLimitExceeded')
    expect(cluster.pods().length).toBe(2)
  })

  it('does nothing while it is suspended', () => {
    create({ suspend: true })
    expect(cluster.pods()).toEqual([])
    expect(conditions()).toEqual(['Suspended JobSuspended'])
    cluster.edit('jobs', 'task', ({ spec }) => (spec.suspend = false))
    expect(conditions()).toEqual(['Suspended JobResumed'])
    expect(cluster.pods().length).toBe(1)
  })

  it('goes when its time is over', () => {
    create({ ttlSecondsAfterFinished: 60 })
    endPods('Succeeded')
    cluster.clock.advance(59_000)
    expect(job()).toBeDefined()
    cluster.clock.advance(2000)
    expect(job()).toBeUndefined()
    expect(cluster.pods()).toEqual([])
  })
})
