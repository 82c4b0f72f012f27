import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../../../test/eventually.ts'
import type { Container, Probe } from '../pod.ts'
import type { ContainerPlace } from '../runtime.ts'
import { runProbes } from './prober.ts'

const place: ContainerPlace = {
  pid: 0,
  cgroupDir: '',
  restart: 0,
  env: {},
  cwd: '/',
  enter: (command) => [...command],
}
// So often, and with so much patience, that only what a test is about fails.
const fast = { periodSeconds: 0.01, timeoutSeconds: 30 }

/** Runs the probes of a container against 127.0.0.1, and notes what they say. */
function probing(
  probes: Pick<Container, 'startupProbe' | 'readinessProbe' | 'livenessProbe'>,
  ports: Container['ports'] = [],
) {
  const told: string[] = []
  const stop = new AbortController()
  const listener = {
    started: () => told.push('started'),
    ready: (ready: boolean) => told.push(ready ? 'ready' : 'not ready'),
    failed: (kind: string) => told.push(`${kind} failed`),
    finding: (_: string, finding: string) => told.push(finding),
  }
  const target = { container: { name: 'c', ports, ...probes }, podIP: '127.0.0.1', place }
  const done = runProbes(target, listener, performance.now(), stop.signal)
  return { told, end: () => (stop.abort(), done) }
}

async function server(status: () => number) {
  const http = createServer((request, response) => {
    response.writeHead(request.url === '/ok' && request.headers['x-key'] === 'v' ? status() : 404).end()
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return { port: (http.address() as AddressInfo).port, close: () => http.close() }
}

describe('runProbes', () => {
  it('counts a probe that there is not as passed', async () => {
    const { told, end } = probing({})
    await eventually(() => expect(told).toEqual(['started', 'ready']))
    await end()
  })

  it('asks by HTTP, by a named port, with thresholds in a row', async () => {
    let status = 200
    const { port, close } = await server(() => status)
    const httpGet = { port: 'http', path: '/ok', httpHeaders: [{ name: 'X-Key', value: 'v' }] }
    const readinessProbe: Probe = { ...fast, httpGet, failureThreshold: 2 }
    const { told, end } = probing({ readinessProbe }, [{ name: 'http', containerPort: port }])
    await eventually(() => expect(told).toEqual(['started', 'ready']))
    status = 500
    const failure = 'HTTP probe failed with statuscode: 500'
    await eventually(() => expect(told.slice(2, 5)).toEqual([failure, failure, 'not ready']))
    status = 302
    await eventually(() => expect(told.at(-1)).toBe('ready'))
    await end()
    close()
  })

  it('holds the others back until the startup probe has passed', async () => {
    let status = 503
    const { port, close } = await server(() => status)
    const startupProbe: Probe = {
      ...fast,
      httpGet: { port, path: '/ok', httpHeaders: [{ name: 'x-key', value: 'v' }] },
      failureThreshold: 1000,
    }
    const { told, end } = probing({
      startupProbe,
      livenessProbe: { ...fast, tcpSocket: { port: 1 }, failureThreshold: 1 },
    })
    await eventually(() => expect(told.length).toBeGreaterThan(3))
    expect(new Set(told)).toEqual(new Set(['HTTP probe failed with statuscode: 503']))
    status = 200
    await eventually(() => expect(told.at(-1)).toBe('liveness failed'))
    expect(told.slice(-4)).toEqual(['started', 'ready', expect.stringContaining('ECONNREFUSED'), 'liveness failed'])
    await end()
    close()
  })

  it('runs commands, and says what they said or that they took too long', async () => {
    const exec = (...command: string[]): Probe => ({ ...fast, exec: { command }, failureThreshold: 1 })
    const wrong = probing({ startupProbe: exec('sh', '-c', 'echo no luck; exit 3') })
    await eventually(() => expect(wrong.told).toEqual(['no luck', 'startup failed']))
    const slow = probing({ startupProbe: { ...exec('sleep', '60'), timeoutSeconds: 0.2 } })
    await eventually(() => expect(slow.told[0]).toMatch(/command timed out: "sleep 60" timed out after 0\.2s/))
    await Promise.all([wrong.end(), slow.end()])
  })
})
