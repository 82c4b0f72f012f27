import { beforeEach, describe, expect, it } from 'vitest'
import { bootstrap } from '../api/bootstrap.ts'
import { MemoryStore } from '../api/store.ts'
import type { KubeObject } from '../api/types.ts'
import { EventRecorder } from './events.ts'
import { ManualClock } from './manual-clock.ts'

const clock = new ManualClock(Date.parse('2026-01-01T12:00:00Z'))
const occurrence = { type: 'Normal', reason: 'SuccessfulCreate', message: 'Created pod: a' } as const
let store: MemoryStore
let recorder: EventRecorder
let errors: unknown[]
let service: KubeObject

beforeEach(() => {
  store = new MemoryStore({ now: () => new Date(clock.now()) })
  bootstrap(store, { address: '172.30.0.1', port: 6443 })
  errors = []
  recorder = new EventRecorder(store, clock, (error) => errors.push(error))
  service = store.get('services', 'default', 'kubernetes') as KubeObject
})

describe('EventRecorder', () => {
  it('writes Events as controllers do', () => {
    recorder.record('replicaset-controller', service, occurrence)
    expect(store.list('events')).toMatchObject([
      {
        involvedObject: { kind: 'Service', namespace: 'default', name: 'kubernetes', uid: service.metadata.uid },
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: 'Created pod: a',
        source: { component: 'replicaset-controller' },
        count: 1,
      },
    ])
    expect(errors).toEqual([])
  })

  it('counts the same up, and forgets after an hour', () => {
    recorder.record('c', service, occurrence)
    recorder.record('c', service, occurrence)
    recorder.record('c', service, { ...occurrence, message: 'Created pod: b' })
    expect(store.list('events').reduce((total, event) => total + event['count'], 0)).toBe(3)
    expect(store.list('events').length).toBe(2)
    clock.advance(3_600_000)
    recorder.record('c', service, occurrence)
    expect(store.list('events').map((event) => event['count'])).toEqual([1])
    expect(errors).toEqual([])
  })

  it('never throws', () => {
    const homeless = { ...service, metadata: { ...service.metadata, namespace: 'nowhere' } }
    recorder.record('c', homeless, occurrence)
    expect(errors.length).toBe(1)
  })
})
