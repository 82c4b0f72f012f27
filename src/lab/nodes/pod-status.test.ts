import { describe, expect, it } from 'vitest'
import type { ContainerView } from './containers/state.ts'
import type { Pod, PodStatus } from './pod.ts'
import { completesAtOnce, type PodFacts, podStatus, sameStatus } from './pod-status.ts'

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop', uid: 'u1' },
  spec: { containers: [{ name: 'c', image: 'i' }], initContainers: [{ name: 'init' }] },
}
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds))
const time = '2026-01-01T00:00:00Z'

const running = (name: string, ready = true): ContainerView => ({
  name,
  restart: 0,
  ready,
  started: true,
  state: { running: { startedAt: time } },
})
const ended = (name: string, exitCode = 0): ContainerView => ({
  name,
  restart: 0,
  ready: false,
  started: false,
  state: {
    terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: time, finishedAt: time },
  },
})
const facts = (seconds: number, ...views: ContainerView[]): PodFacts => ({
  hostIPs: ['172.30.0.11', 'fd00:30::11'],
  podIPs: ['10.42.0.2', 'fd00:42::2'],
  views: new Map(views.map((view) => [view.name, view])),
  leaving: false,
  now: at(seconds),
})
const condition = (status: PodStatus, type: string) => status.conditions?.find((candidate) => candidate.type === type)
const withPolicy = (restartPolicy: string): Pod => ({ ...pod, spec: { ...pod.spec, restartPolicy } })

describe('podStatus', () => {
  it('is what kubectl calls Running and Ready, with addresses of both families', () => {
    const status = podStatus(pod, facts(1, ended('init'), running('c')))
    expect(status).toMatchObject({
      phase: 'Running',
      podIP: '10.42.0.2',
      podIPs: [{ ip: '10.42.0.2' }, { ip: 'fd00:42::2' }],
      hostIPs: [{ ip: '172.30.0.11' }, { ip: 'fd00:30::11' }],
      startTime: '2026-01-01T00:00:01Z',
    })
    expect(condition(status, 'Ready')?.status).toBe('True')
    expect(status['containerStatuses']).toMatchObject([{ name: 'c', ready: true, containerID: 'weft://u1/c/0' }])
    expect(status['initContainerStatuses']).toMatchObject([
      { ready: true, state: { terminated: { reason: 'Completed' } } },
    ])
  })

  it('waits for init containers, in the words of a kubelet', () => {
    const status = podStatus(pod, facts(1, running('init')))
    expect(status.phase).toBe('Pending')
    expect(condition(status, 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [init]',
    })
    expect(status['containerStatuses']).toMatchObject([{ state: { waiting: { reason: 'PodInitializing' } } }])
  })

  it('counts a sidecar as initialized once it has started', () => {
    const side: Pod = { ...pod, spec: { ...pod.spec, initContainers: [{ name: 'side', restartPolicy: 'Always' }] } }
    expect(condition(podStatus(side, facts(1, running('side'))), 'Initialized')?.status).toBe('True')
  })

  it('keeps the time of what did not change', () => {
    const first = podStatus(pod, facts(1, ended('init'), running('c')))
    const second = podStatus({ ...pod, status: first }, facts(9, ended('init'), running('c', false)))
    expect(second.startTime).toBe('2026-01-01T00:00:01Z')
    expect(condition(second, 'Initialized')?.lastTransitionTime).toBe('2026-01-01T00:00:01Z')
    expect(condition(second, 'Ready')).toMatchObject({
      status: 'False',
      lastTransitionTime: '2026-01-01T00:00:09Z',
      message: 'containers with unready status: [c]',
    })
    expect(sameStatus(first, second)).toBe(false)
    const third = podStatus({ ...pod, status: first }, facts(9, ended('init'), running('c')))
    expect(sameStatus(first, third)).toBe(true)
  })

  it('asks readiness gates and leaves their conditions alone', () => {
    const gated: Pod = { ...pod, spec: { ...pod.spec, readinessGates: [{ conditionType: 'x/ok' }] } }
    const views = [ended('init'), running('c')] as const
    expect(condition(podStatus(gated, facts(1, ...views)), 'Ready')?.reason).toBe('ReadinessGatesNotReady')
    const open: Pod = { ...gated, status: { conditions: [{ type: 'x/ok', status: 'True' }] } }
    const status = podStatus(open, facts(1, ...views))
    expect(condition(status, 'Ready')?.status).toBe('True')
    expect(condition(status, 'x/ok')?.status).toBe('True')
  })

  it('says nothing of a leaving pod is ready', () => {
    const status = podStatus(pod, { ...facts(1, ended('init'), running('c')), leaving: true })
    expect(condition(status, 'Ready')?.status).toBe('False')
    expect(status['containerStatuses']).toMatchObject([{ ready: false }])
  })

  it.each([
    ['Never', 0, 'Succeeded'],
    ['Never', 1, 'Failed'],
    ['OnFailure', 0, 'Succeeded'],
    ['OnFailure', 1, 'Running'],
    ['Always', 0, 'Running'],
  ])('with restartPolicy %s and exit code %i is %s', (policy, exitCode, phase) => {
    expect(podStatus(withPolicy(policy), facts(1, ended('init'), ended('c', exitCode))).phase).toBe(phase)
  })

  it('fails with its init container where that is not run again', () => {
    expect(podStatus(withPolicy('Never'), facts(1, ended('init', 1))).phase).toBe('Failed')
    expect(podStatus(withPolicy('Always'), facts(1, ended('init', 1))).phase).toBe('Pending')
  })

  it('is Running in a crash loop, Pending before the first start', () => {
    const waiting = { ...running('c', false), state: { waiting: { reason: 'CrashLoopBackOff' } } }
    const { state } = ended('c', 1)
    const last = 'terminated' in state ? { last: state.terminated } : {}
    expect(podStatus(pod, facts(1, ended('init'), { ...waiting, restart: 1, ...last })).phase).toBe('Running')
    expect(podStatus(pod, facts(1, ended('init'), waiting)).phase).toBe('Pending')
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
    const status = podStatus(owned('Job', 'Never'), facts(1, ended('init'), ended('c')))
    expect(status).toMatchObject({
      phase: 'Succeeded',
      containerStatuses: [{ ready: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
    })
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' })
    expect(condition(status, 'Initialized')?.status).toBe('True')
  })
})
