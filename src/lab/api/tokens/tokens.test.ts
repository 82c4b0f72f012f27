import { createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../kube/client.ts'
import { loadKubeconfig } from '../../../kube/kubeconfig.ts'
import type { Json } from '../access.ts'
import { type EmbeddedApi, startApi } from '../server.ts'
import { ServiceAccountTokens } from './tokens.ts'

let dir: string
let api: EmbeddedApi
let client: ApiClient

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'weft-tokens-'))
  api = await startApi({ dir })
  client = await asUser(api.token)
  make('serviceaccounts', 'ServiceAccount', 'robot')
  api.store.create('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } })
})

afterAll(async () => {
  client?.close()
  await api?.close()
  rmSync(dir, { recursive: true, force: true })
})

const make = (resource: string, kind: string, name: string, more: Json = {}) =>
  api.store.create(resource, { apiVersion: 'v1', kind, metadata: { name, namespace: 'default' }, ...more })

const makePod = (name: string, serviceAccountName = 'robot') =>
  make('pods', 'Pod', name, { spec: { serviceAccountName, nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } })

async function asUser(token: string): Promise<ApiClient> {
  const text = api.kubeconfig().replace(api.token, token)
  const file = join(dir, `kubeconfig-${token.length}`)
  writeFileSync(file, text)
  return new ApiClient(await loadKubeconfig(file))
}

