import { type Json, mapOf, textOf } from './access.ts'
import * as columns from './columns.ts'
import * as core from './hooks/core.ts'
import { endpointSliceErrors } from './hooks/endpoint-slices.ts'
import { admitPod, defaultPod, defaultPodStatus, initialPodStatus } from './hooks/pod-defaults.ts'
import { podSpecErrors, podUpdateErrors } from './hooks/pod-validation.ts'
import { allocateService, heldBy } from './hooks/service-allocation.ts'
import { carryOverService, defaultService, defaultServiceStatus } from './hooks/service-defaults.ts'
import { serviceErrors, serviceStatusErrors } from './hooks/service-validation.ts'
import { defaultDeployment, defaultReplicaSet, workloadErrors } from './hooks/workloads.ts'
import type { Kind } from './kind.ts'
import * as trees from './merge-trees.ts'
import { dnsLabelNameErrors, dnsSubdomainErrors } from './names.ts'
import * as shapes from './shapes.ts'

type Named = Pick<Kind, 'kind' | 'plural'> & Partial<Kind>

const base = {
  group: '',
  version: 'v1',
  shortNames: [],
  categories: [],
  namespaced: true,
  nameErrors: dnsSubdomainErrors,
  statusSubresource: false,
  statusTakesMetadata: false,
  scaleSubresource: false,
  generation: false,
  createOnUpdate: false,
  deleteReturnsObject: false,
  deleteCollection: true,
  fieldSelectors: {},
  mergeTree: trees.plainTree,
  shape: shapes.anyShape,
  keepEmpty: new Set<string>(),
  columns: columns.plainColumns,
}

const kind = (named: Named): Kind => ({ ...base, singular: named.kind.toLowerCase(), ...named })

const at =
  (...path: string[]) =>
  (object: Json): string => {
    const value = path.reduce<unknown>((inner, field) => mapOf(inner)[field], object)
    return textOf(value)
  }

const eventSelectors = (about: string, source: string): Kind['fieldSelectors'] => ({
  ...Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => [
      `${about}.${field}`,
      at('involvedObject', field),
    ]),
  ),
  reason: at('reason'),
  type: at('type'),
  [source]: (event) => textOf(mapOf(event['source'])['component']) || textOf(event['reportingComponent']),
})

const event = {
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  createOnUpdate: true,
  columns: columns.eventColumns,
  defaults: core.defaultEvent,
  validate: core.eventErrors,
} satisfies Named

const workload = {
  group: 'apps',
  categories: ['all'],
  statusSubresource: true,
  scaleSubresource: true,
  generation: true,
  mergeTree: trees.workloadTree,
  shape: shapes.workloadShape,
} satisfies Partial<Kind>

/** The one table of what is served. The order is that of discovery. */
export const kinds: readonly Kind[] = [
  kind({
    kind: 'ConfigMap',
    plural: 'configmaps',
    shortNames: ['cm'],
    shape: shapes.configMapShape,
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
    defaults: core.defaultEndpoints,
  }),
  kind({ ...event, fieldSelectors: eventSelectors('involvedObject', 'source') }),
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
    mergeTree: trees.namespaceTree,
    columns: columns.namespaceColumns,
    defaults: core.defaultNamespace,
    admit: core.admitNamespace,
    initialStatus: () => ({ phase: 'Active' }),
    beforeUpdate: core.carryOverNamespace,
  }),
  kind({
    kind: 'Node',
    plural: 'nodes',
    shortNames: ['no'],
    namespaced: false,
    statusSubresource: true,
    statusTakesMetadata: true,
    fieldSelectors: { 'spec.unschedulable': (node) => String(mapOf(node['spec'])['unschedulable'] === true) },
    mergeTree: trees.nodeTree,
    shape: shapes.nodeShape,
    columns: columns.nodeColumns,
    defaults: core.defaultNode,
    admit: core.admitNode,
    validate: core.nodeErrors,
  }),
  kind({
    kind: 'Pod',
    plural: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    statusSubresource: true,
    statusTakesMetadata: true,
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
    mergeTree: trees.podTree,
    shape: shapes.podShape,
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
  }),
  kind({
    kind: 'Secret',
    plural: 'secrets',
    fieldSelectors: { type: at('type') },
    shape: shapes.secretShape,
    columns: columns.secretColumns,
    defaults: core.defaultSecret,
    validate: core.secretErrors,
  }),
  kind({
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    shortNames: ['sa'],
    deleteReturnsObject: true,
    mergeTree: trees.serviceAccountTree,
  }),
  kind({
    kind: 'Service',
    plural: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    nameErrors: dnsLabelNameErrors,
    statusSubresource: true,
    statusTakesMetadata: true,
    createOnUpdate: true,
    deleteReturnsObject: true,
    fieldSelectors: { 'spec.clusterIP': at('spec', 'clusterIP'), 'spec.type': at('spec', 'type') },
    mergeTree: trees.serviceTree,
    shape: shapes.serviceShape,
    columns: columns.serviceColumns,
    defaults: defaultService,
    initialStatus: () => ({ loadBalancer: {} }),
    beforeUpdate: carryOverService,
    validate: serviceErrors,
    statusDefaults: defaultServiceStatus,
    validateStatus: serviceStatusErrors,
    allocate: allocateService,
    held: heldBy,
  }),
  kind({
    ...workload,
    kind: 'Deployment',
    plural: 'deployments',
    shortNames: ['deploy'],
    columns: columns.deploymentColumns,
    defaults: defaultDeployment,
    initialStatus: () => ({}),
    validate: workloadErrors('deployment'),
  }),
  kind({
    ...workload,
    kind: 'ReplicaSet',
    plural: 'replicasets',
    shortNames: ['rs'],
    columns: columns.replicaSetColumns,
    defaults: defaultReplicaSet,
    initialStatus: () => ({ replicas: 0 }),
    fieldSelectors: { 'status.replicas': (set) => String(mapOf(set['status'])['replicas'] ?? 0) },
    validate: workloadErrors('replicaset'),
  }),
  kind({
    ...event,
    group: 'events.k8s.io',
    fieldSelectors: eventSelectors('regarding', 'reportingController'),
    view: { stored: 'events', fromStored: core.eventToNew, toStored: core.eventToCore },
  }),
  kind({
    kind: 'Lease',
    plural: 'leases',
    group: 'coordination.k8s.io',
    createOnUpdate: true,
    shape: shapes.leaseShape,
    columns: columns.leaseColumns,
  }),
  kind({
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    group: 'discovery.k8s.io',
    generation: true,
    shape: shapes.endpointSliceShape,
    keepEmpty: new Set(['endpoints']),
    columns: columns.endpointSliceColumns,
    defaults: core.defaultEndpointSlice,
    validate: endpointSliceErrors,
  }),
]

/** Kinds that are stored, by resource. */
export const storedKinds: ReadonlyMap<string, Kind> = new Map(
  kinds.filter((k) => k.view === undefined).map((k) => [k.plural, k]),
)

/** Kinds as served, by `group/version/plural`. */
export const servedKinds: ReadonlyMap<string, Kind> = new Map(
  kinds.map((k) => [`${k.group}/${k.version}/${k.plural}`, k]),
)

/** `v1` or `apps/v1`. */
export const apiVersionOf = (kind: Pick<Kind, 'group' | 'version'>): string =>
  kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
