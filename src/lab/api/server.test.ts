import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from './access.ts'
import { type EmbeddedApi, startApi } from './server.ts'

let dir: string
let api: EmbeddedApi
let other: ChildProcess
let handedOver: { fd: number; port: number }

/** A listening socket made by another process, as those of other network namespaces are. */
function listeningElsewhere(): Promise<{ fd: number; port: number }> {
  const code = `const s = require('node:net').createServer()
    s.listen(0, '127.0.0.1', () => process.send(s.address().port, s._handle))
    process.on('disconnect', () => process.exit())`
  other = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  return new Promise((done) => {
    other.once('message', (port, handle) => done({ fd: (handle as unknown as { fd: number }).fd, port: Number(port) }))
  })
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'weft-api-'))
  handedOver = await listeningElsewhere()
  api = await startApi({
    dir,
    advertise: { address: '172.30.0.2', port: 6443 },
    listeners: [{ fd: handedOver.fd }],
  })
  other.disconnect()
})

afterAll(async () => {
  await api?.close()
  rmSync(dir, { recursive: true, force: true })
})

interface Options {
  body?: unknown
  accept?: string
  type?: string
  token?: string | undefined
  port?: number
}

function open(method: string, path: string, options: Options = {}): Promise<IncomingMessage> {
  const { body, accept, type = 'application/json', port = Number(new URL(api.url).port) } = options
  const token = 'token' in options ? options.token : api.token
  return new Promise((done, fail) => {
    const headers = {
      'content-type': type,
      ...(accept === undefined ? {} : { accept }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const sent = request({ host: '127.0.0.1', port, method, path, headers, ca: api.ca, agent: false }, done)
    sent.on('error', fail)
    sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}

async function call(method: string, path: string, options: Options = {}): Promise<{ code: number; body: Json }> {
  const answer = await open(method, path, options)
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return { code: answer.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : { text } }
}

/** The events of a watch, one by one. */
async function* watch(path: string, accept?: string): AsyncGenerator<Json> {
  const answer = await open('GET', path, accept === undefined ? {} : { accept })
  let rest = ''
  for await (const chunk of answer) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line)
  }
}

async function take(events: AsyncGenerator<Json>, count: number): Promise<Json[]> {
  const taken: Json[] = []
  while (taken.length < count) {
    const next = await events.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}

const maps = '/api/v1/namespaces/default/configmaps'
const brief = ({ type, object }: Json): unknown[] => [type, object.metadata.name]

describe('who may ask', () => {
  it('is whoever has the token; health and version are open', async () => {
    expect(await call('GET', maps, { token: undefined })).toMatchObject({ code: 403, body: { reason: 'Forbidden' } })
    expect((await call('GET', maps, { token: 'x' })).code).toBe(401)
    expect(await call('GET', '/readyz', { token: undefined })).toEqual({ code: 200, body: { text: 'ok' } })
    expect((await call('GET', '/version', { token: undefined })).body).toMatchObject({ major: '1', minor: '36' })
  })

  it('is answered on sockets that were handed over, too', async () => {
    expect((await call('GET', maps, { port: handedOver.port })).code).toBe(200)
  })
})

describe('what is not known', () => {
  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/api/v2', 404],
    ['GET', '/api/v1/things', 404],
    ['GET', '/apis/none.example/v1/things', 404],
    ['GET', '/apis/apps/v9/deployments', 404],
    ['GET', '/api/v1/namespaces/default/pods/x/nothing', 404],
    ['GET', '/api/v1/configmaps/a', 404],
    ['POST', `${maps}/a`, 405],
    ['PUT', maps, 405],
    ['OPTIONS', maps, 405],
    ['POST', '/api/v1/configmaps', 405],
    ['POST', '/version', 405],
    ['DELETE', '/api/v1/namespaces', 405],
  ])('%s %s: %i', async (method, path, code) => {
    expect((await call(method, path)).code).toBe(code)
  })

  it('covers media types, and an apply that names no manager', async () => {
    expect((await call('GET', maps, { accept: 'text/html' })).code).toBe(406)
    expect((await call('POST', maps, { type: 'text/plain', body: 'x' })).code).toBe(415)
    const apply = await call('PATCH', `${maps}/x`, { type: 'application/apply-patch+yaml', body: '{}' })
    expect(apply).toMatchObject({ code: 422, body: { reason: 'Invalid' } })
    expect((await call('POST', maps, { body: '{"a":' })).body['message']).toContain('unexpected end of JSON input')
    expect((await call('GET', `${maps}?fieldSelector=data.a%3D1`)).body['message']).toContain(
      '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
    )
    expect((await call('POST', `${maps}?dryRun=Some`, { body: { metadata: { name: 'a' } } })).code).toBe(422)
  })

  it('is said of bodies of another kind, name or namespace', async () => {
    const wrong = async (body: Json): Promise<number> => (await call('POST', maps, { body })).code
    expect(await wrong({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } })).toBe(400)
    expect(await wrong({ metadata: { name: 'a', namespace: 'other' } })).toBe(400)
    expect(await wrong({ metadata: { name: 'a' }, data: { a: 1 } })).toBe(400)
    expect(await wrong({ metadata: { name: 'Upper' } })).toBe(422)
    expect(await wrong([])).toBe(400)
  })
})

