import { beforeEach, describe, expect, it } from 'vitest'
import { ApiError, networkError } from './errors.ts'
import { cutMessage, eventName, type ObjectReference } from './event-object.ts'
import { EventRecorder, type EventRecorderOptions } from './events.ts'
import { LruMap } from './lru-map.ts'
import { ManualTimers } from './manual-timers.fixture.ts'

interface Call {
  verb: 'create' | 'patch'
  path: string
  body: any
}

let timers: ManualTimers
let calls: Call[]
let errors: string[]
/** Failures that the next calls meet; `undefined` is success. */
let failures: unknown[]

beforeEach(() => {
  timers = new ManualTimers()
  calls = []
  errors = []
  failures = []
})

const web: ObjectReference = {
  apiVersion: 'v1',
  kind: 'Service',
  namespace: 'default',
  name: 'web',
  uid: 'u1',
  resourceVersion: '7',
}

const apiError = (status: number, reason: string, more: object = {}): ApiError =>
  new ApiError(status, { reason, message: reason, ...more }, { method: 'POST', url: 'x' })

function recorder(more: Partial<EventRecorderOptions> = {}): EventRecorder {
  const answer = async (verb: Call['verb'], path: string, body: unknown): Promise<any> => {
    calls.push({ verb, path, body })
    await Promise.resolve()
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    return body
  }
  return new EventRecorder({
    client: {
      get: async () => {
        throw apiError(404, 'NotFound')
      },
      create: (path, body) => answer('create', path, body),
      patch: (path, body) => answer('patch', path, body),
    },
    component: 'weft',
    instance: 'node1',
    onError: ({ message, where }) => void errors.push(`${where}: ${message}`),
    timers,
    ...more,
  })
}

