import type { KubeObject, NewObject } from '../../src/lab/api/types.ts'
import type { ReplayCluster } from './controllers-cluster.ts'

/** What the recorder did before it looked, by recording and step. Kubelets are played by the recording itself, before and after. */
export type Script = Record<string, (cluster: ReplayCluster) => void>

const container = {
  name: 'main',
  image: 'example.com/app:1',
  ports: [
    { name: 'http', containerPort: 8080 },
    { name: 'dns', containerPort: 5353, protocol: 'UDP' },
  ],
}

const servicePorts = [
  { name: 'web', port: 80, targetPort: 'http' },
  { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
]

const inNamespace = (cluster: ReplayCluster, name: string, labels?: Record<string, string>) => ({
  name,
  namespace: cluster.namespace,
  ...(labels === undefined ? {} : { labels }),
})

function service(cluster: ReplayCluster, name: string, app: string, spec: object = {}, meta: object = {}): void {
  const metadata = { ...inNamespace(cluster, name), ...meta }
  const whole = { selector: { app }, ports: servicePorts, ...spec }
  cluster.create('services', { apiVersion: 'v1', kind: 'Service', metadata, spec: whole })
}

function workload(cluster: ReplayCluster, kind: string, name: string, spec: object, podSpec: object = {}): void {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [container], ...podSpec } }
  cluster.create(`${kind.toLowerCase()}s`, {
    apiVersion: 'apps/v1',
    kind,
    metadata: inNamespace(cluster, name),
    spec: { selector: { matchLabels: { app: name } }, template, ...spec },
  })
}

const deployment = (cluster: ReplayCluster, name: string, replicas: number, podSpec: object = {}): void =>
  workload(cluster, 'Deployment', name, { replicas }, podSpec)

function setImage({ spec }: KubeObject): void {
  spec.template.spec.containers[0].image = 'example.com/app:2'
}

/** The names of our pods, by what the recording calls their uids. */
const nameOf = (cluster: ReplayCluster, uid: string): string =>
  cluster.pods().find(({ metadata }) => metadata.uid === cluster.bindings.value(uid))?.metadata.name ?? uid

const start = (cluster: ReplayCluster, order?: readonly string[]): void => {
  cluster.addNodes(order)
  cluster.settle()
  cluster.readyNodes()
}

const pod = (cluster: ReplayCluster, name: string, nodeName: string | undefined, spec: object = {}): NewObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: inNamespace(cluster, name, { app: 'odd' }),
  spec: { containers: [container], ...(nodeName === undefined ? {} : { nodeName }), ...spec },
})

/** A pod that the recorder has bound itself. */
function bound(cluster: ReplayCluster, name: string, nodeName: string, spec: object = {}): void {
  cluster.store.create('pods', pod(cluster, name, undefined, { ...spec, schedulerName: 'by-hand' }))
  cluster.store.bind(cluster.namespace, name, nodeName)
  cluster.settle()
}

const deploymentScript: Script = {
  'service-only': (cluster) => {
    start(cluster)
    service(cluster, 'web', 'web')
  },
  created: (cluster) => deployment(cluster, 'web', 3),
  'rollout-1': (cluster) => cluster.edit('deployments', 'web', setImage),
  'scaled-down': (cluster) => cluster.edit('deployments', 'web', ({ spec }) => (spec.replicas = 2)),
  'pod-deleted': (cluster) => cluster.remove('pods', nameOf(cluster, 'uid-10')),
  'pod-released': (cluster) =>
    cluster.edit(
      'pods',
      nameOf(cluster, 'uid-14'),
      ({ metadata }) => ((metadata.labels as { app: string }).app = 'loose'),
    ),
  'port-changed': (cluster) =>
    cluster.edit('services', 'web', ({ spec }) => (spec.ports = [{ name: 'web', port: 80, targetPort: 9090 }])),
  'selector-changed': (cluster) =>
    cluster.edit('services', 'web', ({ spec, metadata }) => {
      spec.selector = { app: 'loose' }
      metadata.labels = { team: 'a' }
    }),
  paused: (cluster) => cluster.edit('deployments', 'web', ({ spec }) => (spec.paused = true)),
  'service-deleted': (cluster) => cluster.remove('services', 'web'),
}

/** Ends pods that terminate and runs their successors, one after the other. */
function rollOn(cluster: ReplayCluster, ...names: string[]): void {
  for (const name of names) {
    const old = cluster
      .pods()
      .find(({ metadata }) => metadata.name === name && metadata.deletionTimestamp !== undefined)
    if (old !== undefined) cluster.endPod(old)
    cluster.kubelets()
  }
}

const statefulsetScript: Script = {
  created: (cluster) => {
    start(cluster)
    service(cluster, 'db', 'db', { clusterIP: 'None' })
    service(cluster, 'db-all', 'db', { clusterIP: 'None', publishNotReadyAddresses: true })
    workload(cluster, 'StatefulSet', 'db', { replicas: 3, serviceName: 'db' })
  },
  'rollout-1': (cluster) => cluster.edit('statefulsets', 'db', setImage),
  'rollout-2': (cluster) => rollOn(cluster, 'db-2'),
  'scaled-down-1': (cluster) => {
    rollOn(cluster, 'db-1', 'db-0')
    cluster.edit('statefulsets', 'db', ({ spec }) => (spec.replicas = 1))
  },
}

