import { mapOf } from '../access.ts'
import * as more from '../columns/core.ts'
import * as columns from '../columns.ts'
import * as core from '../hooks/core.ts'
import { endpointsErrors } from '../hooks/endpoints.ts'
import { defaultReplicationController, replicationControllerErrors } from '../hooks/jobs.ts'
import { defaultLimitRange } from '../hooks/limits.ts'
import { admitPod, defaultPod, defaultPodStatus, initialPodStatus } from '../hooks/pod-defaults.ts'
import { podSpecErrors, podUpdateErrors } from '../hooks/pod-validation.ts'
import { podWarnings } from '../hooks/pod-warnings.ts'
import { allocateService, heldBy } from '../hooks/service-allocation.ts'
import { carryOverService, defaultService, defaultServiceStatus } from '../hooks/service-defaults.ts'
import { serviceErrors, serviceStatusErrors } from '../hooks/service-validation.ts'
import { serviceWarnings } from '../hooks/service-warnings.ts'
import * as volumes from '../hooks/volumes.ts'
import { defaultTemplate } from '../hooks/workloads.ts'
import type { Kind } from '../kind.ts'
import { dnsLabelNameErrors } from '../names.ts'
import { at, kind } from './define.ts'
import { coreEvents } from './events.ts'

const proxied = ['create', 'delete', 'get', 'patch', 'update'] as const
const connected = ['create', 'get'] as const
const readWrite = ['get', 'patch', 'update'] as const

const podElsewhere = [
  { name: 'attach', kind: 'PodAttachOptions', verbs: connected },
  { name: 'ephemeralcontainers', kind: 'Pod', verbs: readWrite },
  { name: 'exec', kind: 'PodExecOptions', verbs: connected },
  { name: 'log', kind: 'Pod', verbs: ['get'] },
  { name: 'portforward', kind: 'PodPortForwardOptions', verbs: connected },
  { name: 'proxy', kind: 'PodProxyOptions', verbs: proxied },
  { name: 'resize', kind: 'Pod', verbs: readWrite },
] as const
const tokenRequest = {
  name: 'token',
  kind: 'TokenRequest',
  verbs: ['create'],
  group: 'authentication.k8s.io',
  version: 'v1',
} as const

