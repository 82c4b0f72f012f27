import { describe, expect, it } from 'vitest'
import { type ApiClient, ApiError } from '../../kube/client.ts'
import { parseManifest } from '../manifests.ts'
import { applyManifests } from './apply.ts'

interface Call {
  verb: string
  path: string
}

type Body = { metadata: { name: string; annotations?: Record<string, string> } }

/** A client that knows ConfigMaps and Namespaces, has `existing` already, and refuses what is called `bad`. */
function fakeClient(existing: string[] = []) {
  const calls: Call[] = []
  const bodies: Body[] = []
  const refuse = (status: number, reason: string, message: string) =>
    new ApiError(status, { reason, message, status: 'Failure' }, { method: 'POST', url: '/' })
  const client = {
    get: async (path: string) => {
      if (path !== '/api/v1') throw refuse(404, 'NotFound', 'the server could not find the requested resource')
      return {
        resources: [
          { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
          { name: 'namespaces', kind: 'Namespace', namespaced: false },
          { name: 'namespaces/status', kind: 'Namespace', namespaced: false },
        ],
      }
    },
    create: async (path: string, body: Body) => {
      calls.push({ verb: 'create', path })
      bodies.push(body)
      if (existing.includes(body.metadata.name)) throw refuse(409, 'AlreadyExists', 'already exists')
      if (body.metadata.name === 'bad') throw refuse(422, 'Invalid', 'ConfigMap "bad" is invalid: data: Required')
    },
    patch: async (path: string, _: unknown, type: string) => void calls.push({ verb: type, path }),
  }
  return { client: client as unknown as ApiClient, calls, bodies }
}

const object = (kind: string, name: string, apiVersion = 'v1') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: shop}\n`

describe('applyManifests', () => {
  it('creates what is new and changes what is there', async () => {
    const { client, calls } = fakeClient(['old'])
    const text = [object('Namespace', 'shop'), object('ConfigMap', 'old'), object('ConfigMap', 'new')].join('---\n')
    await applyManifests(client, parseManifest('f.yaml', text))
    expect(calls).toEqual([
      { verb: 'create', path: '/api/v1/namespaces' },
      { verb: 'create', path: '/api/v1/namespaces/shop/configmaps' },
      { verb: 'apply', path: '/api/v1/namespaces/shop/configmaps/old' },
      { verb: 'create', path: '/api/v1/namespaces/shop/configmaps' },
    ])
  })

  it('notes down what kubectl would, letter by letter', async () => {
    const { client, bodies } = fakeClient()
    const text = 'kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {b: "<&>", a: x}\n'
    await applyManifests(client, parseManifest('f.yaml', text))
    expect(bodies[0]?.metadata.annotations).toEqual({
      'kubectl.kubernetes.io/last-applied-configuration':
        '{"apiVersion":"v1","data":{"a":"x","b":"\\u003c\\u0026\\u003e"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a","namespace":"default"}}\n',
    })
  })

  it('applies on the server what is too large to be noted down in an annotation', async () => {
    const { client, calls } = fakeClient()
    const large = `${object('ConfigMap', 'large')}data: {a: ${'x'.repeat(262_144)}}\n`
    await applyManifests(client, parseManifest('f.yaml', large))
    expect(calls).toEqual([{ verb: 'apply', path: '/api/v1/namespaces/shop/configmaps/large' }])
  })

  it.each([
    [
      object('ConfigMap', 'bad'),
      'f.yaml:1: the API refuses ConfigMap shop/bad: ConfigMap "bad" is invalid: data: Required',
    ],
    [object('Pud', 'x'), 'f.yaml:1: the API refuses Pud shop/x: no matches for kind "Pud" in version "v1"'],
    [object('Thing', 'x', 'a.io/v2'), 'no matches for kind "Thing" in version "a.io/v2"'],
  ])('names the document that is refused', async (text, message) => {
    const { client } = fakeClient()
    await expect(applyManifests(client, parseManifest('f.yaml', text))).rejects.toThrow(message)
  })
})