const daemonsetScript: Script = {
  created: (cluster) => {
    start(cluster, ['n2', 'n1', 'n3'])
    service(cluster, 'agent', 'agent')
    workload(cluster, 'DaemonSet', 'agent', {})
  },
  'rollout-1': (cluster) => cluster.edit('daemonsets', 'agent', setImage),
}

const dualStackScript: Script = {
  ready: (cluster) => {
    start(cluster)
    const families = (...ipFamilies: string[]) => ({ ipFamilies })
    service(cluster, 'web', 'web', { ipFamilyPolicy: 'RequireDualStack', ...families('IPv4', 'IPv6') })
    service(cluster, 'web-v6', 'web', { ipFamilyPolicy: 'PreferDualStack', ...families('IPv6', 'IPv4') })
    service(cluster, 'headless', 'web', { ipFamilyPolicy: 'PreferDualStack', clusterIP: 'None' })
    deployment(cluster, 'web', 2)
  },
  'to-single': (cluster) =>
    cluster.edit('services', 'web', ({ spec }) => {
      spec.ipFamilyPolicy = 'SingleStack'
      spec.ipFamilies = ['IPv4']
      spec.clusterIPs = spec.clusterIPs.slice(0, 1)
    }),
}

const trafficScript: Script = {
  ready: (cluster) => {
    start(cluster)
    const auto = { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } }
    service(cluster, 'web-auto', 'web', {}, auto)
    for (const trafficDistribution of ['PreferClose', 'PreferSameNode', 'PreferSameZone'])
      service(cluster, `web-${trafficDistribution.toLowerCase()}`, 'web', { trafficDistribution })
    deployment(cluster, 'web', 4)
  },
  'not-ready': (cluster) => setReady(cluster, 'uid-7', false),
  terminating: (cluster) => cluster.remove('pods', nameOf(cluster, 'uid-9')),
  off: (cluster) => {
    for (const name of ['web-preferclose', 'web-prefersamenode'])
      cluster.edit('services', name, ({ spec }) => delete spec.trafficDistribution)
  },
}

function setReady(cluster: ReplayCluster, uid: string, ready: boolean): void {
  const name = nameOf(cluster, uid)
  const { status } = structuredClone(cluster.pods().find(({ metadata }) => metadata.name === name) as KubeObject)
  for (const condition of status.conditions)
    if (condition.type === 'Ready' || condition.type === 'ContainersReady')
      Object.assign(condition, { status: ready ? 'True' : 'False', lastTransitionTime: 'time' })
  cluster.setStatus(name, status)
}

const addressOf = (number: number): string => `10.42.${(number >> 7) + 10}.${(number & 127) + 2}`

const endpointsScript: Script = {
  'named-ports-differ': (cluster) => {
    start(cluster)
    service(cluster, 'odd', 'odd')
    const ports = [{ name: 'http', containerPort: 9999 }]
    bound(cluster, 'a', 'n1')
    bound(cluster, 'b', 'n2', { containers: [{ ...container, ports }] })
    bound(cluster, 'c', 'n3', { containers: [{ name: 'main', image: 'example.com/app:1' }] })
    bound(cluster, 'd', 'n1', { hostname: 'dee', subdomain: 'odd' })
  },
  'by-hand': (cluster) => {
    const metadata = inNamespace(cluster, 'manual')
    const ports = [{ name: 'db', port: 5432 }]
    cluster.create('services', { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports } })
    const addresses = [{ ip: '192.0.2.80', hostname: 'one', nodeName: 'n1' }, { ip: '192.0.2.81' }]
    cluster.create('endpoints', {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { ...metadata, labels: { by: 'hand' } },
      subsets: [{ addresses, notReadyAddresses: [{ ip: '192.0.2.82' }], ports }],
    })
    const spec = { type: 'ExternalName', externalName: 'example.com', selector: { app: 'odd' } }
    cluster.create('services', { apiVersion: 'v1', kind: 'Service', metadata: inNamespace(cluster, 'away'), spec })
    const labels = { 'endpointslice.kubernetes.io/managed-by': 'me', 'kubernetes.io/service-name': 'odd' }
    cluster.create('endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: inNamespace(cluster, 'own', labels),
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.90'] }],
      ports: [{ name: 'web', port: 80 }],
    })
  },
  many: (cluster) => {
    for (const resource of ['services', 'endpoints', 'endpointslices', 'pods'])
      for (const { metadata } of cluster.store.list(resource, cluster.namespace))
        if (cluster.store.get(resource, cluster.namespace, metadata.name) !== undefined)
          cluster.store.remove(resource, cluster.namespace, metadata.name, { gracePeriodSeconds: 0 })
    cluster.settle()
    service(cluster, 'many', 'odd')
    // The recorded controller saw 99 of them at once, then the rest.
    for (let number = 0; number < 120; number++) {
      if (number === 99) cluster.settle()
      cluster.store.create('pods', pod(cluster, `p-${number}`, 'n1'))
      cluster.runPod(`p-${number}`, addressOf(number))
    }
    cluster.settle()
  },
  fewer: (cluster) => {
    for (let number = 60; number < 100; number++)
      cluster.store.remove('pods', cluster.namespace, `p-${number}`, { gracePeriodSeconds: 0 })
    cluster.settle()
  },
}

