import type { Json } from '../../src/lab/api/access.ts'
import { merge, post, type Step } from './replay-steps.ts'

const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`
const core = '/api/v1/namespaces/fx-table'
const apps = '/apis/apps/v1/namespaces/fx-table'
const networking = '/apis/networking.k8s.io/v1'
const web = { app: 'web' }
const spec = { containers: [{ name: 'main', image: 'example.com/app:1' }] }
const template = { metadata: { labels: web }, spec }
const selector = { matchLabels: web }

/** An object of a collection, and its status where one was set. */
function made(path: string, apiVersion: string, kind: string, name: string, fields: Json, labels: Json): Step[] {
  const { status, ...rest } = fields
  const object = { apiVersion, kind, metadata: { name, labels }, ...rest }
  return [post(path, object), ...(status === undefined ? [] : [merge(`${path}/${name}/status`, { status })])]
}

const table = { table: 'yes' }
const one = (path: string, apiVersion: string, kind: string, fields: Json, name = kind.toLowerCase()): Step[] =>
  made(path, apiVersion, kind, `t-${name}`, fields, table)

const internal = { type: 'InternalIP', address: '192.0.2.10' }
const workload = { replicas: 1, selector, template }
const about = { kind: 'Pod', namespace: 'fx-table', name: 'web-1' }

/** By the exchange before which they were made. */
export const tableObjects: Record<string, Step[]> = {
  'namespace/list': one('/api/v1/namespaces', 'v1', 'Namespace', {}),
  'node/list': one('/api/v1/nodes', 'v1', 'Node', {
    status: { addresses: [internal], conditions: [{ type: 'Ready', status: 'True' }] },
  }),
  'configmap/list': one(`${core}/configmaps`, 'v1', 'ConfigMap', { data: { a: '1' }, binaryData: { b: 'AAEC' } }),
  'secret/list': one(`${core}/secrets`, 'v1', 'Secret', { stringData: { a: '1', b: '2', c: '3' } }),
  'serviceaccount/list': one(`${core}/serviceaccounts`, 'v1', 'ServiceAccount', {}),
  'pod/list': one(`${core}/pods`, 'v1', 'Pod', {
    spec,
    status: { phase: 'Running', podIP: '10.42.1.5', podIPs: [{ ip: '10.42.1.5' }] },
  }),
  'service/list': one(`${core}/services`, 'v1', 'Service', {
    spec: { clusterIP: '10.43.9.7', selector: web, ports: [{ port: 80 }] },
  }),
  'endpoints/list': one(`${core}/endpoints`, 'v1', 'Endpoints', {
    subsets: [{ addresses: [{ ip: '10.42.1.6' }, { ip: '10.42.1.5' }], ports: [{ port: 80 }] }],
  }),
  'deployment/list': one(`${apps}/deployments`, 'apps/v1', 'Deployment', {
    spec: workload,
    status: { replicas: 2, updatedReplicas: 2 },
  }),
  'replicaset/list': one(`${apps}/replicasets`, 'apps/v1', 'ReplicaSet', { spec: workload, status: { replicas: 1 } }),
  'daemonset/list': one(`${apps}/daemonsets`, 'apps/v1', 'DaemonSet', {
    spec: { selector, template },
    status: { desiredNumberScheduled: 1, currentNumberScheduled: 1, numberMisscheduled: 0, numberReady: 0 },
  }),
  'statefulset/list': one(`${apps}/statefulsets`, 'apps/v1', 'StatefulSet', {
    spec: { ...workload, serviceName: 'web' },
    status: { replicas: 1 },
  }),
  'endpointslice/list': one(
    '/apis/discovery.k8s.io/v1/namespaces/fx-table/endpointslices',
    'discovery.k8s.io/v1',
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['10.42.1.5'] }], ports: [{ port: 8080 }] },
  ),
  'lease/list': one('/apis/coordination.k8s.io/v1/namespaces/fx-table/leases', 'coordination.k8s.io/v1', 'Lease', {
    spec: { holderIdentity: 'me' },
  }),
  'coreevent/list': one(
    `${core}/events`,
    'v1',
    'Event',
    {
      involvedObject: about,
      type: 'Normal',
      reason: 'Started',
      message: 'it started',
      source: { component: 'me', host: 'n1' },
      firstTimestamp: now(),
      lastTimestamp: now(),
      count: 1,
    },
    'coreevent',
  ),
  'event/list': one('/apis/events.k8s.io/v1/namespaces/fx-table/events', 'events.k8s.io/v1', 'Event', {
    regarding: about,
    type: 'Normal',
    reason: 'Started',
    action: 'Start',
    note: 'it started',
    reportingController: 'fx.example/me',
    reportingInstance: 'me-1',
    eventTime: now().replace('Z', '.000000Z'),
  }),
  'networkpolicy/list': one(
    `${networking}/namespaces/fx-table/networkpolicies`,
    'networking.k8s.io/v1',
    'NetworkPolicy',
    {
      spec: { podSelector: selector },
    },
  ),
  'ingress/list': one(`${networking}/namespaces/fx-table/ingresses`, 'networking.k8s.io/v1', 'Ingress', {
    spec: {
      ingressClassName: 'plain',
      rules: [
        {
          host: 'a.example',
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
          },
        },
      ],
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } },
  }),
  'ingressclass/list': one(`${networking}/ingressclasses`, 'networking.k8s.io/v1', 'IngressClass', {
    spec: { controller: 'fx.example/ingress' },
  }),
  'thing/list': one('/apis/fx.example/v1/namespaces/fx-table/things', 'fx.example/v1', 'Thing', { spec: { size: 1 } }),
}

const cells = { cells: 'yes' }
const service = (name: string, fields: Json, status?: Json): Step[] =>
  made(`${core}/services`, 'v1', 'Service', name, { spec: fields, ...(status === undefined ? {} : { status }) }, cells)

const port = (number: number, nodePort: number, more: Json = {}): Json => ({ port: number, nodePort, ...more })

const services: Step[] = [
  ...service('headless', { clusterIP: 'None', ports: [{ port: 80 }] }),
  ...service('external', { type: 'ExternalName', externalName: 'db.example' }),
  ...service('nodes', {
    type: 'NodePort',
    clusterIP: '10.43.9.8',
    ports: [port(80, 30_180, { name: 'web' }), port(53, 30_181, { name: 'dns', protocol: 'UDP' })],
  }),
  ...service('pending', { type: 'LoadBalancer', clusterIP: '10.43.9.9', ports: [port(80, 30_182)] }),
  ...service(
    'balanced',
    {
      type: 'LoadBalancer',
      clusterIP: '10.43.9.10',
      externalIPs: ['192.0.2.70'],
      selector: { a: 'b', c: 'd' },
      ports: [port(80, 30_183)],
    },
    { loadBalancer: { ingress: [{ ip: '192.0.2.71' }, { hostname: 'lb.example' }] } },
  ),
]

const container = (state: Json, more: Json = {}): Json => ({
  name: 'main',
  image: 'example.com/app:1',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
  ...more,
})

const pod = (name: string, status: Json, more: Json = {}): Step[] =>
  made(`${core}/pods`, 'v1', 'Pod', `p-${name}`, { spec: { nodeName: 'n1', ...spec, ...more }, status }, cells)

const ready = { containerStatuses: [container({ running: { startedAt: now() } }, { ready: true })] }

const pods: Step[] = [
  ...pod('pending', { phase: 'Pending' }),
  ...pod('running', {
    phase: 'Running',
    podIP: '10.42.0.7',
    podIPs: [{ ip: '10.42.0.7' }],
    containerStatuses: [container({ running: { startedAt: now() } }, { ready: true, restartCount: 2 })],
  }),
  ...pod('creating', {
    phase: 'Pending',
    containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })],
  }),
  ...pod('crashing', {
    phase: 'Running',
    containerStatuses: [
      container(
        { waiting: { reason: 'CrashLoopBackOff' } },
        { restartCount: 5, lastState: { terminated: { exitCode: 1, startedAt: now(), finishedAt: now() } } },
      ),
    ],
  }),
  ...pod('done', {
    phase: 'Succeeded',
    containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })],
  }),
  ...pod('exit', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }),
  ...pod('evicted', { phase: 'Failed', reason: 'Evicted' }),
  ...pod('nodelost', { phase: 'Running', reason: 'NodeLost' }),
  ...pod(
    'init',
    {
      phase: 'Pending',
      initContainerStatuses: [container({ waiting: { reason: 'PodInitializing' } }, { name: 'one' })],
    },
    { initContainers: ['one', 'two'].map((name) => ({ name, image: 'example.com/app:1' })) },
  ),
  post(`${core}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p-gated', labels: cells },
    spec: { ...spec, schedulingGates: [{ name: 'fx.example/gate' }] },
  }),
  ...pod('gone', { phase: 'Running', ...ready }),
  { method: 'DELETE', path: `${core}/pods/p-gone` },
]

const nodeStatus = (status: string): Json => ({
  addresses: [internal, { type: 'ExternalIP', address: '198.51.100.10' }],
  conditions: [{ type: 'Ready', status }],
  nodeInfo: {
    kubeletVersion: 'v1.36.0',
    osImage: 'OS',
    kernelVersion: '6.1',
    containerRuntimeVersion: 'containerd://2',
  },
})

const node = (name: string, labels: Json, fields: Json): Step[] =>
  made('/api/v1/nodes', 'v1', 'Node', `c-${name}`, fields, { ...cells, ...labels })

const role = 'node-role.kubernetes.io/'
const nodes: Step[] = [
  ...node('ready', { [`${role}control-plane`]: 'true', [`${role}etcd`]: 'true' }, { status: nodeStatus('True') }),
  ...node('not', {}, { spec: { unschedulable: true }, status: nodeStatus('False') }),
  ...node('unknown', { 'kubernetes.io/role': 'worker' }, {}),
]

/** Objects that show what cells can hold. */
export const cellObjects: Record<string, Step[]> = {
  'cells/services': services,
  'cells/pods': pods,
  'cells/nodes': nodes,
}
