import { Agent, request } from 'node:https'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isMap, type Json, mapOf, setField } from '../../src/lab/api/access.ts'
import { eventually } from '../eventually.ts'
import { definition, metadata, questionsOf, samples as namelessSamples, type Sample } from './fuzz-samples.ts'
import { isEmbedded, orSkipped, startTestServer, type TestServer } from './server.ts'

// Whatever a client sends: an answer that is the client's fault, never the server's, and what is accepted can be read again.

let server: TestServer
const agent = new Agent({ keepAlive: true, maxSockets: 4 })
const faults: unknown[] = []
const namespace = `weft-t${process.pid}-fuzz`
const namespaces = '/api/v1/namespaces'
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

/** Paths of the samples name a namespace of the test's own. */
const samples = JSON.parse(JSON.stringify(namelessSamples).replaceAll('NAMESPACE', namespace)) as Sample[]

const post = (path: string, object: Json): Promise<Answer> =>
  send({ method: 'POST', path, type: 'application/json', body: JSON.stringify(object) })

beforeAll(async () => {
  server = await startTestServer({ onError: (error) => faults.push(error) })
  await post(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await post(definitions, definition)
  await eventually(async () => {
    const widgets = await send({ method: 'GET', path: `/apis/fuzz.example/v1/namespaces/${namespace}/widgets` })
    expect(widgets.code).toBe(200)
  })
})

afterAll(async () => {
  const widgets = `${definitions}/${definition.metadata.name}`
  const made = samples.map((sample) => `${sample.path}/${sampleName(sample)}`)
  for (const path of [...made, widgets, `${namespaces}/${namespace}`]) await send({ method: 'DELETE', path })
  agent.destroy()
  await server?.close()
})

interface Answer {
  code: number
  body: unknown
}

interface Sent {
  method: string
  path: string
  type?: string
  body?: string
  accept?: string
}

function send({ method, path, type, body, accept }: Sent): Promise<Answer> {
  const { server: url, ca, cert, key, token } = server.connection
  const bearer = token?.()
  const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  if (type !== undefined) headers['content-type'] = type
  if (accept !== undefined) headers['accept'] = accept
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body))
  const { hostname, port } = new URL(url)
  const options = { host: hostname, port, path, method, headers, agent, ...(ca && { ca }), ...(cert && { cert, key }) }
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return bytes.toString('utf8')
  }
}

/** What a real API server takes for its own fault although it is the client's, or is asked to wait for. */
const knownFaults =
  /^(failed to create typed patch object|resourceVersion should not be set|unknown patch type|map: map\[.*\] does not contain declared merge key|delete patch type|Timeout: Too large resource version|resourceVersion: Invalid value|target\.(kind|name): )/

function expectNoFault(answer: Answer, sent: Sent): void {
  const shown = () => `${JSON.stringify(sent)} → ${JSON.stringify(answer.body)?.slice(0, 500)}`
  expect(faults.splice(0), shown()).toEqual([])
  if (answer.code < 500) return
  expect(String(mapOf(answer.body)['message']), shown()).toMatch(knownFaults)
}

/** Names that every object of JavaScript has, that mean something to a patch, or nothing at all. */
const names = [
  '__proto__',
  'constructor',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'length',
  'toJSON',
  'then',
  '',
] as const

/** Values that are often wrong where they are put. */
const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    null,
    true,
    '',
    'a',
    'A B',
    0,
    -1,
    1.5,
    1e12,
    65_536,
    [],
    {},
    [null],
    [[]],
    [{}],
    { a: null },
    '::1',
    '10.0.0.0/8',
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom('$patch', '%', '\u0000', '\ud800', 'x'.repeat(300)),
  fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 53, 2 ** 63, 1e300, 5e-324),
  fc.constantFrom(...names),
  // What has no text, or another than it says.
  fc.tuple(fc.constantFrom(...names), fc.constantFrom(null, 1, {}, [])).map(([name, field]) => ({ [name]: field })),
)

interface Place {
  path: string[]
  holder: Json | unknown[]
}

/** Every place below a value. */
function places(holder: unknown, path: string[] = []): Place[] {
  if (typeof holder !== 'object' || holder === null) return []
  const keys = Object.keys(holder)
  return keys.flatMap((key) => [{ path: [...path, key], holder }, ...places((holder as Json)[key], [...path, key])])
}

interface Change {
  where: number
  what: 'set' | 'remove' | 'double' | 'add' | 'name'
  name: string
  value: unknown
}

const change: fc.Arbitrary<Change> = fc.record({
  where: fc.nat(),
  what: fc.constantFrom<Change['what'][]>('set', 'remove', 'double', 'add', 'name'),
  name: fc.constantFrom(...names),
  value,
})

function mutated(object: Json, changes: readonly Change[]): Json {
  const copy = structuredClone(object)
  for (const { where, what, name, value: shared } of changes) {
    const value = structuredClone(shared)
    const all = places(copy)
    const place = all[where % all.length]
    if (place === undefined) continue
    const { holder } = place
    const key = place.path.at(-1) ?? ''
    const field = holder as Json
    if (what === 'set') field[key] = value
    else if (what === 'add') field[`${key}x`] = value
    else if (what === 'name' && isMap(holder)) setField(holder, name, value)
    else if (what === 'double' && Array.isArray(holder)) holder.push(structuredClone(holder[0]))
    else if (Array.isArray(holder)) holder.splice(Number(key), 1)
    else delete field[key]
  }
  return copy
}

