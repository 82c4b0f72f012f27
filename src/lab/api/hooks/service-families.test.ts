import { describe, expect, it } from 'vitest'
import type { Json } from '../access.ts'
import { StatusError } from '../status.ts'
import { MemoryStore } from '../store.ts'
import type { KubeObject } from '../types.ts'

const both = '10.43.0.0/16,fd43::/112'

interface Cluster {
  store: MemoryStore
  create: (spec: Json) => KubeObject
  patch: (change: Json) => KubeObject
}

function clusterOf(serviceCIDR: string): Cluster {
  const store = new MemoryStore({ serviceCIDR })
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  const place = { name: 'web', namespace: 'default' }
  return {
    store,
    create: (spec) =>
      store.create('services', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...place },
        spec: { ports: [{ port: 80 }], ...spec },
      }),
    patch: (change) => {
      const old = structuredClone(store.get('services', 'default', 'web')) as KubeObject
      return store.update('services', { ...old, spec: { ...old['spec'], ...change } })
    },
  }
}

const families = ({ spec }: Json): string =>
  `${spec.ipFamilyPolicy} ${spec.ipFamilies?.join(',')} ${spec.clusterIPs?.length}`

function refusal(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof StatusError) return error.status.message ?? ''
    throw error
  }
  return 'it was not refused'
}

describe('families of a new Service', () => {
  it.each([
    [both, {}, 'SingleStack IPv4 1'],
    ['fd43::/112,10.43.0.0/16', {}, 'SingleStack IPv6 1'],
    [both, { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv4,IPv6 2'],
    ['10.43.0.0/16', { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv4 1'],
    [both, { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] }, 'RequireDualStack IPv6,IPv4 2'],
    [both, { clusterIP: 'fd43::9' }, 'SingleStack IPv6 1'],
    [both, { clusterIP: 'None' }, 'RequireDualStack IPv4,IPv6 1'],
    ['10.43.0.0/16', { clusterIP: 'None' }, 'RequireDualStack IPv4,IPv6 1'],
    [both, { clusterIP: 'None', selector: { app: 'a' } }, 'SingleStack IPv4 1'],
  ])('of a cluster with %s and %o are %s', (cidr, spec, expected) => {
    expect(families(clusterOf(cidr).create(spec))).toBe(expected)
  })

  it.each([
    [{ ipFamilyPolicy: 'RequireDualStack' }, 'this cluster is not configured for dual-stack services'],
    [{ ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    [
      { clusterIP: 'fd43::1' },
      'spec.clusterIPs[0]: Invalid value: ["fd43::1"]: IPv6 is not configured on this cluster',
    ],
  ])('with one family only: %o is refused', (spec, words) => {
    expect(refusal(() => clusterOf('10.43.0.0/16').create(spec))).toContain(words)
  })
})

describe('families of a Service that changes', () => {
  it('come and go with the policy, and the second address with them', () => {
    const { create, patch, store } = clusterOf(both)
    const [first] = create({})['spec'].clusterIPs
    const dual = patch({ ipFamilyPolicy: 'PreferDualStack' })['spec'].clusterIPs
    expect(dual[0]).toBe(first)
    expect(store.allocations.isUsed(dual[1])).toBe(true)
    expect(families(patch({ ipFamilyPolicy: 'SingleStack' }))).toBe('SingleStack IPv4 1')
    expect(store.allocations.isUsed(dual[1])).toBe(false)
    expect(families(patch({ ipFamilyPolicy: undefined, ipFamilies: undefined }))).toBe('SingleStack IPv4 1')
  })

  it('keep their policy when a PUT leaves it out', () => {
    const { create, patch } = clusterOf(both)
    create({ ipFamilyPolicy: 'RequireDualStack' })
    expect(families(patch({ ipFamilyPolicy: undefined, ipFamilies: undefined }))).toBe('RequireDualStack IPv4,IPv6 2')
  })

  it.each([
    [{ ipFamilies: ['IPv4'] }, "must be 'SingleStack' to release the secondary IP family"],
    [{ clusterIPs: ['10.43.7.7'] }, "must be 'SingleStack' to release the secondary cluster IP"],
    [
      { clusterIPs: ['10.43.7.7', 'fd43::8'] },
      'spec.clusterIPs[1]: Invalid value: ["10.43.7.7","fd43::8"]: may not change once set',
    ],
  ])('do not change by %o', (change, words) => {
    const { create, patch } = clusterOf(both)
    create({ ipFamilyPolicy: 'RequireDualStack', clusterIP: '10.43.7.7', clusterIPs: ['10.43.7.7', 'fd43::7'] })
    expect(refusal(() => patch(change))).toContain(words)
  })

  it('are given back by a Service that becomes an ExternalName', () => {
    const { create, patch, store } = clusterOf(both)
    const { clusterIPs } = create({ ipFamilyPolicy: 'RequireDualStack' })['spec']
    const external = patch({ type: 'ExternalName', externalName: 'db.example' })
    expect(external['spec'].clusterIPs).toBeUndefined()
    expect(clusterIPs.filter((address: string) => store.allocations.isUsed(address))).toEqual([])
  })
})
