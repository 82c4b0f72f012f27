import { mapOf, sameJson } from './access.ts'
import { familyOf } from '../../model/ip.ts'
import { canonicalIp } from './addresses.ts'
import { allocator, managedBy, ownRange } from './hooks/service-ranges.ts'
import type { MemoryStore } from './store.ts'
import type { KubeObject, NewObject } from './types.ts'

/**
 * Shows what is allocated as objects, as a real server does (KEP-1880): the ranges as ServiceCIDR `kubernetes`, each cluster IP as an
 * IPAddress that names its Service. They follow the Services; nobody allocates by writing them.
 */
export function showAllocations(store: MemoryStore): void {
  showRanges(store)
  const services = store.list('services')
  for (const service of services) addAddresses(store, service)
  const held = new Set(services.flatMap(addressesOf))
  for (const { metadata } of store.list('ipaddresses'))
    if (metadata.labels?.[managedBy] === allocator && !held.has(metadata.name)) dropAddress(store, metadata.name)
  // As with a real server, an address is there before its Service and goes after it.
  store.beforeHold((object) => addAddresses(store, object))
  store.subscribe(({ type, resource, object, old }) => {
    if (resource === 'servicecidrs' && type === 'DELETED') showRanges(store)
    if (resource !== 'services' || old === undefined) return
    const kept = new Set(type === 'DELETED' ? [] : addressesOf(object))
    for (const name of addressesOf(old)) if (!kept.has(name)) dropAddress(store, name)
  })
}

function showRanges(store: MemoryStore): void {
  const { cidrs } = store.allocations
  const name = ownRange
  const old = store.get('servicecidrs', undefined, name)
  if (old !== undefined && sameJson(mapOf(old['spec'])['cidrs'], cidrs)) return
  if (old !== undefined) store.remove('servicecidrs', undefined, name)
  const range = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, spec: { cidrs } }
  const created = store.create('servicecidrs', range)
  const ready = {
    type: 'Ready',
    status: 'True',
    lastTransitionTime: store.now(),
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
  }
  store.updateStatus('servicecidrs', { ...created, status: { conditions: [ready] } })
}

const addressesOf = (service: KubeObject): string[] =>
  (mapOf(service['spec'])['clusterIPs'] ?? []).filter((address: string) => address !== 'None').map(canonicalIp)

function addAddresses(store: MemoryStore, service: KubeObject): void {
  for (const name of addressesOf(service)) {
    const wanted = shown(name, service)
    const old = store.get('ipaddresses', undefined, name)
    if (old !== undefined && sameJson(old['spec'], wanted['spec'])) continue
    if (old !== undefined) store.remove('ipaddresses', undefined, name)
    store.create('ipaddresses', wanted)
  }
}

/** An address that was given to another Service in the meantime stays. */
function dropAddress(store: MemoryStore, name: string): void {
  if (store.get('ipaddresses', undefined, name) !== undefined && !store.allocations.isUsed(name))
    store.remove('ipaddresses', undefined, name)
}

const shown = (name: string, { metadata }: KubeObject): NewObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  metadata: { name, labels: { 'ipaddress.kubernetes.io/ip-family': familyOf(name), [managedBy]: allocator } },
  spec: { parentRef: { resource: 'services', namespace: metadata.namespace, name: metadata.name } },
})
