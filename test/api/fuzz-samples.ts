import type { Json } from '../../src/lab/api/access.ts'

/** metadata of a namespaced object. */
export const metadata = (name: string): Json => ({
  name,
  labels: { app: 'a' },
  annotations: { note: 'x' },
  ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Owner', name: 'o', uid: 'u' }],
})
const template = {
  metadata: { labels: { app: 'a' } },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'example.com/app:1',
        ports: [{ name: 'http', containerPort: 80 }],
        env: [{ name: 'A', value: '1' }],
        resources: { requests: { cpu: '100m' }, limits: { memory: '1Gi' } },
        readinessProbe: { httpGet: { port: 'http' } },
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      },
    ],
    volumes: [{ name: 'v', configMap: { name: 'c' } }],
    tolerations: [{ key: 'a', operator: 'Exists' }],
    nodeSelector: { zone: 'a' },
  },
}

const listOf = (type: string, more: object): object => ({
  type: 'array',
  'x-kubernetes-list-type': type,
  items: {
    type: 'object',
    required: ['name'],
    properties: { name: { type: 'string' }, v: { type: 'integer', default: 1 } },
  },
  ...more,
})

/** A custom resource with lists of all types. */
export const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.fuzz.example' },
  spec: {
    group: 'fuzz.example',
    names: { kind: 'Widget', plural: 'widgets' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  size: { type: 'integer', minimum: 0, default: 1 },
                  name: { type: 'string', pattern: '^[a-z]*$' },
                  keyed: listOf('map', { 'x-kubernetes-list-map-keys': ['name'] }),
                  set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
                  open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                  port: { 'x-kubernetes-int-or-string': true },
                },
              },
              status: { type: 'object', properties: { phase: { type: 'string' } } },
            },
          },
        },
      },
    ],
  },
}

/** A valid object to make something wrong of. */
export interface Sample {
  /** Of its collection; NAMESPACE stands for one. */
  path: string
  object: Json
}

/** What is answered and not stored; `path` is where it is sent. */
export function questionsOf(namespace: string): Sample[] {
  const inNamespace = `/api/v1/namespaces/${namespace}`
  const access = '/apis/authorization.k8s.io/v1'
  const spec = { user: 'a', groups: ['b'], extra: { c: ['d'] }, resourceAttributes: { verb: 'get', resource: 'pods' } }
  const review = (kind: string, group: string, more: Json): Json => ({
    apiVersion: `${group}.k8s.io/v1`,
    kind,
    spec: more,
  })
  return [
    { path: `${access}/subjectaccessreviews`, object: review('SubjectAccessReview', 'authorization', spec) },
    {
      path: `${access}/selfsubjectaccessreviews`,
      object: review('SelfSubjectAccessReview', 'authorization', { nonResourceAttributes: { path: '/', verb: 'get' } }),
    },
    {
      path: `${access}/selfsubjectrulesreviews`,
      object: review('SelfSubjectRulesReview', 'authorization', { namespace }),
    },
    {
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      object: review('TokenReview', 'authentication', { token: 'x', audiences: ['a'] }),
    },
    {
      path: `${inNamespace}/serviceaccounts/default/token`,
      object: review('TokenRequest', 'authentication', {
        audiences: ['a'],
        expirationSeconds: 600,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' },
      }),
    },
    {
      path: `${inNamespace}/pods/p/binding`,
      object: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } },
    },
    {
      path: `${inNamespace}/pods/p/eviction`,
      object: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'p' },
        deleteOptions: { gracePeriodSeconds: 0, preconditions: { uid: 'x' } },
      },
    },
  ]
}

