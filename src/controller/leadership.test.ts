import { expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import type { ApiClient } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import type { Lease } from '../kube/lease.ts'
import { parseCIDR } from '../model/ip.ts'
import type { ControllerConfig } from './config.ts'
import { Leadership } from './leadership.ts'

const failed = (status: number, reason: string): ApiError =>
  new ApiError(status, { reason }, { method: 'PUT', url: 'x' })

/** An API with a Lease that can be cut off, and a Node that lacks a pod CIDR, whose first writer gets no answer until he is released. */
class Api {
  cut = false
  release = (): void => {}
  waiting = false
  /** The Lease was written while the first writer waited. */
  overlapped = false
  #lease: Lease | undefined
  #version = 0

  get client(): ApiClient {
    return {
      get: async () => this.#lease ?? Promise.reject(failed(404, 'NotFound')),
      create: async (_path: string, lease: Lease) => this.#write(lease),
      replace: async (_path: string, lease: Lease) => this.#write(lease),
      patch: () => this.#patch(),
      listPages: async (_path: string, _query: unknown, sink: { page(items: unknown[]): void }) => {
        sink.page([{ metadata: { name: 'n1', uid: 'u1' } }])
        return '1'
      },
      watch: async function* (_path: string, { signal }: { signal: AbortSignal }) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        yield* []
      },
    } as unknown as ApiClient
  }

  #write(lease: Lease): Lease {
    if (this.cut) throw failed(503, 'ServiceUnavailable')
    if (this.waiting && this.#lost) this.overlapped = true
    this.#lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++this.#version) } }
    return this.#lease
  }

  #lost = false
  /** From now on whoever writes the Lease begins a term. */
  lose(): void {
    this.#lost = true
    this.cut = false
  }

  #patch(): Promise<unknown> {
    if (this.#lost) return Promise.resolve({})
    this.waiting = true
    return new Promise((resolve) => {
      this.release = () => {
        this.waiting = false
        resolve({})
      }
    })
  }
}

it('begins no term before the parts of the last one have stopped, and leads in it for good', async () => {
  const api = new Api()
  const cluster = parseCIDR('10.42.0.0/16')
  if (cluster === undefined) throw new Error('not a CIDR')
  const config = {
    identity: 'a',
    podCIDRs: { ranges: [{ cluster, nodeMaskSize: 24 }], serviceCIDRs: [] },
    leaderElection: {
      enabled: true,
      namespace: 'kube-system',
      name: 'weft-controller',
      leaseDurationSeconds: 2,
      renewDeadlineSeconds: 1,
      retryPeriodSeconds: 0.05,
    },
  } as unknown as ControllerConfig
  const logged: string[] = []
  const leadership = new Leadership(config, api.client, (_, message) => {
    logged.push(message)
    if (message.startsWith('the Lease is lost')) api.lose()
  })
  const stopping = new AbortController()
  const running = leadership.run(stopping.signal)
  await eventually(() => expect(api.waiting).toBe(true))
  api.cut = true
  await eventually(() => expect(logged).toContain('the Lease is lost; standing for election again'))
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  api.release()
  await eventually(() => {
    expect(leadership.terms).toBeGreaterThan(1)
    expect(leadership.leading).toBe(true)
    expect(leadership.parts.running).toHaveLength(1)
  })
  expect(api.overlapped).toBe(false)
  stopping.abort()
  await running
})
