import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEvents } from '../../src/daemon/events.ts'
import { objectsOfAgent } from '../../src/daemon/refusals.ts'
import { applyConflicts, applyObject } from '../../src/kube/apply.ts'
import { ApiClient, isConflict, isGone, isNotFound, isRecreated } from '../../src/kube/client.ts'
import { EventRecorder, type ObjectReference } from '../../src/kube/events.ts'
import { type Lease, runLeaderElection } from '../../src/kube/lease.ts'
import { resourcePath } from '../../src/kube/paths.ts'
import { Reflector } from '../../src/kube/reflector.ts'
import { patchStatus, retryOnConflict } from '../../src/kube/status.ts'
import { ObjectStore } from '../../src/kube/store.ts'
import { type KubeObject, objectKey } from '../../src/kube/types.ts'
import { processTimers } from '../../src/kube/timers.ts'
import type { Refusal } from '../../src/reconcile/types.ts'
import { eventually } from '../eventually.ts'
import { Link } from './link.ts'
import { type ConfigMap, TestNamespace, testLabel } from './namespace.ts'
import { isEmbedded, orSkipped, startTestServer, type TestServer } from './server.ts'

// Our client and reflector against an API server: what they promise each other.

let server: TestServer
let client: ApiClient
let namespace: TestNamespace

beforeAll(async () => {
  server = await startTestServer()
  client = new ApiClient(server.connection)
  namespace = await TestNamespace.make(client, 'client')
})
afterAll(async () => {
  await namespace?.remove()
  client?.close()
  await server?.close()
})

/** Connections that were kept are dead ones afterwards, and only a GET is tried on another. */
async function restartServer(): Promise<void> {
  await server.restart()
  await eventually(() => client.get('/version'))
}

const selecting = (group: string): { labelSelector: string } => ({ labelSelector: `${testLabel}=${group}` })

const numbers = (count: number): number[] => [...new Array(count).keys()]

/** A reflector of the ConfigMaps of a group, and what it knows. */
class Follower {
  readonly store = new ObjectStore<string>()
  readonly errors: string[] = []
  /** Everything that ever was in the store, in order. */
  readonly seen: string[] = []
  readonly reflector: Reflector<string, ConfigMap>
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>

  constructor(group: string, through = client, more: { watchTimeoutSeconds?: () => number; pageSize?: number } = {}) {
    this.store.onChange((changes) => {
      for (const [key, { now }] of changes) this.seen.push(`${key.split('/')[1]}=${now ?? 'gone'}`)
    })
    this.reflector = new Reflector<string, ConfigMap>({
      client: through,
      path: namespace.path(),
      query: selecting(group),
      decode: (raw) => ({ key: objectKey(raw.metadata), value: raw.data?.['value'] ?? '' }),
      store: this.store,
      onError: ({ code }) => void this.errors.push(code),
      ...more,
    })
    this.#running = this.reflector.run(this.#stopping.signal)
  }

  get contents(): Record<string, string> {
    return Object.fromEntries([...this.store.entries()].map(([key, value]) => [key.split('/')[1] ?? '', value]))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }
}

