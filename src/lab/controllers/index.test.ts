import { expect, it } from 'vitest'
import { bootstrap } from '../api/bootstrap.ts'
import { MemoryStore } from '../api/store.ts'
import { startControllers } from './index.ts'

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
