import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { freePort } from '../../test/free-port.ts'
import { type HttpOptions, servePages } from './http.ts'

const stops: AbortController[] = []
afterEach(() => stops.splice(0).forEach((stop) => stop.abort()))

async function holdPort(): Promise<{ server: Server; port: number }> {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { server, port }
}

const told: string[] = []
function serve(port: number, options: Partial<HttpOptions> = {}): Promise<void> {
  const stop = new AbortController()
  stops.push(stop)
  told.length = 0
  const pages = {
    '/healthz': () => ({ body: 'ok' }),
    '/bad': () => {
      throw new Error('no')
    },
  }
  const log: HttpOptions['log'] = (level, message) => void told.push(`${level} ${message}`)
  const at = { address: '127.0.0.1', port }
  return servePages({ flag: '--x', at, pages, hardFail: false, log, retryMs: 20, ...options }, stop.signal)
}

const get = async (port: number, path: string, init: RequestInit = {}): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
  return `${answer.status} ${await answer.text()}`
}

describe('servePages', () => {
  it('serves its pages, and nothing else', async () => {
    const port = await freePort()
    await serve(port)
    expect(await get(port, '/healthz?verbose')).toBe('200 ok')
    expect(await get(port, '/healthz', { method: 'HEAD' })).toBe('200 ')
    expect(await get(port, '/healthz', { method: 'POST' })).toBe('405 only GET and HEAD are served\n')
    expect(await get(port, '/toString')).toBe('404 not found; served here: /healthz /bad\n')
    expect(await get(port, '/bad')).toBe('500 internal error\n')
  })

  it('tries again where the port is taken, until it is free', async () => {
    const { server, port } = await holdPort()
    await serve(port)
    expect(told).toEqual(['warn cannot listen there; it is tried every 0.02 s'])
    server.close()
    await eventually(async () => expect(await get(port, '/healthz')).toBe('200 ok'))
    expect(told.at(-1)).toBe('info listening now')
  })

  it('ends where the port is taken, if asked to', async () => {
    const { server, port } = await holdPort()
    await expect(serve(port, { hardFail: true })).rejects.toMatchObject({ code: 'LISTEN_FAILED', where: '--x' })
    server.close()
  })

  it('serves nowhere if told so', async () => {
    await serve(0)
    await serve(1, { at: { address: '', port: 1 }, hardFail: true })
    expect(told).toEqual([])
  })

  it('frees its port when it is stopped', async () => {
    const port = await freePort()
    await serve(port)
    await get(port, '/healthz')
    stops.splice(0).forEach((stop) => stop.abort())
    await serve(port, { hardFail: true })
  })
})
