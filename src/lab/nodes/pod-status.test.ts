import { describe, expect, it } from 'vitest'
import type { Pod } from './pod.ts'
import { completesAtOnce, runningStatus, sameStatus, succeededStatus, waitingStatus } from './pod-status.ts'

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop', uid: 'u1' },
  spec: { containers: [{ name: 'c', image: 'i' }], initContainers: [{ name: 'init' }] },
}
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds))
const facts = { hostIP: '172.30.0.11', podIP: '10.42.0.2', ready: true }
const condition = (status: ReturnType<typeof runningStatus>, type: string) =>
  status.conditions?.find((candidate) => candidate.type === type)

describe('runningStatus', () => {
  it('is what kubectl calls Running and Ready', () => {
    const status = runningStatus(pod, { ...facts, now: at(1) })
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.42.0.2', startTime: '2026-01-01T00:00:01Z' })
    expect(condition(status, 'Ready')?.status).toBe('True')
    expect(status['containerStatuses']).toMatchObject([{ name: 'c', ready: true, containerID: 'weft://u1/c' }])
    expect(status['initContainerStatuses']).toMatchObject([{ state: { terminated: { reason: 'Completed' } } }])
  })

  it('keeps the time of what did not change', () => {
    const first = runningStatus(pod, { ...facts, now: at(1) })
    const second = runningStatus({ ...pod, status: first }, { ...facts, ready: false, now: at(9) })
    expect(second.startTime).toBe('2026-01-01T00:00:01Z')
    expect(condition(second, 'Initialized')?.lastTransitionTime).toBe('2026-01-01T00:00:01Z')
    expect(condition(second, 'Ready')).toMatchObject({ status: 'False', lastTransitionTime: '2026-01-01T00:00:09Z' })
    expect(sameStatus(first, second)).toBe(false)
    expect(sameStatus(first, runningStatus({ ...pod, status: first }, { ...facts, now: at(9) }))).toBe(true)
  })

  it('asks readiness gates and leaves their conditions alone', () => {
    const gated: Pod = { ...pod, spec: { ...pod.spec, readinessGates: [{ conditionType: 'x/ok' }] } }
    expect(condition(runningStatus(gated, { ...facts, now: at(1) }), 'Ready')?.status).toBe('False')
    const open: Pod = { ...gated, status: { conditions: [{ type: 'x/ok', status: 'True' }] } }
    const status = runningStatus(open, { ...facts, now: at(1) })
    expect(condition(status, 'Ready')?.status).toBe('True')
    expect(condition(status, 'x/ok')?.status).toBe('True')
  })
})

it('waitingStatus says why', () => {
  const status = waitingStatus(pod, '172.30.0.11', 'CreatePodSandboxError', 'no room', at(1))
  expect(status).toMatchObject({
    phase: 'Pending',
    containerStatuses: [{ state: { waiting: { reason: 'CreatePodSandboxError', message: 'no room' } } }],
  })
})

describe('a pod of a Job', () => {
  const owned = (kind: string, restartPolicy: string): Pod => ({
    metadata: { ...pod.metadata, ownerReferences: [{ kind, controller: true }] },
    spec: { ...pod.spec, restartPolicy },
  })

  it('completes at once, unlike all others', () => {
    expect(completesAtOnce(owned('Job', 'Never'))).toBe(true)
    expect(completesAtOnce(owned('Job', 'OnFailure'))).toBe(true)
    expect(completesAtOnce(owned('ReplicaSet', 'Always'))).toBe(false)
    expect(completesAtOnce({ ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } })).toBe(false)
  })

  it('is what kubectl calls Completed', () => {
    const status = succeededStatus(owned('Job', 'Never'), '172.30.0.11', at(1))
    expect(status).toMatchObject({
      phase: 'Succeeded',
      containerStatuses: [{ ready: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
    })
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' })
    expect(condition(status, 'Initialized')?.status).toBe('True')
  })
})