describe('watching', () => {
  it('begins with all there is, follows, and resumes', async () => {
    const path = '/api/v1/namespaces/kube-public/configmaps'
    await call('POST', path, { body: { metadata: { name: 'one', labels: { tier: 'web' } } } })
    const events = watch(`${path}?watch=1&labelSelector=tier%3Dweb`)
    expect((await take(events, 1)).map(brief)).toEqual([['ADDED', 'one']])
    await call('POST', path, { body: { metadata: { name: 'two', labels: { tier: 'web' } } } })
    const merge = { type: 'application/merge-patch+json' }
    await call('PATCH', `${path}/one`, { ...merge, body: { data: { a: '1' } } })
    await call('PATCH', `${path}/one`, { ...merge, body: { metadata: { labels: { tier: 'db' } } } })
    await call('DELETE', `${path}/two`)
    const seen = await take(events, 4)
    expect(seen.map(brief)).toEqual([
      ['ADDED', 'two'],
      ['MODIFIED', 'one'],
      ['DELETED', 'one'],
      ['DELETED', 'two'],
    ])
    const version = seen[0]?.['object'].metadata.resourceVersion
    const resumed = watch(`${path}?watch=1&resourceVersion=${version}&timeoutSeconds=1`)
    expect((await take(resumed, 9)).map(brief)).toEqual([
      ['MODIFIED', 'one'],
      ['MODIFIED', 'one'],
      ['DELETED', 'two'],
    ])
  })

  it('marks the end of the initial events', async () => {
    const query = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
    const [first, second, last] = await take(
      watch(`/api/v1/namespaces?${query}&fieldSelector=metadata.name%21%3Dx`),
      5,
    ).then((events) => [events[0], events[3], events[4]])
    expect([first?.['type'], second?.['type'], last?.['type']]).toEqual(['ADDED', 'ADDED', 'BOOKMARK'])
    expect(last?.['object'].metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
  })

  it('sends Tables, with columns once', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
    const [first, second] = await take(watch('/api/v1/namespaces?watch=1', accept), 2)
    expect(first?.['object']).toMatchObject({ kind: 'Table', columnDefinitions: [{ name: 'Name' }, {}, {}] })
    expect(second?.['object'].columnDefinitions).toBeUndefined()
  })
})

describe('lists', () => {
  it('come in pages that show one state', async () => {
    const path = '/api/v1/namespaces/kube-node-lease/configmaps'
    for (const name of ['a', 'b', 'c']) await call('POST', path, { body: { metadata: { name } } })
    const first = (await call('GET', `${path}?limit=2`)).body
    expect(first['metadata'].remainingItemCount).toBe(1)
    await call('POST', path, { body: { metadata: { name: 'ba' } } })
    const token = encodeURIComponent(first['metadata'].continue)
    const second = (await call('GET', `${path}?limit=2&continue=${token}`)).body
    expect(second['items'].map((item: Json) => item['metadata'].name)).toEqual(['c'])
    expect(second['metadata']).toEqual({ resourceVersion: first['metadata'].resourceVersion })
    expect(Object.keys(second['items'][0])).toEqual(['metadata'])
  })

  it('are empty for a namespace that is not there, and refuse the future', async () => {
    expect((await call('GET', '/api/v1/namespaces/nowhere/pods')).body['items']).toEqual([])
    expect((await call('GET', `${maps}?resourceVersion=99999999`)).code).toBe(504)
  })
})

describe('the same Events', () => {
  it('are shown under both groups', async () => {
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' }
    const body = { metadata: { name: 'e' }, involvedObject, message: 'hello', type: 'Normal' }
    await call('POST', '/api/v1/namespaces/default/events', { body })
    const later = await call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e')
    expect(later.body).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'hello', regarding: { name: 'p' } })
    expect(later.body['message']).toBeUndefined()
  })
})

