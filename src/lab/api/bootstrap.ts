import type { MemoryStore } from './store.ts'

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

const labels = { component: 'apiserver', provider: 'kubernetes' }

/**
 * What a cluster has from the start: its namespaces, and default/kubernetes with the slice that leads to the API.
 * `advertise`: where nodes reach the API. Without an address there are no endpoints: loopback is none that a slice may have.
 */
export function bootstrap(store: MemoryStore, advertise: { address?: string; port: number }): void {
  for (const name of namespaces) store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  store.create('services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels },
    spec: {
      clusterIP: store.allocations.firstAddress,
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: advertise.port }],
    },
  })
  if (advertise.address === undefined) return
  const ports = [{ name: 'https', port: advertise.port, protocol: 'TCP' }]
  store.create('endpoints', {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: [{ addresses: [{ ip: advertise.address }], ports }],
  })
  store.create('endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [advertise.address], conditions: { ready: true } }],
    ports,
  })
}
