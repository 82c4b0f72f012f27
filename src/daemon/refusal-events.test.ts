import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiError, networkError } from '../kube/errors.ts'
import type { ObjectReference, Sharing } from '../kube/events.ts'
import { ManualTimers } from '../kube/manual-timers.fixture.ts'
import type { Refusal } from '../reconcile/types.ts'
import { tellRefusals } from './refusal-events.ts'
import { diffRefusals, objectsOfAgent } from './refusals.ts'

const refusal = (subject: string, reason = 'NodePortIsManagementPort', message = 'm'): Refusal => ({
  subject,
  reason,
  message,
})

describe('diffRefusals', () => {
  const keysOf = (refusals: Refusal[]): string[] => [
    ...diffRefusals(new Set(), refusals, objectsOfAgent('node1')).now.keys(),
  ]

  it('tells the same of several ports of one Service once', () => {
    const { fresh } = diffRefusals(
      new Set(),
      [refusal('default/web:a'), refusal('default/web:b')],
      objectsOfAgent('node1'),
    )
    expect(fresh).toMatchObject([
      {
        object: { kind: 'Service', namespace: 'default', name: 'web' },
        reason: 'NodePortIsManagementPort',
        message: 'm',
      },
    ])
  })

  it('takes another reason, message or Service for something else', () => {
    const all = [refusal('a/b:'), refusal('a/c:'), refusal('a/b:', 'Other'), refusal('a/b:', 'Other', 'n')]
    expect(new Set(keysOf(all)).size).toBe(4)
  })

  it('leaves out what was told, and forgets what is gone', () => {
    const told = new Set(keysOf([refusal('a/b:'), refusal('a/c:')]))
    const { fresh, now } = diffRefusals(told, [refusal('a/c:'), refusal('a/d:')], objectsOfAgent('node1'))
    expect(fresh.map(({ object }) => object.name)).toEqual(['d'])
    expect([...now.values()].map(({ object }) => object.name)).toEqual(['c', 'd'])
  })

  it('tells of the node on its Node, and nothing of what is no object', () => {
    const { fresh } = diffRefusals(new Set(), [refusal('@node'), refusal('')], objectsOfAgent('node1'))
    expect(fresh.map(({ object }) => object)).toEqual([{ kind: 'Node', namespace: '', name: 'node1' }])
  })
})

const minute = 60_000
const ofThisNode = { olderThanMs: 5 * minute, anybody: false }

describe('tellRefusals', () => {
  let timers: ManualTimers
  let stopping: AbortController
  let running: Promise<void>
  let refusals: Refusal[]
  let failure: unknown
  let told: [ObjectReference, string, string, Sharing][]

  beforeEach(() => {
    timers = new ManualTimers()
    stopping = new AbortController()
    refusals = []
    failure = undefined
    told = []
    const get = async (path: string): Promise<any> => {
      if (failure) throw failure
      const [name, , namespace] = path.split('/').reverse()
      return { metadata: { name, namespace, uid: `uid of ${name}`, resourceVersion: '7' } }
    }
    running = tellRefusals(
      {
        client: { get },
        recorder: { sharedWarning: (...call) => void told.push(call) },
        objectOf: objectsOfAgent('node1'),
        suffix: ' (node node1)',
        refusals: () => refusals,
        timers,
      },
      stopping.signal,
    )
  })
  afterEach(async () => {
    stopping.abort()
    await running
  })

  it('tells a refusal once, with the identity of its object', async () => {
    refusals = [refusal('default/web:http')]
    await timers.advance(30_000)
    const web = {
      apiVersion: 'v1',
      kind: 'Service',
      namespace: 'default',
      name: 'web',
      uid: 'uid of web',
      resourceVersion: '7',
    }
    expect(told).toEqual([[web, 'NodePortIsManagementPort', 'm (node node1)', ofThisNode]])
  })

  it('tells what follows from objects alone without naming a node: one Event for all', async () => {
    refusals = [{ ...refusal('default/web:http'), clusterWide: true }]
    await timers.advance(10_000)
    expect(told.map(([, , message, sharing]) => [message, sharing])).toEqual([
      ['m', { olderThanMs: 5 * minute, anybody: true }],
    ])
  })

  it('tells what is still so before the API forgets it, after an hour', async () => {
    refusals = [refusal('default/web:http')]
    await timers.advance(29 * minute)
    expect(told).toHaveLength(1)
    await timers.advance(2 * minute)
    expect(told).toHaveLength(2)
    // Others who tell it too have done so perhaps: what is young enough to stay is left alone.
    expect(told[1]?.[3]).toEqual({ olderThanMs: 25 * minute, anybody: false })
    await timers.advance(120 * minute)
    expect(told).toHaveLength(6)
  })

  it('tells it again when it went away and came back', async () => {
    refusals = [refusal('default/web:http')]
    await timers.advance(10_000)
    refusals = []
    await timers.advance(10_000)
    refusals = [refusal('default/web:http')]
    await timers.advance(10_000)
    expect(told).toHaveLength(2)
  })

  it('tells it later when the API is away', async () => {
    failure = networkError(new Error('refused'), 'https://api')
    refusals = [refusal('default/web:http')]
    await timers.advance(20_000)
    expect(told).toEqual([])
    failure = undefined
    await timers.advance(5_000)
    expect(told).toHaveLength(1)
  })

  it('tells it by name where it may not read the object', async () => {
    failure = new ApiError(403, { reason: 'Forbidden' }, { method: 'GET', url: 'x' })
    refusals = [refusal('default/web:http')]
    await timers.advance(20_000)
    const web = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web' }
    expect(told).toEqual([[web, 'NodePortIsManagementPort', 'm (node node1)', ofThisNode]])
  })

  it('says nothing on an object that is gone', async () => {
    failure = new ApiError(404, { reason: 'NotFound' }, { method: 'GET', url: 'x' })
    refusals = [refusal('default/web:http')]
    await timers.advance(10_000)
    failure = undefined
    await timers.advance(10_000)
    expect(told).toEqual([])
  })
})
