import { expect, it } from 'vitest'
import type { ApiClient } from '../../kube/client.ts'
import { ApiError } from '../../kube/client.ts'
import type { Pod } from './pod.ts'
import { Tokens } from './tokens.ts'

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop', uid: 'u' },
  spec: {
    containers: [],
    serviceAccountName: 'robot',
    volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } }],
  },
}
const refusing = (status: number, message: string) =>
  ({
    create: () => Promise.reject(Object.assign(Object.create(ApiError.prototype) as ApiError, { status, message })),
  }) as unknown as ApiClient

it('asks the API once, and keeps what it gives', async () => {
  const bodies: unknown[] = []
  const create = (_: string, body: unknown) =>
    Promise.resolve({ metadata: {}, status: { token: `t${bodies.push(body)}` } })
  const tokens = new Tokens({ create } as unknown as ApiClient)
  await tokens.prepare(pod)
  await tokens.prepare(pod)
  expect(tokens.token(pod, 'vault')).toBe('t1')
  expect(bodies).toMatchObject([
    { spec: { audiences: ['vault'], boundObjectRef: { kind: 'Pod', name: 'p', uid: 'u' } } },
  ])
  tokens.forget(pod)
  expect(tokens.token(pod, 'vault')).toBe('')
})

it('says that the service account is missing', async () => {
  const tokens = new Tokens(refusing(404, 'serviceaccounts "robot" not found'))
  await expect(tokens.prepare(pod)).rejects.toThrow('failed to fetch token: serviceaccounts "robot" not found')
})