describe('a second start in the same folder', () => {
  it('is refused as long as the first one runs', async () => {
    await expect(startApi({ dir })).rejects.toMatchObject({ code: 'API_STATE_IN_USE' })
  })

  it('keeps CA, token and objects; versions go on, older ones are gone', async () => {
    const other = mkdtempSync(join(tmpdir(), 'weft-api-'))
    const first = await startApi({ dir: other })
    const made = first.store.create('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kept', namespace: 'default' },
    })
    const before = first.store.contents()
    const { resourceVersion } = first.store
    await first.close()
    const again = await startApi({ dir: other })
    try {
      expect([again.ca, again.token]).toEqual([first.ca, first.token])
      expect(again.kubeconfig('https://172.30.0.2:6443')).toContain('server: https://172.30.0.2:6443')
      const kept = again.store.get('configmaps', 'default', 'kept')
      expect(kept).toEqual(made)
      expect(Object.isFrozen(kept?.metadata)).toBe(true)
      expect(again.store.contents().filter(({ object }) => object.metadata.name !== 'kubernetes')).toEqual(
        before.filter(({ object }) => object.metadata.name !== 'kubernetes'),
      )
      expect(Number(again.store.resourceVersion)).toBeGreaterThan(Number(resourceVersion))
      expect(() => again.store.eventsSince('configmaps', Number(resourceVersion))).toThrow('too old resource version')
    } finally {
      await again.close()
      rmSync(other, { recursive: true, force: true })
    }
  })
})

/** GET of a server of one's own; lines of JSON as a list. */
function fetchFrom({ url, token, ca }: EmbeddedApi, path: string): Promise<{ code: number; lines: Json[] }> {
  return new Promise((done, fail) => {
    const headers = { authorization: `Bearer ${token}` }
    const { port } = new URL(url)
    request({ host: '127.0.0.1', port, path, headers, ca, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => (text += String(chunk)))
      answer.on('end', () => {
        const lines = text.split('\n').filter((line) => line !== '')
        done({ code: answer.statusCode ?? 0, lines: lines.map((line) => JSON.parse(line)) })
      })
    })
      .on('error', fail)
      .end()
  })
}

describe('what was asked of an earlier process', () => {
  it('is gone: watches, lists at a version and continue tokens get 410', async () => {
    const other = mkdtempSync(join(tmpdir(), 'weft-api-'))
    const first = await startApi({ dir: other })
    const path = '/api/v1/namespaces'
    const page = (await fetchFrom(first, `${path}?limit=2`)).lines[0]?.['metadata']
    await first.close()
    const again = await startApi({ dir: other })
    try {
      const gone = { kind: 'Status', code: 410, reason: 'Expired' }
      const watching = await fetchFrom(
        again,
        `${path}?watch=1&timeoutSeconds=1&resourceVersion=${page.resourceVersion}`,
      )
      expect(watching.lines).toMatchObject([{ type: 'ERROR', object: gone }])
      const exact = `${path}?resourceVersionMatch=Exact&resourceVersion=${page.resourceVersion}`
      expect(await fetchFrom(again, exact)).toMatchObject({ code: 410, lines: [gone] })
      const next = `${path}?limit=2&continue=${encodeURIComponent(page.continue)}`
      expect(await fetchFrom(again, next)).toMatchObject({ code: 410, lines: [gone] })
    } finally {
      await again.close()
      rmSync(other, { recursive: true, force: true })
    }
  })
})

describe('a start after a kill', () => {
  it('has custom resources and their definitions, managed fields and allocations', async () => {
    const other = mkdtempSync(join(tmpdir(), 'weft-api-'))
    const first = await startApi({ dir: other })
    const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' }
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } }
    first.store.create('customresourcedefinitions', {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names,
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    })
    const thing = {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'one', namespace: 'default' },
      spec: {},
    }
    first.store.create('things.example.com', thing)
    const applied = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }
    const headers = { authorization: `Bearer ${first.token}`, 'content-type': 'application/apply-patch+yaml' }
    const path = '/api/v1/namespaces/default/services/web?fieldManager=test'
    const code = await new Promise((done, fail) => {
      const { port } = new URL(first.url)
      const sent = request({ host: '127.0.0.1', port, method: 'PATCH', path, headers, ca: first.ca }, (answer) => {
        answer.resume()
        done(answer.statusCode)
      })
      sent.on('error', fail).end(JSON.stringify(applied))
    })
    expect(code).toBe(201)
    // The files as they are now are what is left by kill -9.
    const copy = mkdtempSync(join(tmpdir(), 'weft-api-'))
    cpSync(other, copy, { recursive: true })
    const before = first.store.contents()
    await first.close()
    const again = await startApi({ dir: copy })
    try {
      const ownEndpoint = ({ object }: { object: Json }): boolean => object['metadata'].name !== 'kubernetes'
      expect(again.store.contents().filter(ownEndpoint)).toEqual(before.filter(ownEndpoint))
      expect(again.store.list('things.example.com')).toHaveLength(1)
      const web = again.store.get('services', 'default', 'web')
      expect(web?.metadata.managedFields?.[0]).toMatchObject({ manager: 'test', operation: 'Apply' })
      expect(again.store.allocations.addressError(web?.['spec'].clusterIP)).toContain('already allocated')
    } finally {
      await again.close()
      for (const folder of [other, copy]) rmSync(folder, { recursive: true, force: true })
    }
  })
})
