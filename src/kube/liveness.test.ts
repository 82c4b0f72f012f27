import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { ApiClient } from './client.ts'
import { eventLine, json, openStream, ScriptedServer, status } from './scripted-server.fixture.ts'

const options = { resourceVersion: '5', timeoutSeconds: 300 }
let server: ScriptedServer
let origin: string
let client: ApiClient

beforeEach(async () => {
  server = new ScriptedServer()
  origin = await server.listen()
})
afterEach(async () => {
  client.close()
  await server.close()
})

describe('a server that keeps the connections of its watches and says nothing', () => {
  it('is asked whether it is there, and kept if it answers whatever', async () => {
    let watch: ServerResponse | undefined
    server.answer = ({ path, query }, response) => {
      if (query.has('watch')) openStream((watch = response))
      else json(response, 403, status(403, 'Forbidden', `no ${path}`))
    }
    client = new ApiClient({ server: origin }, { silence: 0.02 })
    const next = client.watch('/w', options).next()
    await eventually(() => expect(server.requests.filter(({ path }) => path === '/livez').length).toBeGreaterThan(2))
    watch?.write(eventLine('ADDED', { metadata: { name: 'a', resourceVersion: '6' } }))
    expect(await next).toMatchObject({ value: { type: 'ADDED' } })
  })

  it('is given up with all watches if it does not answer either', async () => {
    server.answer = ({ query }, response) => {
      if (query.has('watch')) openStream(response)
    }
    client = new ApiClient({ server: origin }, { silence: 0.02, answer: 0.1 })
    const watches = ['/a', '/b'].map((path) => client.watch(path, options).next())
    for (const outcome of await Promise.allSettled(watches)) {
      const reason = { code: 'API_TIMEOUT', message: expect.stringContaining('GET /livez') }
      expect(outcome).toMatchObject({ status: 'rejected', reason })
    }
  })
})
