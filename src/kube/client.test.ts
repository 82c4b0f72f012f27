import { getEventListeners } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { ApiClient, isAlreadyExists, isConflict, isGone, isNetworkError, isNotFound } from './client.ts'
import { eventLine, json, openStream, ScriptedServer, status } from './scripted-server.fixture.ts'

let server: ScriptedServer
let origin: string
let client: ApiClient

beforeEach(async () => {
  server = new ScriptedServer()
  origin = await server.listen()
  client = new ApiClient({ server: `${origin}/prefix/`, token: () => 'secret' })
})
afterEach(async () => {
  client.close()
  await server.close()
})

const failure = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  )

const page = (names: string[], more: { continue?: string } = {}, resourceVersion = '7'): object => ({
  kind: 'ConfigMapList',
  metadata: { resourceVersion, ...more },
  items: names.map((name) => ({ metadata: { name } })),
})

describe('calls', () => {
  it('sends method, path, query, credentials and body', async () => {
    server.answer = (_request, response) => json(response, 200, { ok: true })
    await client.get('/api/v1/nodes', { limit: 1, labelSelector: 'a=b', continue: undefined })
    await client.create('/c', { a: 1 }, { query: { fieldManager: 'weft' } })
    await client.replace('/r', { a: 2 })
    await client.patch('/p', { a: 3 })
    await client.patch('/p', [], 'json')
    await client.patch('/p', {}, 'strategic')
    await client.patch('/p', {}, 'apply', { fieldManager: 'weft', force: true })
    await client.remove('/d', { propagationPolicy: 'Background' })
    await client.remove('/d')
    const seen = server.requests.map(({ method, path, query, headers, body }) =>
      [method, path, query.toString(), headers['content-type'] ?? '', body].join(' '),
    )
    expect(seen).toEqual([
      'GET /prefix/api/v1/nodes limit=1&labelSelector=a%3Db  ',
      'POST /prefix/c fieldManager=weft application/json {"a":1}',
      'PUT /prefix/r  application/json {"a":2}',
      'PATCH /prefix/p  application/merge-patch+json {"a":3}',
      'PATCH /prefix/p  application/json-patch+json []',
      'PATCH /prefix/p  application/strategic-merge-patch+json {}',
      'PATCH /prefix/p fieldManager=weft&force=true application/apply-patch+yaml {}',
      'DELETE /prefix/d  application/json {"propagationPolicy":"Background"}',
      'DELETE /prefix/d   ',
    ])
    expect(server.requests[0]?.headers.authorization).toBe('Bearer secret')
    expect(server.connections).toBe(1)
  })

  it('reads text where the server says so', async () => {
    server.answer = (_request, response) => response.setHeader('content-type', 'text/plain; charset=utf-8').end('ok')
    expect(await client.get('/readyz')).toBe('ok')
  })

  it('types a Status', async () => {
    const details = { name: 'web', kind: 'services' }
    const body = status(404, 'NotFound', 'services "web" not found', { details })
    server.answer = (_request, response) => json(response, 404, body)
    const error = await failure(client.get('/api/v1/namespaces/default/services/web'))
    expect(error).toMatchObject({
      message: 'services "web" not found',
      code: 'API_NOT_FOUND',
      fault: 'peer',
      status: 404,
      reason: 'NotFound',
      details,
      where: `GET ${origin}/prefix/api/v1/namespaces/default/services/web`,
    })
  })

  it.each([
    [404, 'NotFound', isNotFound],
    [409, 'AlreadyExists', isAlreadyExists],
    [409, 'Conflict', isConflict],
    [410, 'Expired', isGone],
    [410, 'Gone', isGone],
  ])('%i %s has its predicate', async (code, reason, predicate) => {
    server.answer = (_request, response) => json(response, code, status(code, reason, 'm'))
    const error = await failure(client.get('/x'))
    const matching = [isNotFound, isAlreadyExists, isConflict, isGone, isNetworkError].filter((is) => is(error))
    expect(matching).toEqual([predicate])
  })

  it('keeps what a server says about coming back later', async () => {
    server.answer = (_request, response) =>
      json(response, 429, status(429, 'TooManyRequests', 'later'), { 'retry-after': '3' })
    expect(await failure(client.get('/x'))).toMatchObject({ retryAfterSeconds: 3, code: 'API_TOO_MANY_REQUESTS' })
  })

  it('tells whom to ask when access is denied', async () => {
    server.answer = (_request, response) => json(response, 403, status(403, 'Forbidden', 'no'))
    expect(await failure(client.get('/x'))).toMatchObject({
      fault: 'user',
      exitCode: 5,
      remedy: expect.stringMatching(/RBAC/),
    })
  })

  it('survives a gateway that answers with a page', async () => {
    server.answer = (_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad</html>')
    expect(await failure(client.get('/x'))).toMatchObject({
      code: 'API_HTTP_502',
      message: 'the API server answered 502',
    })
  })

  it('refuses a good answer that is no JSON', async () => {
    server.answer = (_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>login</html>')
    expect(await failure(client.get('/x'))).toMatchObject({ code: 'API_MALFORMED', fault: 'peer' })
  })

  it('names the server when it cannot be reached', async () => {
    await server.close()
    const error = await failure(client.get('/x'))
    expect(error).toMatchObject({
      code: 'API_UNREACHABLE',
      fault: 'peer',
      where: origin,
      message: expect.stringMatching(/ECONNREFUSED/),
    })
    server = new ScriptedServer()
    await server.listen()
  })

  it('gives up on an answer that does not come, or not whole', async () => {
    server.answer = () => undefined
    expect(await failure(client.get('/x', {}, { timeoutSeconds: 0.05 }))).toMatchObject({
      code: 'API_TIMEOUT',
      where: origin,
    })
    server.answer = (_request, response) => void response.writeHead(200).write('{"half":')
    expect(await failure(client.get('/x', {}, { timeoutSeconds: 0.05 }))).toMatchObject({ code: 'API_TIMEOUT' })
    server.answer = (_request, response) => {
      response.writeHead(200).write('{"half":')
      setImmediate(() => response.destroy())
    }
    expect(await failure(client.get('/x'))).toMatchObject({ code: 'API_UNREACHABLE' })
  })

  it('stops when told to: before, meanwhile, and by close', async () => {
    server.answer = () => undefined
    const controller = new AbortController()
    const under = failure(client.get('/x', {}, { signal: controller.signal }))
    await eventually(() => expect(server.requests).toHaveLength(1))
    controller.abort(new Error('enough'))
    expect(await under).toMatchObject({ code: 'API_CANCELLED', fault: 'cancelled', cause: { message: 'enough' } })
    expect(await failure(client.get('/x', {}, { signal: controller.signal }))).toMatchObject({ code: 'API_CANCELLED' })
    const open = failure(client.get('/y'))
    await eventually(() => expect(server.requests.at(-1)?.path).toBe('/prefix/y'))
    client.close()
    expect(await open).toMatchObject({ code: 'API_CANCELLED' })
    expect(await failure(client.get('/z'))).toMatchObject({ code: 'API_CANCELLED' })
    await eventually(() => expect(server.connections).toBe(0))
  })

  it('lets many calls share a signal without a warning', async () => {
    server.answer = (_request, response) => json(response, 200, {})
    const warnings: string[] = []
    const listen = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', listen)
    const { signal } = new AbortController()
    await Promise.all(Array.from({ length: 20 }, () => client.get('/x', {}, { signal })))
    process.off('warning', listen)
    expect(warnings).toEqual([])
  })

  it('leaves nothing on a signal that outlives the call', async () => {
    server.answer = (_request, response) => json(response, 200, {})
    const { signal } = new AbortController()
    await client.get('/x', {}, { signal })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('repeats a read that met a connection being closed, and not a write', async () => {
    let answered = 0
    server.answer = (request, response) => {
      if (request.query.has('cut') && answered++ % 2 === 0) response.socket?.destroy()
      else json(response, 200, { ok: true })
    }
    await client.get('/warm')
    expect(await client.get('/x', { cut: 1 })).toEqual({ ok: true })
    answered = 0
    expect(await failure(client.create('/x', {}, { query: { cut: 1 } }))).toMatchObject({ code: 'API_UNREACHABLE' })
  })
})

describe('list', () => {
  it('reads pages', async () => {
    server.answer = ({ query }, response) => {
      const token = query.get('continue')
      if (!token) json(response, 200, page(['a', 'b'], { continue: 't1' }))
      else if (token === 't1') json(response, 200, page(['c'], { continue: 't2' }))
      else json(response, 200, page([]))
    }
    const { items, resourceVersion } = await client.list<any>('/l', { labelSelector: 'x' })
    expect(items.map((item) => item.metadata.name)).toEqual(['a', 'b', 'c'])
    expect(resourceVersion).toBe('7')
    expect(server.requests.map(({ query }) => query.toString())).toEqual([
      'labelSelector=x&limit=500',
      'labelSelector=x&limit=500&continue=t1',
      'labelSelector=x&limit=500&continue=t2',
    ])
  })

  it('begins anew when the token expired, the last time in one piece', async () => {
    server.answer = ({ query }, response) => {
      if (query.get('continue'))
        json(response, 410, status(410, 'Expired', 'too old', { metadata: { continue: 'inconsistent' } }))
      else if (query.get('limit')) json(response, 200, page(['old'], { continue: 't' }))
      else json(response, 200, page(['a', 'b'], {}, '9'))
    }
    const { items, resourceVersion } = await client.list<any>('/l')
    expect(items.map((item) => item.metadata.name)).toEqual(['a', 'b'])
    expect(resourceVersion).toBe('9')
    expect(server.requests).toHaveLength(7)
  })

  it('takes null for no items, and refuses what is no list', async () => {
    server.answer = (_request, response) => json(response, 200, { metadata: { resourceVersion: '1' }, items: null })
    expect(await client.list('/l')).toEqual({ items: [], resourceVersion: '1' })
    for (const wrong of [{ kind: 'Pod' }, { metadata: { resourceVersion: '5' } }, { metadata: {}, items: [] }]) {
      server.answer = (_request, response) => json(response, 200, wrong)
      expect(await failure(client.list('/l'))).toMatchObject({ code: 'API_MALFORMED' })
    }
    server.answer = (_request, response) => json(response, 200, page([], { continue: 'same' }))
    expect(await failure(client.list('/l'))).toMatchObject({ code: 'API_MALFORMED' })
  })
})

describe('watch', () => {
  const options = { resourceVersion: '5', timeoutSeconds: 300 }
  const object = (resourceVersion: string): object => ({ metadata: { name: 'ü', resourceVersion } })

  async function collect(more: object = {}): Promise<unknown[]> {
    const events: unknown[] = []
    for await (const event of client.watch('/w', { ...options, ...more })) events.push(event)
    return events
  }

  it('asks for events and bookmarks after a version, and ends with the stream', async () => {
    const text = eventLine('ADDED', object('6')) + eventLine('BOOKMARK', object('7'))
    const sendBytewise = async (response: ServerResponse): Promise<void> => {
      for (const byte of Buffer.from(text)) {
        response.write(Buffer.from([byte]))
        await delay(0)
      }
      response.end()
    }
    server.answer = (_request, response) => {
      openStream(response)
      void sendBytewise(response)
    }
    expect(await collect({ query: { fieldSelector: 'f' } })).toEqual([
      { type: 'ADDED', object: object('6') },
      { type: 'BOOKMARK', object: object('7') },
    ])
    expect(server.requests[0]?.query.toString()).toBe(
      'fieldSelector=f&watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300',
    )
  })

  it('throws what the server refuses, by status or by event', async () => {
    server.answer = (_request, response) => json(response, 410, status(410, 'Expired', 'too old'))
    expect(isGone(await failure(collect()))).toBe(true)
    server.answer = (_request, response) =>
      response.end(eventLine('ERROR', status(410, 'Expired', 'too old resource version: 2')))
    expect(await failure(collect())).toMatchObject({ status: 410, message: 'too old resource version: 2' })
  })

  it('tells a broken stream from one that ended', async () => {
    server.answer = (_request, response) => {
      openStream(response)
      response.write(`${eventLine('ADDED', object('6'))}{"type":"MOD`, () => response.destroy())
    }
    expect(await failure(collect())).toMatchObject({
      code: 'API_UNREACHABLE',
      message: expect.stringMatching(/broke off/),
    })
    server.answer = (_request, response) => response.end('{"type":"MOD')
    expect(await failure(collect())).toMatchObject({
      code: 'API_UNREACHABLE',
      message: expect.stringMatching(/middle of an event/),
    })
  })

  it.each(['nonsense', 'null', '{"type":"MOVED","object":{}}', '{"type":"ADDED"}'])(
    'refuses the line %s',
    async (line) => {
      server.answer = (_request, response) => response.end(`${line}\n`)
      expect(await failure(collect())).toMatchObject({ code: 'API_MALFORMED' })
    },
  )

  it('gives up a silent stream', async () => {
    server.answer = (_request, response) => openStream(response)
    const error = await failure(collect({ idleTimeoutSeconds: 0.05 }))
    expect(error).toMatchObject({ code: 'API_TIMEOUT', message: expect.stringContaining('silent watch') })
  })

  it('does not count the time that the consumer takes', async () => {
    let end = (): void => undefined
    server.answer = (_request, response) => {
      openStream(response)
      response.write(eventLine('ADDED', object('6')))
      end = () => void response.end()
    }
    const types: string[] = []
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      for await (const event of client.watch('/w', { ...options, idleTimeoutSeconds: 60 })) {
        types.push(event.type)
        vi.advanceTimersByTime(600_000)
        end()
      }
    } finally {
      vi.useRealTimers()
    }
    expect(types).toEqual(['ADDED'])
  })

  it('closes its connection when the loop is left, and when told to stop', async () => {
    server.answer = (_request, response) => {
      openStream(response)
      response.write(eventLine('ADDED', object('6')))
    }
    for await (const event of client.watch('/w', options)) {
      expect(event.object.metadata.resourceVersion).toBe('6')
      break
    }
    await eventually(() => expect(server.connections).toBe(0))
    const controller = new AbortController()
    const watching = failure(collect({ signal: controller.signal, onOpen: () => controller.abort() }))
    expect(await watching).toMatchObject({ code: 'API_CANCELLED' })
    await eventually(() => expect(server.connections).toBe(0))
  })

  it('stops reading from a server whose events nobody takes', async () => {
    const line = eventLine('ADDED', { metadata: { name: 'x', resourceVersion: '6' }, data: 'x'.repeat(100_000) })
    let written = 0
    let stalled = false
    server.answer = (_request, response) => {
      openStream(response)
      const pump = (): void => {
        while (written < 2_000 && response.write(line)) written++
        stalled = written < 2_000
        response.once('drain', pump)
      }
      pump()
    }
    const events = client.watch('/w', options)
    expect((await events.next()).done).toBe(false)
    let before = -1
    await eventually(() => {
      const still = before === written
      before = written
      expect(still && stalled).toBe(true)
    }, 200)
    expect(written).toBeLessThan(2_000)
    await events.return(undefined)
  })
})
