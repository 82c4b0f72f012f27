import { mapOf } from '../access.ts'
import * as columns from '../columns.ts'
import { controllerRevisionErrors, defaultControllerRevision } from '../hooks/controller-revisions.ts'
import { carryOverDaemonSet, daemonSetErrors, daemonSetStatus, defaultDaemonSet } from '../hooks/daemon-sets.ts'
import { templateWarnings } from '../hooks/pod-warnings.ts'
import { defaultStatefulSet, statefulSetErrors } from '../hooks/stateful-sets.ts'
import { defaultDeployment, defaultReplicaSet, workloadErrors } from '../hooks/workloads.ts'
import type { Kind } from '../kind.ts'
import { kind } from './define.ts'

const workload = {
  group: 'apps',
  categories: ['all'],
  statusSubresource: true,
  scaleSubresource: true,
  generation: true,
  warnings: templateWarnings,
} satisfies Partial<Kind>

/** apps/v1. */
export const appsKinds: readonly Kind[] = [
  kind({
    ...workload,
    kind: 'Deployment',
    plural: 'deployments',
    statusMetadata: ['annotations', 'finalizers', 'ownerReferences'],
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
    ...workload,
    kind: 'StatefulSet',
    plural: 'statefulsets',
    shortNames: ['sts'],
    columns: columns.statefulSetColumns,
    defaults: defaultStatefulSet,
    initialStatus: () => ({ replicas: 0, availableReplicas: 0 }),
    validate: statefulSetErrors,
  }),
  kind({
    ...workload,
    kind: 'DaemonSet',
    plural: 'daemonsets',
    shortNames: ['ds'],
    scaleSubresource: false,
    columns: columns.daemonSetColumns,
    defaults: defaultDaemonSet,
    initialStatus: daemonSetStatus,
    beforeUpdate: carryOverDaemonSet,
    validate: daemonSetErrors,
  }),
  kind({
    group: 'apps',
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    columns: columns.controllerRevisionColumns,
    defaults: defaultControllerRevision,
    validate: controllerRevisionErrors,
  }),
]
