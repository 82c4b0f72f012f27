import type { Message } from './protobuf-tables.ts'

/** What the tables of the groups need of core's. */
export interface Parts {
  metadata: readonly [name: string, type: { message: Message }]
  labelSelector: Message
  podTemplate: Message
}

const resourceAttributes: Message = {
  1: ['namespace', 'string'],
  2: ['verb', 'string'],
  3: ['group', 'string'],
  4: ['version', 'string'],
  5: ['resource', 'string'],
  6: ['subresource', 'string'],
  7: ['name', 'string'],
}
const accessSpec: Message = {
  1: ['resourceAttributes', { message: resourceAttributes }],
  2: ['nonResourceAttributes', { message: { 1: ['path', 'string'], 2: ['verb', 'string'] } }],
}

const rule: Message = {
  1: ['verbs', 'strings'],
  2: ['apiGroups', 'strings'],
  3: ['resources', 'strings'],
  4: ['resourceNames', 'strings'],
  5: ['nonResourceURLs', 'strings'],
}
const subject: Message = {
  1: ['kind', 'string'],
  2: ['apiGroup', 'string'],
  3: ['name', 'string'],
  4: ['namespace', 'string'],
}
const roleRef: Message = { 1: ['apiGroup', 'string'], 2: ['kind', 'string'], 3: ['name', 'string'] }

const backend: Message = {
  3: ['resource', { message: { 1: ['apiGroup', 'string?'], 2: ['kind', 'string'], 3: ['name', 'string'] } }],
  4: [
    'service',
    { message: { 1: ['name', 'string'], 2: ['port', { message: { 1: ['name', 'string'], 2: ['number', 'int'] } }] } },
  ],
}
const ingressPath: Message = {
  1: ['path', 'string'],
  2: ['backend', { message: backend }],
  3: ['pathType', 'string?'],
}
const ingressRule: Message = {
  1: ['host', 'string'],
  2: ['', { inline: { 1: ['http', { message: { 1: ['paths', { list: ingressPath }] } }] } }],
}
const ingressSpec: Message = {
  1: ['defaultBackend', { message: backend }],
  2: ['tls', { list: { 1: ['hosts', 'strings'], 2: ['secretName', 'string'] } }],
  3: ['rules', { list: ingressRule }],
  4: ['ingressClassName', 'string?'],
}

const target: Message = { 1: ['kind', 'string'], 2: ['name', 'string'], 3: ['apiVersion', 'string'] }
const metricTarget: Message = { 1: ['type', 'string'], 4: ['averageUtilization', 'int?'] }
const metric: Message = {
  1: ['type', 'string'],
  4: ['resource', { message: { 1: ['name', 'string'], 2: ['target', { message: metricTarget }] } }],
}

/** Messages of the groups, by `apiVersion/kind` (generated.proto of k8s.io/api). */
export function groupMessages({ metadata, labelSelector, podTemplate }: Parts): Record<string, Message> {
  const object = (spec: Message): Message => ({ 1: metadata, 2: ['spec', { message: spec }], 3: ['status', 'skip'] })
  const jobSpec: Message = {
    1: ['parallelism', 'int?'],
    2: ['completions', 'int?'],
    3: ['activeDeadlineSeconds', 'int?'],
    4: ['selector', { message: labelSelector }],
    5: ['manualSelector', 'bool?'],
    6: ['template', { message: podTemplate }],
    7: ['backoffLimit', 'int?'],
    8: ['ttlSecondsAfterFinished', 'int?'],
    9: ['completionMode', 'string?'],
    10: ['suspend', 'bool?'],
  }
  const cronJobSpec: Message = {
    1: ['schedule', 'string'],
    2: ['startingDeadlineSeconds', 'int?'],
    3: ['concurrencyPolicy', 'string'],
    4: ['suspend', 'bool?'],
    5: ['jobTemplate', { message: { 1: metadata, 2: ['spec', { message: jobSpec }] } }],
    6: ['successfulJobsHistoryLimit', 'int?'],
    7: ['failedJobsHistoryLimit', 'int?'],
    8: ['timeZone', 'string?'],
  }
  const scaler: Message = {
    1: ['scaleTargetRef', { message: target }],
    2: ['minReplicas', 'int?'],
    3: ['maxReplicas', 'int'],
  }
  const boundObject: Message = {
    1: ['kind', 'string'],
    2: ['apiVersion', 'string'],
    3: ['name', 'string'],
    4: ['uid', 'string'],
  }
  const role: Message = { 1: metadata, 2: ['rules', { list: rule }] }
  const binding: Message = { 1: metadata, 2: ['subjects', { list: subject }], 3: ['roleRef', { message: roleRef }] }
  const budget: Message = {
    1: ['minAvailable', 'intOrString'],
    2: ['selector', { message: labelSelector }],
    3: ['maxUnavailable', 'intOrString'],
  }
  return {
    'authorization.k8s.io/v1/SelfSubjectAccessReview': object(accessSpec),
    'authorization.k8s.io/v1/SelfSubjectRulesReview': object({ 1: ['namespace', 'string'] }),
    'authorization.k8s.io/v1/SubjectAccessReview': object({
      ...accessSpec,
      3: ['user', 'string'],
      4: ['groups', 'strings'],
      6: ['uid', 'string'],
    }),
    'authentication.k8s.io/v1/TokenRequest': object({
      1: ['audiences', 'strings'],
      3: ['boundObjectRef', { message: boundObject }],
      4: ['expirationSeconds', 'int?'],
    }),
    'authentication.k8s.io/v1/SelfSubjectReview': { 1: metadata, 2: ['status', 'skip'] },
    'rbac.authorization.k8s.io/v1/Role': role,
    'rbac.authorization.k8s.io/v1/ClusterRole': {
      ...role,
      3: ['aggregationRule', { message: { 1: ['clusterRoleSelectors', { list: labelSelector }] } }],
    },
    'rbac.authorization.k8s.io/v1/RoleBinding': binding,
    'rbac.authorization.k8s.io/v1/ClusterRoleBinding': binding,
    'policy/v1/PodDisruptionBudget': object(budget),
    'scheduling.k8s.io/v1/PriorityClass': {
      1: metadata,
      2: ['value', 'int'],
      3: ['globalDefault', 'bool'],
      4: ['description', 'string'],
      5: ['preemptionPolicy', 'string?'],
    },
    'batch/v1/Job': object(jobSpec),
    'batch/v1/CronJob': object(cronJobSpec),
    'networking.k8s.io/v1/Ingress': object(ingressSpec),
    'autoscaling/v1/HorizontalPodAutoscaler': object({ ...scaler, 4: ['targetCPUUtilizationPercentage', 'int?'] }),
    'autoscaling/v2/HorizontalPodAutoscaler': object({ ...scaler, 4: ['metrics', { list: metric }] }),
    'v1/ResourceQuota': object({ 1: ['hard', 'quantities'], 2: ['scopes', 'strings'] }),
  }
}