describe('lists', () => {
  it('shows one state over all pages, whatever is written meanwhile', async () => {
    const group = 'paging'
    for (const i of numbers(7)) await namespace.put(`page-${i}`, String(i), group)
    const names: string[] = []
    let pages = 0
    const sink = {
      restart: () => expect.unreachable('no token expires within a second'),
      page: (items: readonly ConfigMap[]) => {
        expect(items.length).toBeLessThanOrEqual(2)
        names.push(...items.map(({ metadata, data }) => `${metadata.name}=${data?.['value']}`))
        pages++
      },
    }
    let disturbed = false
    const disturbing: ApiClient['get'] = async <T>(...call: Parameters<ApiClient['get']>): Promise<T> => {
      const answer = await client.get<T>(...call)
      if (disturbed) return answer
      disturbed = true
      await namespace.drop('page-4')
      await namespace.change('page-5', 'new')
      await namespace.put('page-3a', 'new', group)
      return answer
    }
    const lister = Object.assign(new ApiClient(server.connection), { get: disturbing })
    const version = await lister.listPages(namespace.path(), selecting(group), sink, { limit: 2 })
    lister.close()
    expect([pages, names]).toEqual([4, numbers(7).map((i) => `page-${i}=${i}`)])

    const events: string[] = []
    for await (const { type, object } of client.watch<ConfigMap>(namespace.path(), {
      resourceVersion: version,
      timeoutSeconds: 30,
      query: selecting(group),
    })) {
      events.push(`${type} ${object.metadata.name}`)
      if (events.length === 3) break
    }
    expect(events).toEqual(['DELETED page-4', 'MODIFIED page-5', 'ADDED page-3a'])
  })
})

describe('watches', () => {
  it('get a bookmark before they end', async () => {
    const { resourceVersion } = await client.list(namespace.path(), selecting('none'))
    await namespace.put('elsewhere', '', 'other')
    const bookmarks: string[] = []
    const options = { resourceVersion, timeoutSeconds: 3, query: selecting('none') }
    for await (const { type, object } of client.watch(namespace.path(), options)) {
      expect(type).toBe('BOOKMARK')
      bookmarks.push(object.metadata.resourceVersion ?? '')
    }
    expect(bookmarks.length).toBeGreaterThan(0)
    expect(bookmarks.at(-1)).not.toBe(resourceVersion)
  })

  it('do not miss nor repeat anything when they are taken up again', async () => {
    const opened = { watches: 0 }
    const counting = Object.assign(new ApiClient(server.connection), {
      watch: (...call: Parameters<ApiClient['watch']>) => {
        opened.watches++
        return client.watch(...call)
      },
    })
    const follower = new Follower('resume', counting, { watchTimeoutSeconds: () => 1 })
    const additions: string[] = []
    for (let i = 0; opened.watches < 4; i++) {
      await namespace.put(`resume-${i}`, 'a', 'resume')
      additions.push(`resume-${i}=a`)
      await eventually(() => expect(follower.contents).toHaveProperty(`resume-${i}`, 'a'))
      if (i % 3 === 0) await namespace.drop(`resume-${i}`)
    }
    const now = await namespace.contents('resume')
    await eventually(() => expect(follower.contents).toEqual(now))
    await eventually(() => expect(follower.seen.filter((line) => line.endsWith('=a'))).toEqual(additions))
    expect(follower.errors).toEqual([])
    await follower.stop()
    counting.close()
  })

  it('are many, are cut at random, and all end up with what there is', async () => {
    const group = 'many'
    const links = await Promise.all(numbers(4).map(() => Link.to(server.connection)))
    const clients = links.map(({ connection }) => new ApiClient(connection))
    const options = { pageSize: 3, watchTimeoutSeconds: () => 2 }
    const followers = numbers(40).map((i) => new Follower(group, clients[i % clients.length], options))
    for (const round of numbers(30)) {
      await namespace.put(`many-${round}`, 'a', group)
      if (round % 2) await namespace.change(`many-${round - 1}`, 'b')
      if (round % 3 === 2) await namespace.drop(`many-${round - 2}`)
      if (round % 5 === 0) links[round % links.length]?.cut()
    }
    const now = await namespace.contents(group)
    await Promise.all(followers.map((one) => eventually(() => expect(one.contents).toEqual(now))))
    const seen = new Set(followers.flatMap(({ errors }) => errors))
    expect([...seen].filter((code) => code !== 'API_UNREACHABLE')).toEqual([])
    await Promise.all(followers.map((one) => one.stop()))
    for (const one of clients) one.close()
    for (const link of links) await link.close()
  })

  it.skipIf(!isEmbedded)(`go on across a restart of the server${orSkipped}`, async () => {
    const group = 'restart'
    await namespace.put('kept', 'a', group)
    await namespace.put('dropped', 'a', group)
    const follower = new Follower(group)
    await eventually(() => expect(follower.contents).toEqual({ kept: 'a', dropped: 'a' }))
    const known: object[] = []
    const stopLooking = follower.store.onChange(() => known.push(follower.contents))
    await restartServer()
    await namespace.drop('dropped')
    await namespace.put('added', 'b', group)
    await eventually(() => expect(follower.contents).toEqual({ kept: 'a', added: 'b' }))
    stopLooking()
    // What was known stayed known all the time.
    for (const contents of known) expect(contents).toHaveProperty('kept', 'a')
    expect(await namespace.contents(group)).toEqual(follower.contents)
    await follower.stop()
  })

  it('are refused with 410 from a version that the server has forgotten, and the reflector lists anew', async () => {
    const group = 'gone'
    await namespace.put('gone-1', 'a', group)
    if (isEmbedded) await restartServer()
    const old = client.watch(namespace.path(), { resourceVersion: '1', timeoutSeconds: 30 })
    await expect(old.next()).rejects.toSatisfy(isGone)

    let versions: string[] = []
    const forgetful = Object.assign(new ApiClient(server.connection), {
      watch: (path: string, options: Parameters<ApiClient['watch']>[1]) => {
        const resourceVersion = versions.length === 0 ? '1' : options.resourceVersion
        versions = [...versions, resourceVersion]
        return client.watch(path, { ...options, resourceVersion })
      },
    })
    const follower = new Follower(group, forgetful)
    await eventually(() => expect(versions.length).toBe(2))
    await namespace.put('gone-2', 'b', group)
    await eventually(() => expect(follower.contents).toEqual({ 'gone-1': 'a', 'gone-2': 'b' }))
    expect(follower.errors).toEqual(['API_EXPIRED'])
    await eventually(() => expect(follower.seen).toEqual(['gone-1=a', 'gone-2=b']))
    await follower.stop()
    forgetful.close()
  })
})

