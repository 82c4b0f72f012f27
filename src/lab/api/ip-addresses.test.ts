import { beforeEach, describe, expect, it } from 'vitest'
import { bootstrap } from './bootstrap.ts'
import { MemoryStore } from './store.ts'
import type { KubeObject } from './types.ts'

let store: MemoryStore

beforeEach(() => {
  store = new MemoryStore({ serviceCIDR: '10.43.0.0/16,fd43::/112' })
  bootstrap(store, { address: '172.30.0.2', port: 6443 })
})

const service = (name: string, spec: object = {}): KubeObject =>
  store.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ port: 80 }], ...spec },
  })

const names = (): string[] => store.list('ipaddresses').map(({ metadata }) => metadata.name)

describe('what is allocated, as objects', () => {
  it('shows the ranges', () => {
    const range = store.get('servicecidrs', undefined, 'kubernetes')
    expect(range?.['spec'].cidrs).toEqual(['10.43.0.0/16', 'fd43::/112'])
    store.remove('servicecidrs', undefined, 'kubernetes')
    expect(store.get('servicecidrs', undefined, 'kubernetes')?.['spec']).toEqual(range?.['spec'])
  })

  it('shows cluster IPs of both families, before their Service and as long as it has them', () => {
    expect(names()).toEqual(['10.43.0.1'])
    const web = service('web', { ipFamilyPolicy: 'RequireDualStack' })
    expect(new Set(names())).toEqual(new Set(['10.43.0.1', ...web['spec'].clusterIPs]))
    const [first] = web['spec'].clusterIPs
    const address = store.get('ipaddresses', undefined, first)
    expect(address?.['spec'].parentRef).toEqual({ resource: 'services', namespace: 'default', name: 'web' })
    expect(Number(address?.metadata.resourceVersion)).toBeLessThan(Number(web.metadata.resourceVersion))
    store.update('services', { ...web, spec: { ...web['spec'], ipFamilyPolicy: 'SingleStack' } })
    expect(new Set(names())).toEqual(new Set(['10.43.0.1', first]))
    store.remove('services', 'default', 'web')
    expect(names()).toEqual(['10.43.0.1'])
  })

  it('keeps an address that somebody reserved by hand', () => {
    const spec = { parentRef: { resource: 'services', namespace: 'default', name: 'later' } }
    store.create('ipaddresses', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: { name: '10.43.9.9' },
      spec,
    })
    expect(() => service('web', { clusterIP: '10.43.9.9' })).toThrow('provided IP is already allocated')
  })

  it('refuses ranges that it would not use', () => {
    const range = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'more' } }
    expect(() => store.create('servicecidrs', { ...range, spec: { cidrs: ['10.99.0.0/16'] } })).toThrow(
      /no ranges besides/,
    )
  })
})

describe('what a cluster cannot be without', () => {
  it('comes back when it is deleted', () => {
    const uid = store.get('services', 'default', 'kubernetes')?.metadata.uid
    store.remove('services', 'default', 'kubernetes')
    const again = store.get('services', 'default', 'kubernetes')
    expect(again?.metadata.uid).not.toBe(uid)
    expect(again?.['spec'].clusterIP).toBe('10.43.0.1')
    store.remove('endpointslices', 'default', 'kubernetes')
    expect(store.get('endpointslices', 'default', 'kubernetes')?.['endpoints']).toHaveLength(1)
    store.remove('namespaces', undefined, 'kube-node-lease')
    expect(store.get('namespaces', undefined, 'kube-node-lease')?.['status'].phase).toBe('Active')
  })
})