const map = (cluster: ReplayCluster, name: string, meta: object = {}): KubeObject =>
  cluster.create('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...inNamespace(cluster, name), ...meta },
  })

const ownerScript: Script = {
  deleted: (cluster) => {
    start(cluster)
    for (const name of ['back', 'fore', 'orphan']) deployment(cluster, name, 1)
    cluster.kubelets()
    cluster.remove('deployments', 'back', { propagationPolicy: 'Background' })
    cluster.remove('deployments', 'fore', { propagationPolicy: 'Foreground' })
    cluster.remove('deployments', 'orphan', { propagationPolicy: 'Orphan' })
  },
  reaped: (cluster) => {
    for (const one of cluster.pods()) if (one.metadata.deletionTimestamp !== undefined) cluster.endPod(one)
  },
  owners: (cluster) => {
    for (const { metadata } of cluster.store.list('replicasets', cluster.namespace))
      cluster.remove('replicasets', metadata.name)
    const { uid } = map(cluster, 'owner').metadata
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }
    const lost = { ...owner, name: 'nobody', uid: '00000000-0000-4000-8000-000000000000' }
    map(cluster, 'child', { ownerReferences: [owner] })
    map(cluster, 'blocker', {
      ownerReferences: [{ ...owner, blockOwnerDeletion: true }],
      finalizers: ['fx.example/wait'],
    })
    map(cluster, 'lost', { ownerReferences: [lost] })
  },
  'foreground-blocked': (cluster) => cluster.remove('configmaps', 'owner', { propagationPolicy: 'Foreground' }),
  'foreground-done': (cluster) => cluster.edit('configmaps', 'blocker', ({ metadata }) => (metadata.finalizers = [])),
}

const namespaceScript: Script = {
  before: (cluster) => {
    start(cluster)
    service(cluster, 'web', 'web')
    deployment(cluster, 'web', 1)
    map(cluster, 'held', { finalizers: ['fx.example/wait'] })
  },
  deleting: (cluster) => cluster.remove('namespaces', cluster.namespace),
  pods: (cluster) => cluster.pass(10),
  finalizers: (cluster) => {
    for (const one of cluster.pods()) cluster.endPod(one)
    cluster.pass(30)
  },
  gone: (cluster) => {
    cluster.edit('configmaps', 'held', ({ metadata }) => (metadata.finalizers = []))
    cluster.pass(30)
  },
}

const nodesScript: Script = {
  answer: (cluster) => cluster.addNodes(),
  created: (cluster) => cluster.settle(),
  ready: (cluster) => cluster.readyNodes(),
  cordoned: (cluster) => cluster.edit('nodes', 'n2', ({ spec }) => (spec.unschedulable = true)),
  'not-ready': (cluster) => {
    cluster.edit('nodes', 'n2', ({ spec }) => delete spec.unschedulable)
    cluster.setReady('n2', 'False')
  },
  'ready-again': (cluster) => cluster.setReady('n2', 'True'),
}

/** In the recording no more than one pod a node is allowed, and nodes that are lost are tolerated for 8 seconds. */
const oneANode = {
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
    },
  ],
  tolerations: ['not-ready', 'unreachable'].map((what) => ({
    key: `node.kubernetes.io/${what}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 8,
  })),
}

const lostScript: Script = {
  unknown: (cluster) => {
    start(cluster)
    cluster.leases('n1', 'n2', 'n3')
    cluster.pass(1)
    service(cluster, 'web', 'web')
    deployment(cluster, 'web', 3, oneANode)
    cluster.runAll()
    cluster.leases('n1', 'n2')
    cluster.pass(11)
  },
  evicted: (cluster) => cluster.pass(10),
  back: (cluster) => {
    cluster.leases('n1', 'n2', 'n3')
    for (const name of ['n1', 'n2', 'n3']) cluster.renewLease(name)
    cluster.setReady('n3', 'True')
    cluster.pass(2)
  },
  'node-deleted': (cluster) => {
    cluster.leases('n1', 'n2')
    cluster.remove('nodes', 'n3')
    cluster.pass(2)
  },
}

export const scripts: Record<string, Script> = {
  deployment: deploymentScript,
  statefulset: statefulsetScript,
  daemonset: daemonsetScript,
  'dual-stack': dualStackScript,
  'traffic-distribution': trafficScript,
  endpoints: endpointsScript,
  'owner-gc': ownerScript,
  'namespace-deletion': namespaceScript,
  nodes: nodesScript,
  'node-lost': lostScript,
}