describe('writes', () => {
  it('are refused over a stale version, and retried', async () => {
    const first = await namespace.put('stale', 'a')
    await namespace.change('stale', 'b')
    const stale = client.replace(namespace.path('stale'), { ...first, data: { value: 'c' } })
    await expect(stale).rejects.toSatisfy(isConflict)
    const bump = async (): Promise<void> => {
      const now = await client.get<ConfigMap>(namespace.path('stale'))
      const value = String(Number(now.data?.['count'] ?? 0) + 1)
      await client.replace(namespace.path('stale'), { ...now, data: { ...now.data, count: value } })
    }
    await Promise.all(numbers(3).map(() => retryOnConflict(bump)))
    expect((await client.get<ConfigMap>(namespace.path('stale'))).data).toEqual({ value: 'b', count: '3' })
  })

  it('apply what one manager wants, and tell whom it would take a field from', async () => {
    const ref = { version: 'v1', resource: 'configmaps', namespace: namespace.name, name: 'applied' }
    const wanted = (data: Record<string, string>): ConfigMap => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'applied' },
      data,
    })
    await applyObject(client, ref, wanted({ a: '1', b: '1' }), { fieldManager: 'first' })
    await applyObject(client, ref, wanted({ a: '1', c: '1' }), { fieldManager: 'second' })
    const theirs = applyObject(client, ref, wanted({ b: '2' }), { fieldManager: 'second', force: false })
    const error: unknown = await theirs.catch((cause: unknown) => cause)
    expect(applyConflicts(error)).toEqual([{ field: '.data.b', message: expect.stringContaining('"first"') }])
    await applyObject(client, ref, wanted({ b: '2' }), { fieldManager: 'second', dryRun: true })
    expect((await client.get<ConfigMap>(namespace.path('applied'))).data).toEqual({ a: '1', b: '1', c: '1' })
    await applyObject(client, ref, wanted({ b: '2' }), { fieldManager: 'second' })
    expect((await client.get<ConfigMap>(namespace.path('applied'))).data).toEqual({ a: '1', b: '2' })
  })

  it('change a status, and nothing when nothing differs', async () => {
    const ref = { version: 'v1', resource: 'pods', namespace: namespace.name, name: 'still' }
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'still' },
      spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'example.com/none:1' }] },
    }
    type Pod = KubeObject & { status?: object }
    const made = await client.create<Pod>(resourcePath({ ...ref, name: '' }), pod)
    const changed = await patchStatus<Pod>(client, ref, made, { ...made.status, message: 'tested' })
    expect(changed?.status).toEqual({ ...made.status, message: 'tested' })
    expect(changed?.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion)
    expect(await patchStatus<Pod>(client, ref, changed ?? made, changed?.status)).toBeUndefined()
    const stale = patchStatus<Pod>(client, ref, made, { message: 'late' }, { onlyIfUnchanged: true })
    await expect(stale).rejects.toSatisfy(isConflict)
    const another = { ...made, metadata: { ...made.metadata, uid: '00000000-0000-0000-0000-000000000000' } }
    await expect(patchStatus<Pod>(client, ref, another, { message: 'late' })).rejects.toSatisfy(isRecreated)
    await client.remove(resourcePath(ref), { gracePeriodSeconds: 0 })
    await expect(patchStatus<Pod>(client, ref, made, { message: 'late' })).rejects.toSatisfy(isNotFound)
  })
})