describe('EventRecorder', () => {
  it('writes an Event as client-go does', async () => {
    const events = recorder()
    events.warning(web, 'Refused', 'port 22 is taken')
    await events.idle()
    expect(calls).toEqual([
      {
        verb: 'create',
        path: '/api/v1/namespaces/default/events',
        body: {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { namespace: 'default', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
          involvedObject: web,
          type: 'Warning',
          reason: 'Refused',
          message: 'port 22 is taken',
          source: { component: 'weft', host: 'node1' },
          firstTimestamp: '2023-11-14T22:13:20Z',
          lastTimestamp: '2023-11-14T22:13:20Z',
          count: 1,
          reportingComponent: 'weft',
          reportingInstance: 'node1',
        },
      },
    ])
  })

  it('counts up what happens again', async () => {
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    await events.idle()
    await timers.advance(2_000)
    events.warning({ ...web, resourceVersion: '8' }, 'Refused', 'm')
    await events.idle()
    expect(calls[1]).toEqual({
      verb: 'patch',
      path: `/api/v1/namespaces/default/events/${calls[0]?.body.metadata.name}`,
      body: { count: 2, lastTimestamp: '2023-11-14T22:13:22Z' },
    })
  })

  it.each<[string, (events: EventRecorder) => void]>([
    ['type', (events) => events.normal(web, 'Refused', 'm')],
    ['reason', (events) => events.warning(web, 'Other', 'm')],
    ['message', (events) => events.warning(web, 'Refused', 'n')],
    ['object', (events) => events.warning({ ...web, uid: 'u2' }, 'Refused', 'm')],
  ])('makes another Event for another %s', async (_what, occur) => {
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    occur(events)
    await events.idle()
    expect(calls.map(({ verb }) => verb)).toEqual(['create', 'create'])
    expect(calls[0]?.body.metadata.name).not.toBe(calls[1]?.body.metadata.name)
  })

  it('joins what comes while an Event waits', async () => {
    const events = recorder()
    for (let i = 0; i < 5; i++) events.warning(web, 'Refused', 'm')
    await events.idle()
    expect(calls.map(({ verb, body }) => [verb, body.count])).toEqual([['create', 5]])
  })

  it('makes the Event anew when the API has forgotten it', async () => {
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    await events.idle()
    failures = [apiError(404, 'NotFound')]
    events.warning(web, 'Refused', 'm')
    await events.idle()
    expect(calls.map(({ verb, body }) => [verb, body.count])).toEqual([
      ['create', 1],
      ['patch', 2],
      ['create', 2],
    ])
    expect(calls[2]?.body.metadata.name).not.toBe(calls[0]?.body.metadata.name)
    events.warning(web, 'Refused', 'm')
    await events.idle()
    expect(calls[3]?.path).toContain(calls[2]?.body.metadata.name)
  })

  it('gives each object 25 and one more every five minutes', async () => {
    const events = recorder()
    const burst = async (object: ObjectReference, prefix: string): Promise<void> => {
      for (let i = 0; i < 30; i++) events.warning(object, 'Refused', `${prefix}${i}`)
      await events.idle()
    }
    await burst(web, 'a')
    expect([calls.length, events.counts]).toEqual([25, { written: 25, limited: 5, dropped: 0 }])
    await burst({ ...web, name: 'db', uid: 'u2' }, 'a')
    expect(calls).toHaveLength(50)
    await timers.advance(299_000)
    await burst(web, 'b')
    expect(calls).toHaveLength(50)
    await timers.advance(1_000)
    await burst(web, 'c')
    expect(calls).toHaveLength(51)
  })

  it('counts what was limited once it may write again', async () => {
    const events = recorder()
    for (let i = 0; i < 40; i++) {
      events.warning(web, 'Refused', 'm')
      await events.idle()
    }
    expect(calls.at(-1)?.body.count).toBe(25)
    await timers.advance(300_000)
    events.warning(web, 'Refused', 'm')
    await events.idle()
    expect(calls.at(-1)?.body.count).toBe(41)
  })

  it.each([
    ['a network error', networkError(new Error('refused'), 'https://api')],
    ['overload', apiError(429, 'TooManyRequests', { details: { retryAfterSeconds: 3 } })],
    ['a server error', apiError(503, 'ServiceUnavailable')],
  ])('tries again after %s', async (_what, failure) => {
    failures = [failure, failure]
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    await timers.advance(30_000)
    await events.idle()
    expect([calls.length, events.counts.written, errors]).toEqual([3, 1, []])
  })

  it('takes an Event that is there for written', async () => {
    failures = [networkError(new Error('reset'), 'https://api'), apiError(409, 'AlreadyExists')]
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    await timers.advance(1_000)
    await events.idle()
    expect(events.counts).toEqual({ written: 1, limited: 0, dropped: 0 })
  })

  it('gives up what the API refuses, and says which', async () => {
    failures = [apiError(403, 'Forbidden')]
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    events.warning(web, 'Refused', 'n')
    await events.idle()
    expect(events.counts).toEqual({ written: 1, limited: 0, dropped: 1 })
    expect(errors).toEqual(['Service default/web: the Event Refused could not be written: Forbidden'])
  })

  it('says nothing of a namespace that is being deleted', async () => {
    failures = [apiError(403, 'Forbidden', { details: { causes: [{ reason: 'NamespaceTerminating' }] } })]
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    await events.idle()
    expect([events.counts.dropped, errors]).toEqual([1, []])
  })

  it('writes what is told at any moment, also when the queue has just run empty', async () => {
    const events = recorder()
    events.warning(web, 'Refused', '0')
    for (let ticks = 1; ticks < 20; ticks++) {
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
      events.warning(web, 'Refused', String(ticks))
    }
    await events.idle()
    expect([calls.length, events.counts.written]).toEqual([20, 20])
  })

  it('gives up in the end', async () => {
    failures = new Array(12).fill(networkError(new Error('refused'), 'https://api'))
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    await timers.advance(600_000)
    await events.idle()
    expect([calls.length, events.counts.dropped, errors.length]).toEqual([12, 1, 1])
  })

  it('drops what the queue cannot hold, and lives with a listener that throws', async () => {
    failures = [apiError(403, 'Forbidden')]
    const onError = (): never => {
      throw new Error('bug')
    }
    const events = recorder({ queueLimit: 3, onError })
    for (let i = 0; i < 5; i++) events.warning(web, 'Refused', String(i))
    await events.idle()
    expect(events.counts).toEqual({ written: 2, limited: 0, dropped: 3 })
  })

  it('is silent once closed', async () => {
    failures = [networkError(new Error('refused'), 'https://api')]
    const events = recorder()
    events.warning(web, 'Refused', 'm')
    events.warning(web, 'Refused', 'n')
    await timers.advance(1)
    events.close()
    events.warning(web, 'Refused', 'o')
    await events.idle()
    expect([calls.length, errors]).toEqual([1, []])
  })
})

describe('what an Event is made of', () => {
  it('puts Events of what has no namespace into default', async () => {
    const events = recorder()
    events.normal({ apiVersion: 'v1', kind: 'Node', name: 'node1' }, 'Ready', 'm')
    await events.idle()
    expect(calls[0]?.path).toBe('/api/v1/namespaces/default/events')
  })

  it('keeps names and messages within the limits of the API', () => {
    const name = eventName(
      { apiVersion: 'v1', kind: 'Service', name: `${'a'.repeat(236)}.${'b'.repeat(16)}` },
      2n ** 60n,
    )
    expect(name).toMatch(/^a{236}\.1000000000000000$/)
    expect(cutMessage('x'.repeat(1024))).toHaveLength(1024)
    const cut = cutMessage('é'.repeat(600))
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(1024)
    expect(cut).toMatch(/^é{500,}…$/)
  })
})

describe('LruMap', () => {
  it('forgets what was used least recently', () => {
    const map = new LruMap<string>(2)
    const use = (key: string): string => map.use(key, () => `new ${key}`)
    use('a')
    use('b')
    use('a')
    use('c')
    expect(map.size).toBe(2)
    expect(map.use('a', () => 'made again')).toBe('new a')
    expect(map.use('b', () => 'made again')).toBe('made again')
  })
})
