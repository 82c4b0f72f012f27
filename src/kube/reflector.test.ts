import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { ApiClient, isGone } from './client.ts'
import { Reflector, type ReflectorOptions } from './reflector.ts'
import { eventLine, json, openStream, type ScriptedRequest, ScriptedServer, status } from './scripted-server.fixture.ts'
import { type Change, ObjectStore } from './store.ts'
import { objectKey } from './types.ts'

let server: ScriptedServer
let client: ApiClient
let store: ObjectStore<string>
let reported: { code: string; message: string; failures: number }[]
let sleeps: number[]
/** Stands still unless a test moves it: how long a watch lived decides what comes next. */
let nowMs: number
let stopping: AbortController
let running: Promise<void> | undefined
/** What a list answers with now: name → data. */
let there: Map<string, string>
let version: number
/** Watches that are open. */
let streams: ServerResponse[]

beforeEach(async () => {
  server = new ScriptedServer()
  client = new ApiClient({ server: await server.listen() })
  store = new ObjectStore()
  reported = []
  sleeps = []
  nowMs = 1_700_000_000_000
  stopping = new AbortController()
  running = undefined
  there = new Map()
  version = 10
  streams = []
  server.answer = answerWell
})
afterEach(async () => {
  stopping.abort()
  await running
  client.close()
  await server.close()
})

const object = (name: string, data: string, resourceVersion = String(version)): object => ({
  metadata: { namespace: 'default', name, resourceVersion },
  data,
})

function answerWell(request: ScriptedRequest, response: ServerResponse): void {
  if (request.query.has('watch')) return acceptWatch(response)
  const items = [...there].map(([name, data]) => object(name, data))
  json(response, 200, { metadata: { resourceVersion: String(version) }, items })
}

function acceptWatch(response: ServerResponse): void {
  openStream(response)
  streams.push(response)
}

/** Sends an event on the newest watch. */
const send = (type: string, name: string, data = ''): void =>
  void streams.at(-1)?.write(eventLine(type, object(name, data, String(++version))))

/** `invalid` cannot be decoded, `foreign` is not for us. */
function decode(raw: any): { key: string; value: string } | undefined {
  if (raw.data === 'invalid') throw new Error('no good')
  return raw.data === 'foreign' ? undefined : { key: objectKey(raw.metadata), value: raw.data }
}

function start(more: Partial<ReflectorOptions<string>> = {}): Reflector<string> {
  const reflector = new Reflector<string>({
    client,
    path: '/api/v1/configmaps',
    decode,
    store,
    onError: ({ code, message }, failures) => reported.push({ code, message, failures }),
    timers: {
      now: () => nowMs,
      random: () => 0,
      sleep: async (milliseconds) => {
        sleeps.push(milliseconds)
        await new Promise(setImmediate)
      },
    },
    ...more,
  })
  running = reflector.run(stopping.signal)
  return reflector
}

const contents = (): Record<string, string> =>
  Object.fromEntries([...store.entries()].map(([key, value]) => [key.replace('default/', ''), value]))

const watching = (times: number): Promise<void> => eventually(() => expect(streams).toHaveLength(times))