const ask = (spec: Json, account = 'robot', more: Json = {}): Promise<Json> =>
  client.create<Json & { metadata: object }>(`/api/v1/namespaces/default/serviceaccounts/${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec,
    ...more,
  })

const tokenFor = async (spec: Json = {}): Promise<string> => String((await ask(spec))['status'].token)

const review = async (token: string, audiences?: string[]): Promise<Json> => {
  const spec = { token, ...(audiences && { audiences }) }
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec }
  const answer = await client.create<Json & { metadata: object }>('/apis/authentication.k8s.io/v1/tokenreviews', body)
  return answer['status']
}

const claimsOf = (token: string): Json => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('a TokenRequest', () => {
  it('is answered with a signed token and when it ends', async () => {
    const answer = await ask({})
    expect(answer).toMatchObject({
      metadata: { name: 'robot', namespace: 'default' },
      spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds: 3600, boundObjectRef: null },
    })
    const claims = claimsOf(answer['status'].token)
    const uid = api.store.get('serviceaccounts', 'default', 'robot')?.metadata.uid
    expect(claims).toMatchObject({
      iss: 'https://kubernetes.default.svc',
      sub: 'system:serviceaccount:default:robot',
      'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid } },
    })
    expect(claims['exp'] - claims['iat']).toBe(3600)
    expect(Date.parse(answer['status'].expirationTimestamp)).toBe(claims['exp'] * 1000)
    expect(statSync(join(dir, 'service-account.key')).mode & 0o777).toBe(0o600)
  })

  it.each<[string, Json, string?, Json?]>([
    ['may not specify a duration less than 10 minutes', { expirationSeconds: 599 }],
    ['may not specify a duration larger than 2^32 seconds', { expirationSeconds: 2 ** 32 + 1 }],
    ['cannot unmarshal string into Go struct field', { expirationSeconds: '600' }],
    ['serviceaccounts "nobody" not found', {}, 'nobody'],
    ['must match the service account name if specified', {}, 'robot', { metadata: { name: 'other' } }],
    ['pods "gone" not found', { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'gone' } }],
    [
      'cannot bind token to object of type apps/v1, Kind=Deployment',
      { boundObjectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
    ],
  ])('is refused: %s', async (words, spec, account, more) => {
    await expect(ask(spec, account, more)).rejects.toThrow(words)
  })

  it('is refused for a pod of another account or another uid', async () => {
    makePod('strange', 'other')
    const reference = { apiVersion: 'v1', kind: 'Pod', name: 'strange' }
    await expect(ask({ boundObjectRef: reference })).rejects.toThrow('different serviceaccount name')
    makePod('again')
    await expect(ask({ boundObjectRef: { ...reference, name: 'again', uid: 'old' } })).rejects.toThrow(
      'does not match the UID in record',
    )
  })
})

describe('a token', () => {
  it('is accepted, and its holder may do everything', async () => {
    const robot = await asUser(await tokenFor())
    try {
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
      const type = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} }
      const self = await robot.create<Json & { metadata: object }>(path, type)
      expect(self['status'].userInfo).toMatchObject({
        username: 'system:serviceaccount:default:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] },
      })
      const access = await robot.create<Json & { metadata: object }>(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          metadata: {},
          spec: { resourceAttributes: { verb: 'list', resource: 'nodes' } },
        },
      )
      expect(access['status'].allowed).toBe(true)
      expect((await robot.list('/api/v1/nodes')).items).toHaveLength(1)
    } finally {
      robot.close()
    }
  })

  it('of a pod is worth nothing once the pod is another or gone', async () => {
    const pod = makePod('worker')
    const { uid } = pod.metadata
    const token = await tokenFor({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'worker', uid } })
    expect(await review(token)).toMatchObject({
      authenticated: true,
      user: {
        extra: {
          'authentication.kubernetes.io/node-name': ['n1'],
          'authentication.kubernetes.io/pod-name': ['worker'],
          'authentication.kubernetes.io/pod-uid': [uid],
        },
      },
      audiences: ['https://kubernetes.default.svc'],
    })
    api.store.remove('pods', 'default', 'worker', { gracePeriodSeconds: 0 })
    const invalid = { user: {}, error: '[invalid bearer token, service account token has been invalidated]' }
    expect(await review(token)).toEqual(invalid)
    makePod('worker')
    expect(await review(token)).toEqual(invalid)
  })

  it('of an account that is gone or another is refused', async () => {
    make('serviceaccounts', 'ServiceAccount', 'brief')
    const token = String((await ask({}, 'brief'))['status'].token)
    const brief = await asUser(token)
    try {
      await brief.list('/api/v1/nodes')
      api.store.remove('serviceaccounts', 'default', 'brief')
      await expect(brief.list('/api/v1/nodes')).rejects.toThrow('Unauthorized')
      make('serviceaccounts', 'ServiceAccount', 'brief')
      expect((await review(token))['error']).toContain('does not match claim')
    } finally {
      brief.close()
    }
  })

  it('is for its audiences alone', async () => {
    const token = await tokenFor({ audiences: ['vault', 'nomad'] })
    expect(await review(token, ['vault', 'else'])).toMatchObject({ authenticated: true, audiences: ['vault'] })
    expect((await review(token))['error']).toBe(
      '[invalid bearer token, token audiences ["vault" "nomad"] is invalid for the target audiences ["https://kubernetes.default.svc"]]',
    )
    expect((await review(api.token, ['vault']))['error']).toBe('invalid bearer token')
  })

  it('is refused when it is over, and when a character of it is another', async () => {
    const tokens = new ServiceAccountTokens(api.store, dir)
    const audience = ['https://kubernetes.default.svc']
    const token = await tokenFor({ expirationSeconds: 600 })
    const later = new Date(Date.now() + 601_000)
    expect(tokens.authenticate(token, audience, new Date())).toHaveProperty('user')
    expect(tokens.authenticate(token, audience, later)).toEqual({ error: 'service account token has expired' })
    const [header, claims, signature = ''] = token.split('.')
    const forged = Buffer.from(JSON.stringify({ ...claimsOf(token), sub: 'system:serviceaccount:x:y' }))
    for (const text of [
      `${header}.${forged.toString('base64url')}.${signature}`,
      `${header}.${claims}.`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.${signature}`,
      'ey',
      'ey.ey.ey',
    ])
      expect(tokens.authenticate(text, audience, new Date())).toBeUndefined()
  })
})

it('says with which keys it signs', async () => {
  const discovery = await client.get<Json>('/.well-known/openid-configuration')
  expect(discovery).toMatchObject({ issuer: 'https://kubernetes.default.svc' })
  expect(discovery['jwks_uri']).toBe(`${api.url}/openid/v1/jwks`)
  const { keys } = await client.get<{ keys: Json[] }>('/openid/v1/jwks')
  const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' })
  const [header = '', claims = '', signature = ''] = (await tokenFor()).split('.')
  expect(JSON.parse(Buffer.from(header, 'base64url').toString()).kid).toBe(keys[0]?.['kid'])
  const signed = Buffer.from(`${header}.${claims}`)
  expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))).toBe(true)
})
