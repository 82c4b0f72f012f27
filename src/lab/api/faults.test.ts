import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../../test/eventually.ts'
import { afterSilence } from '../../../test/silence.ts'
import { type EmbeddedApi, startApi } from './server.ts'

let dir: string
let api: EmbeddedApi
let port: number
const errors: unknown[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'weft-api-'))
  api = await startApi({ dir, onError: (error) => errors.push(error) })
  port = Number(new URL(api.url).port)
})
afterAll(async () => {
  await api?.close()
  rmSync(dir, { recursive: true, force: true })
})

const maps = '/api/v1/namespaces/default/configmaps'

function call(
  method: string,
  path: string,
  body?: string,
  options: RequestOptions = {},
): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' }
    const sent = request({ host: '127.0.0.1', port, method, path, headers, ca: api.ca, ...options }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => (text += String(chunk)))
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function open(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: api.ca }, () => resolve(socket))
    socket.on('error', reject)
  })
}

const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.token}\r\n${more}\r\n`

const closed = (socket: { destroyed: boolean; once(event: 'close', done: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))

const map = (name: string, text = ''): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } })

const isWell = async (): Promise<void> => expect((await call('GET', '/readyz')).code).toBe(200)

describe('clients that misbehave', () => {
  it('may go in the middle of a body: nothing is created, and nobody is told', async () => {
    const socket = await open()
    const length = `content-type: application/json\r\ncontent-length: 1000\r\n`
    socket.write(`${head('POST', maps, length)}{"metadata":{"name":"half"`)
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
    await closed(socket)
    await isWell()
    expect(api.store.get('configmaps', 'default', 'half')).toBeUndefined()
    expect(errors).toEqual([])
  })

  it('get 413 for a body over the limit, whole or in chunks', async () => {
    const large = map('large', 'x'.repeat(4 * 1024 * 1024))
    const answer = await call('POST', maps, large)
    expect(answer.code).toBe(413)
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Status', reason: 'RequestEntityTooLarge', code: 413 })
    const headers = { authorization: `Bearer ${api.token}`, 'transfer-encoding': 'chunked' }
    expect((await call('POST', maps, large, { headers })).code).toBe(413)
    await isWell()
  })

  it.each([
    ['that is no HTTP', 'hello\r\n\r\n'],
    ['with a broken header', 'GET / HTTP/1.1\r\nbad header\r\n\r\n'],
    ['with headers without end', `GET / HTTP/1.1\r\na: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['with a broken length', 'POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n'],
  ])('get 4xx and the end of the connection for a request %s', async (_, text) => {
    const socket = await open()
    let answer = ''
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.on('error', () => {})
    socket.write(text)
    await closed(socket)
    expect(answer === '' ? '400' : answer.split(' ')[1]).toMatch(/^4\d\d$/)
    await isWell()
  })

  it('may name any path', async () => {
    const paths = [
      '//',
      '/api/v1/namespaces/%',
      '/api/v1/namespaces/%00/pods/%2f',
      '/apis//v1',
      '/api/v1/pods?watch=1&x=%',
    ]
    for (const path of paths) {
      const socket = await open()
      const first = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
      socket.on('error', () => {})
      socket.write(head('GET', path))
      expect(`${path} ${(await first).split(' ')[1]}`).toMatch(/ [24]\d\d$/)
      socket.destroy()
    }
    expect(errors).toEqual([])
  })

  it('may speak no TLS', async () => {
    const socket = connectTcp({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await closed(socket)
    await isWell()
  })
})

describe('many requests', () => {
  it('are answered on few connections that stay', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    const one = async (): Promise<number> => (await call('GET', `${maps}/none`, undefined, { agent })).code
    const codes = new Set<number>()
    for (let i = 0; i < 100; i++)
      for (const code of await Promise.all(Array.from({ length: 100 }, one))) codes.add(code)
    expect([...codes]).toEqual([404])
    const sockets = Object.values(agent.freeSockets).flatMap((list) => list ?? [])
    expect(sockets.length).toBeLessThanOrEqual(4)
    agent.destroy()
  })
})

describe('watches', () => {
  it('of a client that does not read are cut off; the others get everything', async () => {
    const slow = await open()
    slow.pause()
    slow.write(head('GET', `${maps}?watch=1`))
    const seen: string[] = []
    const good = await open()
    good.on('data', (chunk: Buffer) => {
      for (const [, name = ''] of String(chunk).matchAll(/"name":"(big-\d+)"/g)) seen.push(name)
    })
    good.write(head('GET', `${maps}?watch=1`))
    const text = 'x'.repeat(500_000)
    const names = Array.from({ length: 80 }, (_, i) => `big-${i}`)
    for (const name of names) expect((await call('POST', maps, map(name, text))).code).toBe(201)
    await eventually(() => expect(seen).toEqual(names))
    // What was on its way in the kernel can be read, and then there is nothing more.
    slow.on('error', () => {})
    slow.resume()
    await closed(slow)
    expect(slow.bytesRead).toBeLessThan(80 * text.length)
    good.destroy()
    await isWell()
  })

  it('may be many: all are told of a change', async () => {
    const agent = new Agent({ keepAlive: true })
    const headers = { authorization: `Bearer ${api.token}` }
    const { resourceVersion } = api.store
    const told: Promise<string>[] = []
    const opened = Array.from({ length: 200 }, () => {
      const path = `${maps}?watch=1&resourceVersion=${resourceVersion}`
      const sent = request({ host: '127.0.0.1', port, path, headers, ca: api.ca, agent })
      sent.on('error', () => {})
      sent.end()
      return new Promise<void>((resolve) =>
        sent.on('response', (answer) => {
          answer.on('error', () => {})
          told.push(new Promise((done) => answer.once('data', (chunk) => done(String(chunk)))))
          resolve()
        }),
      )
    })
    await Promise.all(opened)
    expect((await call('POST', maps, map('news'), { agent })).code).toBe(201)
    const lines = await Promise.all(told)
    expect(lines).toHaveLength(200)
    expect(new Set(lines).size).toBe(1)
    agent.destroy()
  })

  it('end at once when the server closes', async () => {
    const other = mkdtempSync(join(tmpdir(), 'weft-api-'))
    const second = await startApi({ dir: other })
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(second.url).port), ca: second.ca })
    const first = new Promise((resolve) => socket.once('data', resolve))
    const idle = connect({ host: '127.0.0.1', port: Number(new URL(second.url).port), ca: second.ca })
    await new Promise((resolve) => idle.once('secureConnect', resolve))
    socket.on('error', () => {})
    idle.on('error', () => {})
    socket.write(`GET /api/v1/namespaces?watch=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${second.token}\r\n\r\n`)
    await first
    let isLate = false
    const stop = afterSilence(2_000, () => (isLate = true))
    await second.close()
    await Promise.all([closed(socket), closed(idle)])
    stop()
    expect(isLate).toBe(false)
    rmSync(other, { recursive: true, force: true })
  })
})
