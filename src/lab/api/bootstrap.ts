import { familyOf } from '../../model/ip.ts'
import { showAllocations } from './ip-addresses.ts'
import type { MemoryStore } from './store.ts'
import type { NewObject } from './types.ts'

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

const labels = { component: 'apiserver', provider: 'kubernetes' }

interface Wanted {
  resource: string
  object: NewObject
}

/**
 * What a cluster has from the start: its namespaces, and default/kubernetes with the slice that leads to the API. What is there already, after a
 * restart, is changed to lead to where the API is now; what is deleted comes back. The ranges and cluster IPs are shown as objects.
 * `advertise`: where nodes reach the API. Without an address there are no endpoints: loopback is none that a slice may have.
 */
export function bootstrap(store: MemoryStore, advertise: { address?: string; port: number }): void {
  const wanted = [...namespaces.map(namespace), ...apiObjects(store.allocations.firstAddress, advertise)]
  for (const { resource, object } of wanted) ensure(store, resource, object)
  showAllocations(store)
  store.subscribe(({ type, resource, object }) => {
    if (type !== 'DELETED') return
    const { namespace: place, name } = object.metadata
    const ours = wanted.find(
      (one) =>
        one.resource === resource && one.object.metadata.name === name && one.object.metadata.namespace === place,
    )
    if (ours !== undefined) ensure(store, ours.resource, ours.object)
  })
}

const namespace = (name: string): Wanted => ({
  resource: 'namespaces',
  object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
})

function apiObjects(clusterIP: string, advertise: { address?: string; port: number }): Wanted[] {
  const place = { name: 'kubernetes', namespace: 'default' }
  const service: NewObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...place, labels },
    spec: { clusterIP, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: advertise.port }] },
  }
  if (advertise.address === undefined) return [{ resource: 'services', object: service }]
  const ports = [{ name: 'https', port: advertise.port, protocol: 'TCP' }]
  const endpoints: NewObject = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...place, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: advertise.address }], ports }],
  }
  const slice: NewObject = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...place, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: familyOf(advertise.address),
    endpoints: [{ addresses: [advertise.address], conditions: { ready: true } }],
    ports,
  }
  return [
    { resource: 'services', object: service },
    { resource: 'endpoints', object: endpoints },
    { resource: 'endpointslices', object: slice },
  ]
}

/** Creates an object, or gives the one that is there these contents; a Service keeps what was allocated to it. */
function ensure(store: MemoryStore, resource: string, wanted: NewObject): void {
  const { namespace, name = '' } = wanted.metadata
  const old = store.get(resource, namespace, name)
  if (old === undefined) {
    store.create(resource, wanted)
    return
  }
  const { metadata: _metadata, ...contents } = wanted
  store.update(resource, {
    ...old,
    ...contents,
    ...(old['spec'] === undefined ? {} : { spec: { ...old['spec'], ...contents['spec'] } }),
  })
}
