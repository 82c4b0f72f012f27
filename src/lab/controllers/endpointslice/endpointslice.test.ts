import { beforeEach, describe, expect, it } from 'vitest'
import type { Pod, PodSpec } from '../kinds.ts'
import { TestCluster } from '../test-cluster.ts'

let cluster: TestCluster

beforeEach(() => {
  cluster = new TestCluster()
  cluster.addNode('n1', { 'topology.kubernetes.io/zone': 'z1' })
  cluster.addNode('n2', { 'topology.kubernetes.io/zone': 'z2' })
})

/** A pod without owner, running and ready. */
function addPod(name: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = { app: 'web' }): Pod {
  const containers = [{ name: 'main', image: 'app:1', ports: [{ name: 'http', containerPort: 8080 }] }]
  const metadata = { name, namespace: 'default', labels }
  const pod = cluster.store.create('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers, ...spec },
  }) as Pod
  cluster.settle()
  cluster.runPod(pod)
  cluster.settle()
  return pod
}

/** `10.42.0.2 ready serving` for each endpoint of the Service, slice by slice. */
const shown = (service = 'web'): string[][] =>
  cluster
    .slices(service)
    .map(({ endpoints }) =>
      (endpoints ?? []).map(({ addresses, conditions }) =>
        [...addresses, ...Object.entries(conditions).flatMap(([name, value]) => (value ? [name] : []))].join(' '),
      ),
    )

describe('slices of a Service', () => {
  it('start with one that says there are none', () => {
    cluster.expose('web', {}, { team: 'a' })
    const [slice, ...more] = cluster.slices('web')
    expect(more).toEqual([])
    expect(slice?.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    expect(slice).toMatchObject({
      metadata: {
        generateName: 'web-',
        labels: {
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
          'kubernetes.io/service-name': 'web',
          team: 'a',
        },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T12:00:00Z' },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Service', name: 'web', controller: true, blockOwnerDeletion: true },
        ],
      },
      addressType: 'IPv4',
    })
    expect(slice?.endpoints ?? []).toEqual([])
    expect(slice?.ports ?? []).toEqual([])
  })

  it('show pods from when they have an address, in the same slice', () => {
    cluster.expose('web')
    cluster.deploy('web', 1)
    const before = cluster.slices('web')[0]?.metadata.name
    expect(shown()).toEqual([[]])
    const [pod] = cluster.pods()
    if (pod === undefined) throw new Error('no pod')
    cluster.runPod(pod, false)
    cluster.settle()
    expect(shown()).toEqual([['10.42.0.2']])
    cluster.runPod(pod, true)
    cluster.settle()
    const [slice] = cluster.slices('web')
    expect(slice).toMatchObject({
      metadata: { name: before },
      endpoints: [
        {
          addresses: ['10.42.0.2'],
          conditions: { ready: true, serving: true, terminating: false },
          targetRef: { kind: 'Pod', namespace: 'default', name: pod.metadata.name, uid: pod.metadata.uid },
          nodeName: 'n1',
          zone: 'z1',
        },
      ],
      ports: [{ name: 'web', protocol: 'TCP', port: 8080 }],
    })
  })

  it('keep pods that terminate until they are gone', () => {
    cluster.expose('web')
    const pod = addPod('a')
    cluster.store.remove('pods', 'default', 'a')
    cluster.settle()
    expect(shown()).toEqual([['10.42.0.2 serving terminating']])
    cluster.runPod(pod, false)
    cluster.settle()
    expect(shown()).toEqual([['10.42.0.2 terminating']])
    cluster.endPod(pod)
    expect(shown()).toEqual([[]])
  })

  it('leave finished pods out', () => {
    cluster.expose('web')
    const { metadata } = addPod('a')
    const now = cluster.store.get('pods', 'default', metadata.name) as Pod
    cluster.store.updateStatus('pods', { ...structuredClone(now), status: { ...now.status, phase: 'Failed' } })
    cluster.settle()
    expect(shown()).toEqual([[]])
  })

  it('call pods ready where the Service publishes all', () => {
    cluster.expose('web', { publishNotReadyAddresses: true, clusterIP: 'None' })
    cluster.runPod(addPod('a'), false)
    cluster.settle()
    expect(shown()).toEqual([['10.42.0.2 ready']])
    expect(cluster.slices('web')[0]?.metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' })
  })

  it('keep pods with other port numbers, or none, apart', () => {
    cluster.expose('web')
    addPod('a')
    addPod('b', {
      containers: [{ name: 'main', image: 'app:1', ports: [{ name: 'http', containerPort: 9999 }] } as never],
    })
    addPod('c', { containers: [{ name: 'main', image: 'app:1' } as never] })
    const ports = cluster.slices('web').map((slice) => (slice.ports ?? []).map(({ port }) => port).join())
    expect(ports.sort()).toEqual(['', '8080', '9999'])
  })

  it('follow ports, labels and selector of the Service in place', () => {
    cluster.expose('web')
    addPod('a')
    addPod('b', {}, { app: 'other' })
    const name = cluster.slices('web')[0]?.metadata.name
    cluster.edit('services', 'web', (service) => (service['spec'].ports[0].targetPort = 9090))
    expect(cluster.slices('web')).toMatchObject([{ metadata: { name }, ports: [{ port: 9090 }] }])
    cluster.edit('services', 'web', (service) => (service.metadata.labels = { team: 'b' }))
    expect(cluster.slices('web')).toMatchObject([{ metadata: { name, labels: { team: 'b' } } }])
    cluster.edit('services', 'web', (service) => (service['spec'].selector = { app: 'other' }))
    expect(cluster.slices('web')).toMatchObject([{ metadata: { name }, endpoints: [{ targetRef: { name: 'b' } }] }])
  })

  it('go with the Service', () => {
    cluster.expose('web')
    addPod('a')
    cluster.store.remove('services', 'default', 'web')
    cluster.settle()
    expect(cluster.slices('web')).toEqual([])
  })

  it('are made again, and put right, when someone meddles', () => {
    cluster.expose('web')
    addPod('a')
    const name = cluster.slices('web')[0]?.metadata.name ?? ''
    cluster.edit('endpointslices', name, (slice) => (slice['endpoints'] = []))
    expect(shown()).toEqual([['10.42.0.2 ready serving']])
    cluster.store.remove('endpointslices', 'default', name)
    cluster.settle()
    expect(shown()).toEqual([['10.42.0.2 ready serving']])
  })

  it('carry hints where the Service prefers what is close', () => {
    cluster.expose('web', { trafficDistribution: 'PreferClose' })
    cluster.runPod(addPod('a'), true)
    cluster.runPod(addPod('b'), false)
    cluster.settle()
    const hints = cluster.slices('web').flatMap(({ endpoints }) => endpoints?.map((endpoint) => endpoint.hints))
    expect(hints).toEqual([{ forZones: [{ name: 'z1' }] }, undefined])
  })

  it('name pods that have a name in the Service', () => {
    cluster.expose('web', { clusterIP: 'None' })
    addPod('a', { hostname: 'dee', subdomain: 'web' })
    addPod('b', { hostname: 'dee', subdomain: 'other' })
    expect(cluster.slices('web')[0]?.endpoints?.map(({ hostname }) => hostname)).toEqual(['dee', undefined])
  })
})

