import {
  CoreV1Api,
  type Informer,
  KubeConfig,
  makeInformer,
  type ObjectCache,
  type V1ConfigMap,
} from '@kubernetes/client-node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient } from '../../src/kube/client.ts'
import { eventually } from '../eventually.ts'
import { Link } from './link.ts'
import { TestNamespace, testLabel } from './namespace.ts'
import { startTestServer, type TestServer } from './server.ts'

// The informer of the official JavaScript client against an API server: what it expects is what every client expects.

let server: TestServer
let link: Link
let client: ApiClient
let namespace: TestNamespace
let running: Watched[] = []

beforeAll(async () => {
  server = await startTestServer()
  link = await Link.to(server.connection)
  client = new ApiClient(server.connection)
  namespace = await TestNamespace.make(client, 'informer')
})
afterEach(async () => {
  await Promise.all(running.map((one) => one.informer.stop()))
  running = []
})
afterAll(async () => {
  await namespace?.remove()
  client?.close()
  await link?.close()
  await server?.close()
})

/** The configuration of the server, over the link. */
function linked(): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(server.kubeconfig)
  const { server: address, serverName } = link.connection
  config.clusters = config.clusters.map((one) => ({
    ...one,
    server: address,
    ...(serverName && { tlsServerName: serverName }),
  }))
  return config
}

/** An informer over the ConfigMaps of a group that writes down what it tells, and starts again after errors as its manual says. */
class Watched {
  readonly told: string[] = []
  readonly informer: Informer<V1ConfigMap> & ObjectCache<V1ConfigMap>
  connects = 0
  errors = 0
  lists = 0

  /** @param query appended to the path of each watch */
  constructor(group: string, query = '') {
    const config = linked()
    const labelSelector = `${testLabel}=${group}`
    const core = config.makeApiClient(CoreV1Api)
    const list = (): ReturnType<CoreV1Api['listNamespacedConfigMap']> => {
      this.lists++
      return core.listNamespacedConfigMap({ namespace: namespace.name, labelSelector })
    }
    this.informer = makeInformer(config, namespace.path() + query, list, labelSelector)
    for (const verb of ['add', 'update', 'delete'] as const)
      this.informer.on(verb, ({ metadata, data }) => this.told.push(`${verb} ${metadata?.name}=${data?.['value']}`))
    this.informer.on('connect', () => this.connects++)
    this.informer.on('error', (error?: Error) => {
      // That is how it tells of its own stop().
      if (error?.name === 'AbortError') return
      this.errors++
      setTimeout(() => void this.informer.start(), 50)
    })
    running.push(this)
  }

  get contents(): Record<string, string | undefined> {
    return Object.fromEntries(this.informer.list().map(({ metadata, data }) => [metadata?.name ?? '', data?.['value']]))
  }

  /** As if it had slept since that version. */
  async wakeAt(resourceVersion: string, meanwhile: () => Promise<unknown>): Promise<void> {
    await this.informer.stop()
    await meanwhile()
    Object.assign(this.informer, { resourceVersion })
    await this.informer.start()
  }
}

describe('the official informer', () => {
  it('hears of additions, changes and removals, each once and in order', async () => {
    const group = 'order'
    await namespace.put('before', 'a', group)
    const watched = new Watched(group)
    await watched.informer.start()
    await namespace.put('after', 'a', group)
    await namespace.put('another', 'a', 'another')
    await namespace.change('before', 'b')
    await namespace.change('after', 'b')
    await namespace.drop('before')
    await namespace.put('before', 'c', group)
    const all = ['add before=a', 'add after=a', 'update before=b', 'update after=b', 'delete before=b', 'add before=c']
    await eventually(() => expect(watched.told).toEqual(all))
    expect(watched.contents).toEqual({ before: 'c', after: 'b' })
    expect([watched.lists, watched.errors]).toEqual([1, 0])
  })

  it('hears an object that leaves its selector as removed', async () => {
    const watched = new Watched('leaving')
    await watched.informer.start()
    await namespace.put('leaver', 'a', 'leaving')
    await client.patch(namespace.path('leaver'), { metadata: { labels: { [testLabel]: 'left' } } })
    await eventually(() => expect(watched.told).toEqual(['add leaver=a', 'delete leaver=a']))
  })

  it('goes on where it was when the server ends its watch', async () => {
    const group = 'ending'
    const watched = new Watched(group, '?timeoutSeconds=1')
    await watched.informer.start()
    const all: string[] = []
    while (watched.connects < 4) {
      const name = `ending-${all.length}`
      await namespace.put(name, 'a', group)
      all.push(`add ${name}=a`)
      await eventually(() => expect(watched.told).toHaveLength(all.length))
    }
    expect(watched.told).toEqual(all)
    expect([watched.lists, watched.errors]).toEqual([1, 0])
  })

  it('goes on where it was when the connection breaks', async () => {
    const group = 'breaking'
    const watched = new Watched(group)
    await watched.informer.start()
    for (const round of [1, 2, 3]) {
      const { connects } = watched
      link.cut()
      await namespace.put(`breaking-${round}`, 'a', group)
      await eventually(() => expect(watched.connects).toBeGreaterThan(connects))
      await eventually(() => expect(watched.told).toHaveLength(round))
    }
    expect(watched.told).toEqual([1, 2, 3].map((round) => `add breaking-${round}=a`))
    expect(watched.lists).toBe(1)
  })

  it('lists anew when its version is forgotten (410), and hears of what was removed meanwhile', async () => {
    const group = 'forgotten'
    await namespace.put('kept', 'a', group)
    await namespace.put('changed', 'a', group)
    await namespace.put('dropped', 'a', group)
    const watched = new Watched(group)
    await watched.informer.start()
    await watched.wakeAt('1', async () => {
      await namespace.drop('dropped')
      await namespace.change('changed', 'b')
      await namespace.put('added', 'a', group)
      if (!server.isEmbedded) return
      await server.restart()
      // Connections that were kept are dead ones now.
      await eventually(() => client.get('/version'))
    })
    await eventually(() => expect(watched.lists).toBe(2))
    await eventually(() => expect(watched.contents).toEqual({ kept: 'a', changed: 'b', added: 'a' }))
    expect(new Set(watched.told.slice(3))).toEqual(new Set(['delete dropped=a', 'update changed=b', 'add added=a']))
    expect(watched.errors).toBe(0)
    await namespace.put('later', 'a', group)
    await eventually(() => expect(watched.told.at(-1)).toBe('add later=a'))
  })
})