describe('Events', () => {
  it('stand on their object and are counted up', async () => {
    const { metadata } = await namespace.put('eventful', 'a')
    const { name, uid = '', resourceVersion = '' } = metadata
    const object = { apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name, name, uid, resourceVersion }
    const recorder = new EventRecorder({ client, component: 'weft', instance: 'node1' })
    recorder.warning(object, 'Refused', 'port 22 is taken')
    await recorder.idle()
    recorder.warning(object, 'Refused', 'port 22 is taken')
    recorder.normal(object, 'Repaired', 'all is well')
    await recorder.idle()
    expect(recorder.counts).toEqual({ written: 3, limited: 0, dropped: 0 })
    recorder.close()
    const path = resourcePath({ version: 'v1', resource: 'events', namespace: namespace.name })
    const { items } = await client.list<KubeObject & { reason: string }>(path, {
      fieldSelector: `involvedObject.uid=${uid}`,
    })
    const byReason = items.toSorted((a, b) => a.reason.localeCompare(b.reason))
    const source = { component: 'weft', host: 'node1' }
    const common = { source, reportingComponent: 'weft', reportingInstance: 'node1', involvedObject: object }
    expect(byReason).toMatchObject([
      { ...common, reason: 'Refused', type: 'Warning', count: 2, message: 'port 22 is taken' },
      { ...common, reason: 'Repaired', type: 'Normal', count: 1 },
    ])
  })
})