const sample = fc.constantFrom(...samples)
const changes = fc.array(change, { minLength: 0, maxLength: 4 })

/** What the server said it stored is what it gives. */
async function expectReadable(path: string, answer: Answer): Promise<void> {
  if (answer.code > 201 || !isMap(answer.body) || answer.body['kind'] === 'Status') return
  const { name, uid } = mapOf(answer.body['metadata'])
  const again = await send({ method: 'GET', path: `${path}/${encodeURIComponent(name)}` })
  expect(again.code).toBe(200)
  expect(mapOf(mapOf(again.body)['metadata'])['uid']).toBe(uid)
  // A definition's conditions are its controller's: they follow at once.
  if (server.isEmbedded && answer.body['kind'] !== 'CustomResourceDefinition') expect(again.body).toEqual(answer.body)
  for (const accept of ['application/json;as=Table;v=v1;g=meta.k8s.io', 'application/yaml']) {
    const sent = { method: 'GET', path: `${path}/${encodeURIComponent(name)}`, accept }
    const shown = await send(sent)
    expectNoFault(shown, sent)
    expect(shown.code).toBe(200)
  }
}

const sampleName = ({ object }: Sample): string => String(mapOf(object['metadata'])['name'])

/** An object to change, made anew where it has gone. */
async function prepared({ path, object }: Sample): Promise<string> {
  const one = `${path}/${sampleName({ path, object })}`
  const { code } = await send({ method: 'GET', path: one })
  if (code === 404)
    expectNoFault(await send({ method: 'POST', path, type: 'application/json', body: JSON.stringify(object) }), {
      method: 'POST',
      path,
    })
  return one
}

const runs = { numRuns: 300 }

