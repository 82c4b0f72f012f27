import { describe, expect, it } from 'vitest'
import type { ApiClient } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import { clusterUidOf, isRefused } from './cluster.ts'

const call = { method: 'GET', url: 'https://127.0.0.1:6443/api/v1/namespaces/kube-system' }
const forbidden = new ApiError(403, { reason: 'Forbidden', message: 'namespaces "kube-system" is forbidden' }, call)

/** Fails with each of these in turn, then knows the cluster. */
function client(...errors: Error[]): Pick<ApiClient, 'get'> {
  const get = async (): Promise<unknown> => {
    const error = errors.shift()
    if (error !== undefined) throw error
    return { metadata: { name: 'kube-system', uid: 'u1' } }
  }
  return { get: get as ApiClient['get'] }
}

describe('clusterUidOf', () => {
  it('waits for the right to ask, and says what is missing', async () => {
    const said: unknown[] = []
    const uid = await clusterUidOf(client(forbidden), (...line) => said.push(line), new AbortController().signal)
    expect(uid).toBe('u1')
    const fields = { error: 'namespaces "kube-system" is forbidden', remedy: expect.stringContaining('RBAC') }
    expect(said).toEqual([['warn', 'the API does not tell which cluster it is', fields]])
  })

  it('ends where nobody is to wait: with a dry run', async () => {
    const asked = clusterUidOf(client(forbidden), () => {}, new AbortController().signal, isRefused)
    await expect(asked).rejects.toBe(forbidden)
  })

  it('waits for an API that is away even then', async () => {
    const asked = clusterUidOf(
      client(new Error('connect ECONNREFUSED')),
      () => {},
      new AbortController().signal,
      isRefused,
    )
    expect(await asked).toBe('u1')
  })
})