describe('what is not its business', () => {
  it('slices that others manage', () => {
    cluster.expose('web')
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'own', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.1'] }],
    }
    cluster.store.create('endpointslices', slice)
    cluster.settle()
    cluster.writes()
    cluster.store.remove('services', 'default', 'web')
    cluster.settle()
    expect(cluster.slices('web').map(({ metadata }) => metadata.name)).toEqual(['own'])
    expect(cluster.slices('kubernetes').map(({ metadata }) => metadata.name)).toEqual(['kubernetes'])
  })

  it('Services without a selector, or of type ExternalName', () => {
    cluster.expose('manual', { selector: undefined })
    cluster.expose('away', { type: 'ExternalName', externalName: 'example.com' })
    expect([...cluster.slices('manual'), ...cluster.slices('away')]).toEqual([])
  })
})

describe('many endpoints', () => {
  it('come in slices of 100; one that changes costs one write', () => {
    cluster.expose('web')
    cluster.deploy('web', 250)
    cluster.kubelet()
    const sizes = cluster.slices('web').map(({ endpoints }) => endpoints?.length ?? 0)
    expect(sizes.reduce((total, size) => total + size, 0)).toBe(250)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100)
    cluster.writes()
    const [pod] = cluster.pods()
    if (pod !== undefined) cluster.runPod(pod, false)
    cluster.settle()
    expect(cluster.writes().filter((write) => write.includes('endpointslices')).length).toBe(1)
  })
})

describe('nodes', () => {
  it('give endpoints their zone, also a new one', () => {
    cluster.expose('web')
    addPod('a')
    cluster.edit('nodes', 'n1', (node) => (node.metadata.labels = { 'topology.kubernetes.io/zone': 'z9' }))
    expect(cluster.slices('web')[0]?.endpoints).toMatchObject([{ zone: 'z9' }])
  })

  it('that are gone take their endpoints with them when the Service changes', () => {
    cluster.expose('web')
    addPod('a')
    cluster.store.remove('nodes', undefined, 'n1')
    cluster.settle()
    expect(shown()).toEqual([['10.42.0.2 ready serving']])
    addPod('b')
    expect(shown()).toEqual([['10.42.0.3 ready serving']])
  })
})