describe('Reflector', () => {
  it('lists in pages and follows the watch', async () => {
    const pages = [['a'], ['b'], ['c']]
    server.answer = (request, response) => {
      if (request.query.has('watch')) return acceptWatch(response)
      const index = Number(request.query.get('continue') ?? 0)
      const next = index + 1 < pages.length ? { continue: String(index + 1) } : {}
      json(response, 200, {
        metadata: { resourceVersion: '10', ...next },
        items: pages[index]?.map((name) => object(name, '1')),
      })
    }
    const reflector = start({ pageSize: 1, query: { labelSelector: 'x=y' } })
    expect(reflector.state).toEqual({ listed: false, resourceVersion: '', lastContact: 0, failures: 0 })
    await watching(1)
    expect(contents()).toEqual({ a: '1', b: '1', c: '1' })
    expect(server.lists.map(({ query }) => query.get('limit'))).toEqual(['1', '1', '1'])
    expect(server.requests.every(({ query }) => query.get('labelSelector') === 'x=y')).toBe(true)
    const [watch] = server.watches
    expect(watch?.query.get('resourceVersion')).toBe('10')
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true')
    expect(watch?.query.get('timeoutSeconds')).toBe('290')
    send('MODIFIED', 'a', '2')
    send('DELETED', 'b')
    send('ADDED', 'd', '1')
    await eventually(() => expect(contents()).toEqual({ a: '2', c: '1', d: '1' }))
    expect(reflector.state).toMatchObject({ listed: true, resourceVersion: '13', failures: 0 })
    expect(reflector.state.lastContact).toBe(nowMs)
    expect(reported).toEqual([])
  })

  it('goes on from the last version, bookmarks included, when the server ends the stream', async () => {
    start()
    await watching(1)
    send('ADDED', 'a', '1')
    send('BOOKMARK', 'x')
    streams[0]?.end()
    await watching(2)
    send('ADDED', 'b', '1')
    await eventually(() => expect(contents()).toEqual({ a: '1', b: '1' }))
    expect(server.watches.map(({ query }) => query.get('resourceVersion'))).toEqual(['10', '12'])
    expect(server.lists).toHaveLength(1)
    expect(reported).toEqual([])
  })

  it('goes on after a break in the middle of a line', async () => {
    start()
    await watching(1)
    send('ADDED', 'a', '1')
    streams[0]?.write('{"type":"MODIFIED","object":{"meta', () => streams[0]?.destroy())
    await watching(2)
    send('MODIFIED', 'a', '2')
    await eventually(() => expect(contents()).toEqual({ a: '2' }))
    expect(server.watches.map(({ query }) => query.get('resourceVersion'))).toEqual(['10', '11'])
    expect(reported).toMatchObject([{ code: 'API_UNREACHABLE', failures: 1 }])
    expect(sleeps).toEqual([500])
  })

  it('restarts a list whose token expires, and keeps nothing of the first attempt', async () => {
    let lists = 0
    server.answer = (request, response) => {
      if (request.query.has('watch')) return acceptWatch(response)
      if (request.query.get('continue') === 'old') return json(response, 410, status(410, 'Expired', 'too old'))
      const first = lists++ === 0
      const metadata = first ? { resourceVersion: '10', continue: 'old' } : { resourceVersion: '20' }
      json(response, 200, { metadata, items: [object(first ? 'gone' : 'a', '1')] })
    }
    const reflector = start()
    await watching(1)
    expect(contents()).toEqual({ a: '1' })
    expect(reflector.state.resourceVersion).toBe('20')
    expect(reported).toEqual([])
  })

  const expired = status(410, 'Expired', 'too old resource version')
  it.each<[string, (response: ServerResponse) => void]>([
    ['an ERROR event', (response) => void response.end(eventLine('ERROR', expired))],
    ['a status', (response) => json(response, 410, expired)],
  ])('lists anew on a 410 as %s: what is gone is deleted, what is known stays until then', async (_how, refuse) => {
    there = new Map([
      ['stays', '1'],
      ['changes', '1'],
      ['goes', '1'],
    ])
    const batches: ReadonlyMap<string, Change<string>>[] = []
    store.onChange((changes) => batches.push(changes))
    const onError = vi.fn((error: Error) => {
      expect(isGone(error)).toBe(true)
      expect(store.size).toBe(3)
    })
    start({ onError })
    await watching(1)
    there = new Map([
      ['stays', '1'],
      ['changes', '2'],
      ['comes', '1'],
    ])
    version = 50
    server.answer = (request, response) => {
      server.answer = answerWell
      if (request.query.has('watch')) refuse(response)
      else answerWell(request, response)
    }
    streams[0]?.end()
    await watching(2)
    await eventually(() => expect(batches).toHaveLength(2))
    expect(batches[1]).toEqual(
      new Map([
        ['default/goes', { old: '1', now: undefined }],
        ['default/changes', { old: '1', now: '2' }],
        ['default/comes', { old: undefined, now: '1' }],
      ]),
    )
    expect(server.watches.at(-1)?.query.get('resourceVersion')).toBe('50')
    expect(onError).toHaveBeenCalledOnce()
  })

  it('gives up a silent watch and goes on', async () => {
    start({ idleTimeoutSeconds: 0.05 })
    await watching(2)
    expect(reported[0]).toMatchObject({ code: 'API_TIMEOUT', failures: 1 })
    expect(server.lists).toHaveLength(1)
  })

  it('lists anew when a full watch brought nothing, not even a bookmark', async () => {
    start({ watchTimeoutSeconds: () => 300 })
    await watching(1)
    there = new Map([['restored', '1']])
    version = 3
    nowMs += 300_000
    streams[0]?.end()
    await watching(2)
    expect(contents()).toEqual({ restored: '1' })
    expect(server.watches[1]?.query.get('resourceVersion')).toBe('3')
  })

  it('never stops on errors: doubles its waits, reports each, starts over after progress', async () => {
    let left = 8
    server.answer = (request, response) => {
      if (left-- > 0) json(response, 500, status(500, 'InternalError', 'etcd is away'))
      else answerWell(request, response)
    }
    const reflector = start()
    await watching(1)
    expect(sleeps).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000])
    expect(reported.map(({ failures }) => failures)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(reflector.state.failures).toBe(0)
    send('ADDED', 'a', '1')
    await eventually(() => expect(store.size).toBe(1))
    streams[0]?.destroy()
    await watching(2)
    expect(sleeps.slice(8)).toEqual([500])
  })

  it('waits as long as the server asks, and does not take overload for a lost version', async () => {
    let left = 5
    server.answer = (request, response) => {
      if (!request.query.has('watch') || left-- <= 0) return answerWell(request, response)
      json(response, 429, status(429, 'TooManyRequests', 'later', { details: { retryAfterSeconds: 7 } }))
    }
    start()
    await watching(1)
    expect(sleeps).toEqual([7000, 7000, 7000, 7000, 8000])
    expect(server.lists).toHaveLength(1)
  })

  it('lists anew when the server keeps refusing the version', async () => {
    server.answer = (request, response) => {
      const stale = request.query.get('resourceVersion') === '10'
      if (stale) json(response, 500, status(500, '', 'resourceVersion: Invalid value'))
      else answerWell(request, response)
      if (stale) version = 20
    }
    start()
    await watching(1)
    expect(server.watches.map(({ query }) => query.get('resourceVersion'))).toEqual(['10', '10', '10', '20'])
    expect(server.lists).toHaveLength(2)
  })

  it('does not spin on a server that ends every watch at once', async () => {
    server.answer = (request, response) => {
      if (request.query.has('watch') && server.watches.length < 5) openStream(response)
      else return answerWell(request, response)
      response.end()
    }
    start()
    await watching(1)
    expect(sleeps).toEqual([500, 1000, 2000, 4000])
    expect(reported).toEqual([])
  })

  it('skips an object that cannot be decoded and keeps what was known of it', async () => {
    there = new Map([
      ['a', '1'],
      ['b', 'invalid'],
    ])
    start()
    await watching(1)
    expect(contents()).toEqual({ a: '1' })
    send('MODIFIED', 'a', 'invalid')
    send('ADDED', 'c', '1')
    await eventually(() => expect(contents()).toEqual({ a: '1', c: '1' }))
    there = new Map([['a', 'invalid']])
    streams[0]?.end(eventLine('ERROR', expired))
    await watching(2)
    expect(contents()).toEqual({ a: '1' })
    const unreadable = reported.filter(({ code }) => code === 'OBJECT_UNREADABLE')
    expect(unreadable.map(({ failures }) => failures)).toEqual([0, 0, 0])
    expect(unreadable[0]?.message).toContain('no good')
  })

  it('fills several stores from one list and one watch, each with what it reads', async () => {
    there = new Map(['a', 'b', 'invalid'].map((name) => [name, name]))
    const second = new ObjectStore<number>()
    const inSecond = (): string => [...second.entries()].map(([key, length]) => `${key} ${length}`).join()
    const also = [
      {
        store: second,
        decode: (raw: any) => {
          if (raw.data === 'a') throw new Error('not for a')
          return raw.data === 'b' ? undefined : { key: objectKey(raw.metadata), value: raw.data.length }
        },
      },
    ]
    start({ also })
    await watching(1)
    expect([contents(), inSecond()]).toEqual([{ a: 'a', b: 'b' }, 'default/invalid 7'])
    expect(reported.map(({ code }) => code)).toEqual(['OBJECT_UNREADABLE', 'OBJECT_UNREADABLE'])
    send('MODIFIED', 'a', 'longer')
    await eventually(() => expect(inSecond()).toBe('default/invalid 7,default/a 6'))
    send('MODIFIED', 'a', 'a')
    await eventually(() => expect(contents()).toEqual({ a: 'a', b: 'b' }))
    // What it cannot read it leaves as it was.
    expect(inSecond()).toBe('default/invalid 7,default/a 6')
    send('DELETED', 'a')
    send('DELETED', 'invalid')
    await eventually(() => expect([contents(), inSecond()]).toEqual([{ b: 'b' }, '']))
    expect([server.lists.length, server.watches.length]).toEqual([1, 1])
  })

  it('deletes an object that is no longer for us', async () => {
    there = new Map([['a', '1']])
    start()
    await watching(1)
    send('MODIFIED', 'a', 'foreign')
    await eventually(() => expect(contents()).toEqual({}))
  })

  it('reports a decoder whose keys are not those of the objects', async () => {
    there = new Map([['a', '1']])
    start({ decode: () => ({ key: 'elsewhere', value: '1' }) })
    await watching(1)
    expect(store.size).toBe(0)
    expect(reported).toMatchObject([{ code: 'OBJECT_UNREADABLE', message: expect.stringContaining('elsewhere') }])
  })

  it('survives a server that cannot be reached for a while, without a new list', async () => {
    let unreachable = true
    const flaky: Pick<ApiClient, 'listPages' | 'watch'> = {
      listPages: (...call) => client.listPages(...call),
      watch: (...call) => (unreachable ? new ApiClient({ server: 'http://127.0.0.1:1' }) : client).watch(...call),
    }
    start({ client: flaky })
    await eventually(() => expect(reported.length).toBeGreaterThan(3))
    unreachable = false
    await watching(1)
    expect(reported.every(({ code }) => code === 'API_UNREACHABLE')).toBe(true)
    expect(server.lists).toHaveLength(1)
  })

  it('resolves when told to stop: while watching, and while waiting with its own clock', async () => {
    start()
    await watching(1)
    stopping.abort()
    await running
    expect(reported).toEqual([])
    server.answer = (_request, response) => json(response, 500, {})
    stopping = new AbortController()
    const reflector = new Reflector<string>({ client, path: '/x', decode, store })
    running = reflector.run(stopping.signal)
    await eventually(() => expect(reflector.state.failures).toBe(1))
    stopping.abort()
    await running
  })
})