/** core/v1. */
export const coreKinds: readonly Kind[] = [
  kind({
    kind: 'ConfigMap',
    plural: 'configmaps',
    shortNames: ['cm'],
    columns: columns.configMapColumns,
    validate: core.configMapErrors,
  }),
  kind({
    kind: 'Endpoints',
    plural: 'endpoints',
    singular: 'endpoints',
    shortNames: ['ep'],
    createOnUpdate: true,
    columns: columns.endpointsColumns,
    deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    defaults: core.defaultEndpoints,
    validate: endpointsErrors,
  }),
  coreEvents,
  kind({
    kind: 'Namespace',
    plural: 'namespaces',
    shortNames: ['ns'],
    namespaced: false,
    nameErrors: dnsLabelNameErrors,
    statusSubresource: true,
    deleteReturnsObject: true,
    deleteCollection: false,
    fieldSelectors: { 'status.phase': at('status', 'phase') },
    columns: columns.namespaceColumns,
    defaults: core.defaultNamespace,
    admit: core.admitNamespace,
    initialStatus: () => ({ phase: 'Active' }),
    beforeUpdate: core.carryOverNamespace,
  }),
  kind({
    kind: 'Node',
    elsewhere: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: proxied }],
    plural: 'nodes',
    shortNames: ['no'],
    namespaced: false,
    statusSubresource: true,
    fieldSelectors: { 'spec.unschedulable': (node) => String(mapOf(node['spec'])['unschedulable'] === true) },
    columns: columns.nodeColumns,
    defaults: core.defaultNode,
    admit: core.admitNode,
    validate: core.nodeErrors,
  }),
  kind({
    kind: 'Pod',
    elsewhere: podElsewhere,
    plural: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    statusSubresource: true,
    statusMetadata: ['labels', 'annotations', 'finalizers'],
    generation: true,
    deleteReturnsObject: true,
    fieldSelectors: {
      'spec.nodeName': at('spec', 'nodeName'),
      'spec.restartPolicy': at('spec', 'restartPolicy'),
      'spec.schedulerName': at('spec', 'schedulerName'),
      'spec.serviceAccountName': at('spec', 'serviceAccountName'),
      'spec.hostNetwork': (pod) => String(mapOf(pod['spec'])['hostNetwork'] === true),
      'status.phase': at('status', 'phase'),
      'status.podIP': at('status', 'podIP'),
      'status.podIPs': at('status', 'podIP'),
      'status.nominatedNodeName': at('status', 'nominatedNodeName'),
    },
    columns: columns.podColumns,
    defaults: defaultPod,
    admit: admitPod,
    initialStatus: initialPodStatus,
    statusDefaults: defaultPodStatus,
    validate: (pod, old, fromClient) => {
      const spec = mapOf(pod['spec'])
      if (old === undefined) return podSpecErrors(spec, 'spec')
      return podUpdateErrors(spec, mapOf(old['spec']), fromClient)
    },
    warnings: podWarnings,
  }),
  kind({
    kind: 'Secret',
    plural: 'secrets',
    fieldSelectors: { type: at('type') },
    columns: columns.secretColumns,
    defaults: core.defaultSecret,
    validate: core.secretErrors,
  }),
  kind({
    kind: 'ServiceAccount',
    elsewhere: [tokenRequest],
    plural: 'serviceaccounts',
    shortNames: ['sa'],
    deleteReturnsObject: true,
  }),
  kind({
    kind: 'Service',
    elsewhere: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: proxied }],
    plural: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    nameErrors: dnsLabelNameErrors,
    statusSubresource: true,
    createOnUpdate: true,
    deleteReturnsObject: true,
    fieldSelectors: { 'spec.clusterIP': at('spec', 'clusterIP'), 'spec.type': at('spec', 'type') },
    columns: columns.serviceColumns,
    defaults: defaultService,
    initialStatus: () => ({ loadBalancer: {} }),
    beforeUpdate: carryOverService,
    validate: serviceErrors,
    statusDefaults: defaultServiceStatus,
    validateStatus: serviceStatusErrors,
    allocate: allocateService,
    held: heldBy,
    warnings: serviceWarnings,
  }),
  kind({
    kind: 'LimitRange',
    plural: 'limitranges',
    shortNames: ['limits'],
    createOnUpdate: true,
    columns: more.limitRangeColumns,
    defaults: defaultLimitRange,
  }),
  kind({
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    shortNames: ['pvc'],
    statusSubresource: true,
    deleteReturnsObject: true,
    columns: more.persistentVolumeClaimColumns,
    defaults: volumes.defaultClaim,
    admit: volumes.admitClaim,
    initialStatus: () => ({ phase: 'Pending' }),
    validate: volumes.claimErrors,
  }),
  kind({
    kind: 'PersistentVolume',
    plural: 'persistentvolumes',
    shortNames: ['pv'],
    namespaced: false,
    statusSubresource: true,
    deleteReturnsObject: true,
    columns: more.persistentVolumeColumns,
    defaults: volumes.defaultVolume,
    initialStatus: () => ({ phase: 'Pending' }),
    validate: volumes.volumeErrors,
  }),
  kind({
    kind: 'PodTemplate',
    plural: 'podtemplates',
    generation: true,
    deleteReturnsObject: true,
    columns: more.podTemplateColumns,
    defaults: defaultTemplate,
  }),
  kind({
    kind: 'ReplicationController',
    plural: 'replicationcontrollers',
    shortNames: ['rc'],
    categories: ['all'],
    statusSubresource: true,
    scaleSubresource: true,
    generation: true,
    columns: more.replicationControllerColumns,
    defaults: defaultReplicationController,
    initialStatus: () => ({ replicas: 0 }),
    fieldSelectors: { 'status.replicas': (set) => String(mapOf(set['status'])['replicas'] ?? 0) },
    validate: replicationControllerErrors,
  }),
  kind({
    kind: 'ResourceQuota',
    plural: 'resourcequotas',
    shortNames: ['quota'],
    statusSubresource: true,
    deleteReturnsObject: true,
    columns: more.resourceQuotaColumns,
    initialStatus: () => ({}),
  }),
  kind({ kind: 'Binding', plural: 'bindings', verbs: ['create'] }),
  kind({
    kind: 'ComponentStatus',
    plural: 'componentstatuses',
    shortNames: ['cs'],
    namespaced: false,
    verbs: ['get', 'list'],
    deleteCollection: false,
  }),
]