describe('requests of all kinds', () => {
  it('POST: objects with nothing wrong, and apply to what is there', async () => {
    for (const one of samples) {
      const answer = await post(one.path, one.object)
      expect(answer.code, JSON.stringify(answer.body)).toBe(201)
      const path = `${one.path}/${sampleName(one)}?fieldManager=fuzz&force=true`
      const type = 'application/apply-patch+yaml'
      const again = await send({ method: 'PATCH', path, type, body: JSON.stringify(one.object) })
      expect(again.code, JSON.stringify(again.body)).toBe(200)
      await send({ method: 'DELETE', path: `${one.path}/${sampleName(one)}?gracePeriodSeconds=0` })
    }
  })

  it('POST: objects with something wrong', async () => {
    await fc.assert(
      fc.asyncProperty(
        sample,
        changes,
        fc.constantFrom('', '?dryRun=All', '?fieldValidation=Strict'),
        async (one, all, query) => {
          const body = JSON.stringify(mutated(one.object, all))
          const sent = { method: 'POST', path: one.path + query, type: 'application/json', body }
          const answer = await send(sent)
          expectNoFault(answer, sent)
          if (query !== '?dryRun=All') await expectReadable(one.path, answer)
          const { name } = mapOf(mapOf(answer.body)['metadata'])
          if (answer.code === 201)
            await send({ method: 'DELETE', path: `${one.path}/${encodeURIComponent(name)}?gracePeriodSeconds=0` })
        },
      ),
      runs,
    )
  })

  it('PUT: objects with something wrong, and their status', async () => {
    await fc.assert(
      fc.asyncProperty(sample, changes, fc.constantFrom('', '/status'), async (one, all, subresource) => {
        const path = await prepared(one)
        const sent = {
          method: 'PUT',
          path: path + subresource,
          type: 'application/json',
          body: JSON.stringify(mutated(one.object, all)),
        }
        const answer = await send(sent)
        expectNoFault(answer, sent)
        await expectReadable(one.path, answer)
      }),
      runs,
    )
  })

  it('PATCH: merge, strategic merge and apply with parts of objects', async () => {
    const type = fc.constantFrom('merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml')
    await fc.assert(
      fc.asyncProperty(sample, changes, type, fc.boolean(), async (one, all, kind, force) => {
        const path = await prepared(one)
        const isApply = kind === 'apply-patch+yaml'
        const query = isApply ? `?fieldManager=fuzz${force ? '&force=true' : ''}` : ''
        const sent = {
          method: 'PATCH',
          path: path + query,
          type: `application/${kind}`,
          body: JSON.stringify(mutated(one.object, all)),
        }
        const answer = await send(sent)
        expectNoFault(answer, sent)
        await expectReadable(one.path, answer)
      }),
      runs,
    )
  })

  it('PATCH: JSON patches of places that are there, and of others', async () => {
    const operation = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'other'),
      where: fc.nat(),
      from: fc.oneof(fc.nat(), value),
      suffix: fc.constantFrom('', '/-', '/0', '/x', '/~1', '~2', '/', ...names.map((name) => `/${name}`)),
      value,
    })
    await fc.assert(
      fc.asyncProperty(sample, fc.array(operation, { maxLength: 4 }), async (one, operations) => {
        const path = await prepared(one)
        const all = places(one.object).map((place) => `/${place.path.join('/')}`)
        const at = (n: number): string => all[n % all.length] ?? ''
        const patch = operations.map(({ op, where, from, suffix, value }) => ({
          op,
          path: at(where) + suffix,
          from: typeof from === 'number' && from >= 0 ? at(Math.floor(from)) : from,
          value,
        }))
        const sent = { method: 'PATCH', path, type: 'application/json-patch+json', body: JSON.stringify(patch) }
        const answer = await send(sent)
        expectNoFault(answer, sent)
        await expectReadable(one.path, answer)
      }),
      runs,
    )
  })

  it('scale: replicas of all kinds', async () => {
    const scalable = fc.constantFrom(
      ...samples.filter(({ object }) => ['Deployment', 'StatefulSet'].includes(object['kind'])),
    )
    await fc.assert(
      fc.asyncProperty(
        scalable,
        value,
        changes,
        fc.constantFrom('PUT', 'PATCH'),
        async (one, replicas, all, method) => {
          const path = `${await prepared(one)}/scale`
          const scale = {
            apiVersion: 'autoscaling/v1',
            kind: 'Scale',
            metadata: metadata(sampleName(one)),
            spec: { replicas },
          }
          const type = method === 'PUT' ? 'application/json' : 'application/merge-patch+json'
          const sent = { method, path, type, body: JSON.stringify(mutated(scale, all)) }
          expectNoFault(await send(sent), sent)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('POST: questions, and what is done to a pod', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...questionsOf(namespace)), changes, async ({ path, object }, all) => {
        for (const one of samples) if (['Pod', 'Node'].includes(one.object['kind'])) await prepared(one)
        const body = JSON.stringify(mutated(object, all))
        const sent = { method: 'POST', path: `${path}?dryRun=All`, type: 'application/json', body }
        expectNoFault(await send(sent), sent)
      }),
      { numRuns: 200 },
    )
  })

  it('DELETE: options with something wrong', async () => {
    const options = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 1,
      propagationPolicy: 'Background',
      preconditions: { uid: 'x', resourceVersion: '1' },
      dryRun: ['All'],
    }
    await fc.assert(
      fc.asyncProperty(sample, changes, async (one, all) => {
        const path = await prepared(one)
        const body = JSON.stringify(mutated(options, all))
        const sent = { method: 'DELETE', path: `${path}?dryRun=All`, type: 'application/json', body }
        expectNoFault(await send(sent), sent)
      }),
      { numRuns: 200 },
    )
  })

  it('bodies that are very deep', async () => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`
    for (const type of ['application/json', 'application/merge-patch+json', 'application/apply-patch+yaml'])
      for (const depth of [100, 1000, 20_000]) {
        const deep = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
        const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","managedFields":[${deep}]},"data":${deep}}`
        const post = type === 'application/json'
        const sent = { method: post ? 'POST' : 'PATCH', path: post ? path : `${path}/c?fieldManager=x`, type, body }
        const answer = await send(sent)
        expectNoFault(answer, { method: sent.method, path: `${depth}` })
        expect(answer.code).toBeGreaterThanOrEqual(400)
      }
  })

  // It deletes whatever it happens upon: nothing for a cluster that somebody uses.
  it.skipIf(!isEmbedded)(`any method, path, query, media type and body${orSkipped}`, async () => {
    const word = fc.constantFrom(
      ...'api apis v1 apps namespaces default pods services configmaps deployments status scale watch nodes x . .. %2e %zz %00 é customresourcedefinitions apiextensions.k8s.io'.split(
        ' ',
      ),
      '',
    )
    const query = fc.constantFrom(
      ...'limit=x&limit=-1 continue=abc continue=e30 labelSelector=a%20in resourceVersion=99999999 resourceVersion=-1 fieldSelector=%3D dryRun=x fieldValidation=x timeoutSeconds=0&watch=0 %'.split(
        ' ',
      ),
      '',
    )
    const type = fc.constantFrom(
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
      'application/merge-patch+json',
      'application/json-patch+json',
      'application/apply-patch+yaml',
      'text/plain',
      ';',
    )
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(
        '{',
        '[]',
        'null',
        'a: [',
        'k8s\0\n',
        '- &a [*a]',
        '{"metadata":null}',
        '{"__proto__":{"a":1},"metadata":{"name":"x","labels":{"__proto__":"a"}}}',
      ),
    )
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
    await fc.assert(
      fc.asyncProperty(
        method,
        fc.array(word, { maxLength: 7 }),
        query,
        type,
        body,
        async (method, words, query, type, body) => {
          const path = `/${words.map((w) => (w === 'é' ? encodeURIComponent(w) : w)).join('/')}?${query}`
          const sent = { method, path, type, ...(method === 'GET' ? {} : { body }) }
          expectNoFault(await send(sent), sent)
        },
      ),
      { numRuns: 800 },
    )
    expect((await send({ method: 'GET', path: '/readyz' })).code).toBe(200)
  })
})