export const samples: readonly Sample[] = [
  {
    path: '/api/v1/namespaces/NAMESPACE/configmaps',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('c'),
      data: { a: '1' },
      binaryData: { b: 'AAAA' },
    },
  },
  {
    path: '/api/v1/namespaces/NAMESPACE/secrets',
    object: { apiVersion: 'v1', kind: 'Secret', metadata: metadata('s'), stringData: { a: '1' }, type: 'Opaque' },
  },
  {
    path: '/api/v1/namespaces/NAMESPACE/services',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('svc'),
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'a' },
        ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30080 }],
        externalIPs: ['192.0.2.1'],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
        ipFamilies: ['IPv4'],
        loadBalancerSourceRanges: ['10.0.0.0/8'],
      },
    },
  },
  {
    path: '/api/v1/namespaces/NAMESPACE/pods',
    object: { apiVersion: 'v1', kind: 'Pod', metadata: metadata('p'), spec: template.spec },
  },
  {
    path: '/apis/apps/v1/namespaces/NAMESPACE/deployments',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('d'),
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'a' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } },
        template,
      },
    },
  },
  {
    path: '/apis/discovery.k8s.io/v1/namespaces/NAMESPACE/endpointslices',
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: metadata('e'),
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.42.0.5'], conditions: { ready: true }, targetRef: { kind: 'Pod', name: 'p' } }],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  },
  {
    path: '/apis/networking.k8s.io/v1/namespaces/NAMESPACE/networkpolicies',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadata('n'),
      spec: {
        podSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] },
        ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80 }] }],
        policyTypes: ['Ingress'],
      },
    },
  },
  {
    path: '/apis/networking.k8s.io/v1/namespaces/NAMESPACE/ingresses',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: metadata('i'),
      spec: {
        rules: [
          {
            host: 'a.example',
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'svc', port: { number: 80 } } } }],
            },
          },
        ],
        tls: [{ hosts: ['a.example'], secretName: 's' }],
      },
    },
  },
  {
    path: '/api/v1/nodes',
    object: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n' },
      spec: { podCIDR: '10.42.0.0/24', podCIDRs: ['10.42.0.0/24'], taints: [{ key: 'a', effect: 'NoSchedule' }] },
      status: {
        addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
  },
  {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    object: {
      ...definition,
      metadata: { name: 'gadgets.fuzz.example' },
      spec: {
        ...definition.spec,
        names: { kind: 'Gadget', plural: 'gadgets', singular: 'gadget', shortNames: ['gd'], categories: ['all'] },
        versions: definition.spec.versions.map((version) => ({
          ...version,
          subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
          additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
        })),
      },
    },
  },
  {
    path: '/apis/apps/v1/namespaces/NAMESPACE/statefulsets',
    object: {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata('sts'),
      spec: {
        serviceName: 'svc',
        selector: { matchLabels: { app: 'a' } },
        template,
        volumeClaimTemplates: [
          {
            metadata: { name: 'v' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      },
    },
  },
  {
    path: '/apis/events.k8s.io/v1/namespaces/NAMESPACE/events',
    object: {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: metadata('ev'),
      eventTime: '2020-01-01T00:00:00.000000Z',
      action: 'Test',
      reason: 'Tested',
      type: 'Normal',
      note: 'tested',
      reportingController: 'example.com/fuzz',
      reportingInstance: 'fuzz',
      regarding: { kind: 'Pod', name: 'p', namespace: 'NAMESPACE' },
    },
  },
  {
    path: '/apis/batch/v1/namespaces/NAMESPACE/cronjobs',
    object: {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: metadata('cj'),
      spec: {
        schedule: '* * * * *',
        jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
      },
    },
  },
  {
    path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'crb' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    },
  },
  {
    path: '/apis/fuzz.example/v1/namespaces/NAMESPACE/widgets',
    object: {
      apiVersion: 'fuzz.example/v1',
      kind: 'Widget',
      metadata: metadata('w'),
      spec: { size: 2, name: 'a', keyed: [{ name: 'a', v: 1 }], set: ['a'], open: { a: { b: 1 } }, port: 'http' },
      status: { phase: 'Ready' },
    },
  },
  {
    path: '/apis/coordination.k8s.io/v1/namespaces/NAMESPACE/leases',
    object: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: metadata('l'),
      spec: { holderIdentity: 'a', leaseDurationSeconds: 10, renewTime: '2020-01-01T00:00:00.000000Z' },
    },
  },
]
