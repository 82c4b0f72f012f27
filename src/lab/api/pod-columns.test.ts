import { describe, expect, it } from 'vitest'
import type { Json } from './access.ts'
import { podReady, podRestarts, podStatus } from './pod-columns.ts'

const now = new Date('2020-01-02T00:00:00Z')

const running = (name: string, ready = true): Json => ({ name, ready, started: true, state: { running: {} } })
const waiting = (name: string, reason: string): Json => ({ name, ready: false, state: { waiting: { reason } } })
const ended = (name: string, exitCode: number, reason?: string): Json => ({
  name,
  ready: exitCode === 0,
  state: { terminated: { exitCode, ...(reason && { reason }) } },
})

interface Given {
  sidecars?: string[]
  init?: Json[]
  containers?: Json[]
  phase?: string
  conditions?: string[]
  deleted?: boolean
}

function pod({ sidecars = [], init = [], containers = [], phase = 'Pending', conditions = [], deleted }: Given): Json {
  const inits = init.map(({ name }) => ({ name, ...(sidecars.includes(name) && { restartPolicy: 'Always' }) }))
  const names = containers.length === 0 ? [{ name: 'c' }] : containers.map(({ name }) => ({ name }))
  return {
    metadata: { name: 'p', ...(deleted && { deletionTimestamp: '2020-01-01T00:00:00Z' }) },
    spec: { initContainers: inits, containers: names },
    status: {
      phase,
      initContainerStatuses: init,
      containerStatuses: containers,
      conditions: conditions.map((type) => ({ type, status: 'True' })),
    },
  }
}

const initialising = [waiting('c', 'PodInitializing')]

describe('READY and STATUS of a pod', () => {
  it.each<[string, string, Given]>([
    ['Init:0/2', '0/1', { init: [running('a', false), waiting('b', 'PodInitializing')], containers: initialising }],
    ['Init:1/2', '0/1', { init: [ended('a', 0, 'Completed'), waiting('b', 'PodInitializing')] }],
    ['Init:Error', '0/1', { init: [ended('a', 1, 'Error')], containers: initialising }],
    ['Init:ExitCode:7', '0/1', { init: [ended('a', 7)], containers: initialising }],
    ['Init:CrashLoopBackOff', '0/1', { init: [waiting('a', 'CrashLoopBackOff')], containers: initialising }],
    ['PodInitializing', '0/1', { init: [ended('a', 0, 'Completed')], containers: initialising }],
    ['CrashLoopBackOff', '0/1', { phase: 'Running', containers: [waiting('c', 'CrashLoopBackOff')] }],
    ['Completed', '0/1', { phase: 'Succeeded', containers: [ended('c', 0, 'Completed')] }],
    ['Completed', '0/1', { phase: 'Succeeded', containers: [ended('c', 0, 'Completed')], deleted: true }],
    ['Terminating', '1/1', { phase: 'Running', containers: [running('c')], deleted: true }],
    ['Terminating', '0/1', { init: [running('a', false)], containers: initialising, deleted: true }],
    ['NotReady', '1/2', { phase: 'Running', containers: [ended('c', 0, 'Completed'), running('d')] }],
    [
      'Running',
      '1/2',
      { phase: 'Running', containers: [ended('c', 0, 'Completed'), running('d')], conditions: ['Ready'] },
    ],
    ['Error', '1/2', { phase: 'Running', containers: [ended('c', 1, 'Error'), running('d')] }],
  ])('%s, %s', (status, ready, given) => {
    expect([podStatus(pod(given)), podReady(pod(given))]).toEqual([status, ready])
  })

  it.each<[string, string, Given]>([
    ['Running', '2/2', { init: [running('side')], containers: [running('c')], phase: 'Running' }],
    ['Running', '1/2', { init: [running('side', false)], containers: [running('c')], phase: 'Running' }],
    ['PodInitializing', '1/2', { init: [running('side')], containers: initialising }],
    ['Init:1/2', '1/2', { init: [running('side'), running('a', false)], containers: initialising }],
    ['Init:0/1', '0/2', { init: [{ ...running('side', false), started: false }], containers: initialising }],
    ['Completed', '0/2', { init: [ended('side', 0, 'Completed')], containers: [ended('c', 0, 'Completed')] }],
  ])('with a sidecar: %s, %s', (status, ready, given) => {
    const object = pod({ sidecars: ['side'], ...given })
    expect([podStatus(object), podReady(object)]).toEqual([status, ready])
  })

  it('names what holds a sidecar up although the containers ran before', () => {
    const init = [{ ...waiting('side', 'CrashLoopBackOff'), started: false }]
    const given = { sidecars: ['side'], init, containers: [running('c')], phase: 'Running' }
    expect(podStatus(pod({ ...given, conditions: ['Initialized'] }))).toBe('Init:CrashLoopBackOff')
  })
})

describe('RESTARTS of a pod', () => {
  const restarted = (container: Json, restartCount: number, finishedAt: string): Json => ({
    ...container,
    restartCount,
    lastState: { terminated: { finishedAt } },
  })

  it('counts init containers while they run, and sidecars for ever', () => {
    const init = [
      restarted(ended('a', 0, 'Completed'), 2, '2020-01-01T23:00:00Z'),
      restarted(running('side'), 3, '2020-01-01T23:58:00Z'),
    ]
    const containers = [restarted(running('c'), 1, '2020-01-01T23:30:00Z')]
    const given = { sidecars: ['side'], init, containers, phase: 'Running' }
    expect(podRestarts(pod(given), now)).toBe('4 (2m ago)')
    const held = { init: [restarted(waiting('a', 'CrashLoopBackOff'), 2, '2020-01-01T23:00:00Z')], containers }
    expect(podRestarts(pod(held), now)).toBe('2 (60m ago)')
  })

  it('says no time where none is known', () => {
    expect(podRestarts(pod({ containers: [{ ...running('c'), restartCount: 2 }] }), now)).toBe('2')
    expect(podRestarts(pod({ containers: [running('c')] }), now)).toBe('0')
  })
})
