import { expect, it } from 'vitest'
import { bootstrap } from '../api/bootstrap.ts'
import { MemoryStore } from '../api/store.ts'
import { startControllers } from './index.ts'
import { TestCluster } from './test-cluster.ts'

function setUp(signal?: AbortSignal) {
  const store = new MemoryStore()
  bootstrap(store, { address: '172.30.0.1', port: 6443 })
  return { store, controllers: startControllers(store, signal === undefined ? {} : { signal }) }
}

const expose = (store: MemoryStore): void => {
  const metadata = { name: 'web', namespace: 'default' }
  store.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  })
}
const slices = (store: MemoryStore): number => store.list('endpointslices', 'default').length - 1

it('idle resolves when the work is done', async () => {
  const { store, controllers } = setUp()
  expose(store)
  expect(slices(store)).toBe(0)
  await controllers.idle()
  expect(slices(store)).toBe(1)
  controllers.close()
  await controllers.idle()
})

it('does nothing after it was closed or aborted', async () => {
  const abort = new AbortController()
  const { store, controllers } = setUp(abort.signal)
  abort.abort()
  expose(store)
  await controllers.idle()
  expect(slices(store)).toBe(0)
  expect(slices(setUp(AbortSignal.abort()).store)).toBe(0)
})

it('controllers that start on what others have brought to rest find nothing to do', () => {
  const cluster = new TestCluster()
  for (const name of ['n1', 'n2']) cluster.addNode(name, { 'topology.kubernetes.io/zone': name })
  const selector = { matchLabels: { app: 'x' } }
  const containers = [{ name: 'main', image: 'x:1' }]
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers } }
  const add = (resource: string, apiVersion: string, kind: string, name: string, rest: object): void =>
    void cluster.store.create(resource, { apiVersion, kind, metadata: { name, namespace: 'default' }, ...rest })
  cluster.deploy('web', 2)
  cluster.expose('web', { trafficDistribution: 'PreferClose' })
  cluster.expose('x', { clusterIP: 'None' })
  add('statefulsets', 'apps/v1', 'StatefulSet', 'db', { spec: { replicas: 2, serviceName: 'x', selector, template } })
  add('daemonsets', 'apps/v1', 'DaemonSet', 'agent', {
    spec: { selector: { matchLabels: { app: 'y' } }, template: { ...template, metadata: { labels: { app: 'y' } } } },
  })
  add('jobs', 'batch/v1', 'Job', 'task', { spec: { template: { spec: { restartPolicy: 'Never', containers } } } })
  add('poddisruptionbudgets', 'policy/v1', 'PodDisruptionBudget', 'web', { spec: { maxUnavailable: 1, selector } })
  add('services', 'v1', 'Service', 'manual', { spec: { ports: [{ port: 80 }] } })
  add('endpoints', 'v1', 'Endpoints', 'manual', {
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
  })
  cluster.kubelet()
  cluster.clock.advance(5000)
  cluster.controllers.close()
  cluster.writes()
  cluster.start()
  cluster.clock.advance(600_000)
  expect(cluster.writes()).toEqual([])
})
