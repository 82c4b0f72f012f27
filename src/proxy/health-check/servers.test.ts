import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/free-port.ts'
import { HealthCheckServers, type HealthCheckServersOptions } from './servers.ts'

const skip = process.getuid?.() === 0 ? '' : ' (needs root for network namespaces)'

describe.skipIf(skip !== '')(`health-check node ports${skip}`, () => {
  const made: HealthCheckServers[] = []
  const taken: Server[] = []
  const make = (over: Partial<HealthCheckServersOptions> = {}): HealthCheckServers => {
    const servers = new HealthCheckServers({ isHealthy: () => true, isManagementPort: (port) => port === 22, ...over })
    made.push(servers)
    return servers
  }
  afterEach(() => {
    for (const servers of made.splice(0)) servers.close()
    for (const server of taken.splice(0)) server.close()
  })

  /** A port that nobody has, or one that a server of the test holds. */
  const port = async (held = false): Promise<number> => {
    const number = await freePort()
    if (!held) return number
    const server = createServer().listen(number, '127.0.0.1')
    taken.push(server)
    await once(server, 'listening')
    return number
  }
  const ask = async (
    number: number,
    address = '127.0.0.1',
  ): Promise<{ status: number; weight: string | null; body: unknown }> => {
    const response = await fetch(`http://${address}:${number}/anything`)
    const weight = response.headers.get('x-load-balancing-endpoint-weight')
    return { status: response.status, weight, body: await response.json() }
  }
  const fails = async (number: number, address?: string): Promise<boolean> => {
    try {
      await ask(number, address)
      return false
    } catch {
      return true
    }
  }

  it('answers 200 with endpoints here, 503 without, and with the weight', async () => {
    const servers = make()
    const number = await port()
    const check = { service: 'shop/web', port: number, localEndpoints: 2 }
    servers.update([check], ['127.0.0.1', '127.0.0.2'])
    const service = { namespace: 'shop', name: 'web' }
    expect(await ask(number)).toEqual({
      status: 200,
      weight: '2',
      body: { service, localEndpoints: 2, serviceProxyHealthy: true },
    })
    expect((await ask(number, '127.0.0.2')).status).toBe(200)
    servers.update([{ ...check, localEndpoints: 0 }], ['127.0.0.1', '127.0.0.2'])
    expect(await ask(number)).toMatchObject({ status: 503, weight: '0', body: { localEndpoints: 0 } })
  })

  it('answers 503 while the proxy does not keep up', async () => {
    let healthy = false
    const servers = make({ isHealthy: () => healthy })
    const number = await port()
    servers.update([{ service: 'shop/web', port: number, localEndpoints: 1 }], ['127.0.0.1'])
    expect(await ask(number)).toMatchObject({ status: 503, weight: '1', body: { serviceProxyHealthy: false } })
    healthy = true
    expect((await ask(number)).status).toBe(200)
  })

  it('opens and closes what changes, and nothing else', async () => {
    const servers = make()
    const [one, two] = [await port(), await port()]
    const checks = [one, two].map((number) => ({ service: `shop/${number}`, port: number, localEndpoints: 1 }))
    servers.update(checks, ['127.0.0.1'])
    expect(servers.listening).toEqual([`127.0.0.1 ${one}`, `127.0.0.1 ${two}`])
    servers.update(checks.slice(1), ['127.0.0.1', '127.0.0.2'])
    expect(servers.listening).toEqual([`127.0.0.1 ${two}`, `127.0.0.2 ${two}`])
    expect(await fails(one)).toBe(true)
    servers.update(checks.slice(1), ['127.0.0.2'])
    expect(await fails(two)).toBe(true)
    expect((await ask(two, '127.0.0.2')).status).toBe(200)
    servers.close()
    expect(await fails(two, '127.0.0.2')).toBe(true)
  })

  it('tells of a port that is taken, and takes it as soon as it is free', async () => {
    const servers = make({ retryMs: 20 })
    const number = await port(true)
    servers.update([{ service: 'shop/web', port: number, localEndpoints: 1 }], ['127.0.0.1'])
    expect(servers.failures).toEqual([
      {
        service: 'shop/web',
        reason: 'FailedToStartServiceHealthcheck',
        message: expect.stringContaining('EADDRINUSE') as string,
      },
    ])
    for (const server of taken.splice(0)) await new Promise((resolve) => server.close(resolve))
    await expect.poll(() => servers.failures).toEqual([])
    expect((await ask(number)).status).toBe(200)
  })

  it('never listens on a port by which the node is managed, and gives a port to one Service only', async () => {
    const servers = make()
    const number = await port()
    servers.update(
      [
        { service: 'shop/ssh', port: 22, localEndpoints: 1 },
        { service: 'shop/old', port: number, localEndpoints: 1 },
        { service: 'shop/new', port: number, localEndpoints: 5 },
      ],
      ['127.0.0.3'],
    )
    expect(servers.listening).toEqual([`127.0.0.3 ${number}`])
    expect(servers.failures.map(({ service }) => service)).toEqual(['shop/ssh', 'shop/new'])
    expect((await ask(number, '127.0.0.3')).weight).toBe('1')
  })
})