describe('an Event that many tell', () => {
  const agents = 20
  const minute = 60_000
  /** All at once, each with a recorder of its own, so much later than it is. */
  async function all(object: ObjectReference, laterMs: number, olderThanMs: number): Promise<number> {
    const recorders = Array.from({ length: agents }, (_, i) => {
      const timers = { ...processTimers, now: () => Date.now() + laterMs }
      return new EventRecorder({ client, component: 'weft', instance: `node${i}`, timers })
    })
    for (const recorder of recorders) {
      recorder.sharedWarning(object, 'Refused', 'port 22 is taken', { olderThanMs, anybody: true })
    }
    await Promise.all(recorders.map((recorder) => recorder.idle()))
    expect(recorders.map(({ counts }) => counts.dropped)).toEqual(new Array(agents).fill(0))
    return recorders.reduce((sum, { counts }) => sum + counts.written, 0)
  }

  it('is one Event, which one of them counts up when it gets old, and makes anew when it is forgotten', async () => {
    const { metadata } = await namespace.put('shared', 'a')
    const { name, uid = '' } = metadata
    const object = { apiVersion: 'v1', kind: 'ConfigMap', namespace: namespace.name, name, uid }
    const path = resourcePath({ version: 'v1', resource: 'events', namespace: namespace.name })
    const events = async () =>
      (
        await client.list<KubeObject & { count: number; source: object }>(path, {
          fieldSelector: `involvedObject.uid=${uid}`,
        })
      ).items
    expect(await all(object, 0, 5 * minute)).toBe(1)
    expect(await all(object, 0, 5 * minute)).toBe(0)
    expect((await events()).map(({ count, source }) => [count, source])).toEqual([[1, { component: 'weft' }]])
    expect(await all(object, 30 * minute, 25 * minute)).toBe(1)
    expect(await all(object, 40 * minute, 25 * minute)).toBe(0)
    const [event, ...others] = await events()
    expect([event?.count, others]).toEqual([2, []])
    await client.remove(`${path}/${event?.metadata.name}`)
    expect(await all(object, 60 * minute, 25 * minute)).toBe(1)
    expect((await events()).map(({ count, metadata }) => [count, metadata.name])).toEqual([[1, event?.metadata.name]])
  })

  it('of agents stands on the Service once, and once for each node where it is a matter of the node', async () => {
    const name = 'refused'
    await client.create(resourcePath({ version: 'v1', resource: 'services', namespace: namespace.name }), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { ports: [{ port: 80 }] },
    })
    const subject = `${namespace.name}/${name}:`
    const refusals: Refusal[] = [
      { subject, reason: 'AddressIsSpecial', message: 'loopback', clusterWide: true },
      { subject, reason: 'AddressIsGateway', message: 'a gateway' },
    ]
    const stop = new AbortController()
    const nodes = ['n1', 'n2', 'n3', 'n4', 'n5']
    for (const node of nodes) {
      const from = { component: 'weft', instance: node, suffix: ` (node ${node})` }
      startEvents(
        { client, ...from, refusals: () => refusals, objectOf: objectsOfAgent(node), log: () => {} },
        stop.signal,
      )
    }
    const path = resourcePath({ version: 'v1', resource: 'events', namespace: namespace.name })
    const messages = async () =>
      (
        await client.list<KubeObject & { message: string }>(path, { fieldSelector: `involvedObject.name=${name}` })
      ).items
        .map(({ message }) => message)
        .toSorted()
    const own = nodes.map((node) => `a gateway (node ${node})`)
    await eventually(async () => expect(await messages()).toEqual([...own, 'loopback']))
    stop.abort()
  })
})

describe('leader election', () => {
  it('passes leadership on when it is given back', async () => {
    const led: string[] = []
    const stand = (identity: string): { stop: AbortController; end: Promise<string> } => {
      const stop = new AbortController()
      const times = { leaseDurationSeconds: 4, renewDeadlineSeconds: 3, retryPeriodSeconds: 0.2 }
      const onStartedLeading = (): void => void led.push(identity)
      const names = { namespace: namespace.name, name: 'election', identity }
      const options = { client, ...names, ...times, onStartedLeading }
      return { stop, end: runLeaderElection(options, stop.signal) }
    }
    const first = stand('a')
    await eventually(() => expect(led).toEqual(['a']))
    const second = stand('b')
    first.stop.abort()
    expect(await first.end).toBe('cancelled')
    await eventually(() => expect(led).toEqual(['a', 'b']))
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace.name}/leases/election`
    const { spec } = await client.get<Lease>(path)
    expect(spec).toMatchObject({ holderIdentity: 'b', leaseDurationSeconds: 4, leaseTransitions: 1 })
    second.stop.abort()
    await second.end
    expect((await client.get<Lease>(path)).spec?.holderIdentity).toBeUndefined()
  })
})
