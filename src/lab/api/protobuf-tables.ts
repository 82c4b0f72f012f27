import { groupMessages } from './protobuf-group-tables.ts'
import { podSpecMessage } from './protobuf-pod-table.ts'

/**
 * Fields of the messages that stock kubectl sends as protobuf (`kubectl create configmap` and the like, since 1.31):
 * numbers of the generated.proto files of k8s.io/api and k8s.io/apimachinery. A type with `?` is a pointer in Go: its zero
 * value means something; without it, zero is "not set".
 */
export type FieldType =
  | 'string'
  | 'string?'
  | 'int'
  | 'int?'
  | 'bool'
  | 'bool?'
  | 'strings'
  | 'ints'
  | 'map'
  | 'bytesMap'
  | 'time'
  | 'intOrString'
  | 'quantity'
  /** Quantities by name. */
  | 'quantities'
  | 'skip'
  | { message: Message }
  /** A message whose fields are the object's own in JSON. */
  | { inline: Message }
  | { list: Message }

/** Fields by number. */
export type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>

const ownerReference: Message = {
  1: ['kind', 'string'],
  3: ['name', 'string'],
  4: ['uid', 'string'],
  5: ['apiVersion', 'string'],
  6: ['controller', 'bool?'],
  7: ['blockOwnerDeletion', 'bool?'],
}

const objectMeta: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  4: ['selfLink', 'skip'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'int'],
  8: ['creationTimestamp', 'time'],
  9: ['deletionTimestamp', 'time'],
  10: ['deletionGracePeriodSeconds', 'int?'],
  11: ['labels', 'map'],
  12: ['annotations', 'map'],
  13: ['ownerReferences', { list: ownerReference }],
  14: ['finalizers', 'strings'],
  17: ['managedFields', 'skip'],
}

const metadata = ['metadata', { message: objectMeta }] as const

const labelSelector: Message = {
  1: ['matchLabels', 'map'],
  2: ['matchExpressions', { list: { 1: ['key', 'string'], 2: ['operator', 'string'], 3: ['values', 'strings'] } }],
}

const podSpec = podSpecMessage({ LabelSelector: labelSelector, ObjectMeta: objectMeta })

const rollingUpdate: Message = { 1: ['maxUnavailable', 'intOrString'], 2: ['maxSurge', 'intOrString'] }

const podTemplate: Message = { 1: metadata, 2: ['spec', { message: podSpec }] }

const deploymentSpec: Message = {
  1: ['replicas', 'int?'],
  2: ['selector', { message: labelSelector }],
  3: ['template', { message: podTemplate }],
  4: ['strategy', { message: { 1: ['type', 'string'], 2: ['rollingUpdate', { message: rollingUpdate }] } }],
  5: ['minReadySeconds', 'int'],
  6: ['revisionHistoryLimit', 'int?'],
  7: ['paused', 'bool'],
  9: ['progressDeadlineSeconds', 'int?'],
}

const servicePort: Message = {
  1: ['name', 'string'],
  2: ['protocol', 'string'],
  3: ['port', 'int'],
  4: ['targetPort', 'intOrString'],
  5: ['nodePort', 'int'],
  6: ['appProtocol', 'string?'],
}

const serviceSpec: Message = {
  1: ['ports', { list: servicePort }],
  2: ['selector', 'map'],
  3: ['clusterIP', 'string'],
  4: ['type', 'string'],
  5: ['externalIPs', 'strings'],
  7: ['sessionAffinity', 'string'],
  8: ['loadBalancerIP', 'string'],
  9: ['loadBalancerSourceRanges', 'strings'],
  10: ['externalName', 'string'],
  11: ['externalTrafficPolicy', 'string'],
  12: ['healthCheckNodePort', 'int'],
  13: ['publishNotReadyAddresses', 'bool'],
  17: ['ipFamilyPolicy', 'string?'],
  18: ['clusterIPs', 'strings'],
  19: ['ipFamilies', 'strings'],
  20: ['allocateLoadBalancerNodePorts', 'bool?'],
  21: ['loadBalancerClass', 'string?'],
  22: ['internalTrafficPolicy', 'string?'],
  23: ['trafficDistribution', 'string?'],
}

const deleteOptions: Message = {
  1: ['gracePeriodSeconds', 'int?'],
  2: ['preconditions', { message: { 1: ['uid', 'string?'], 2: ['resourceVersion', 'string?'] } }],
  3: ['orphanDependents', 'bool?'],
  4: ['propagationPolicy', 'string?'],
  5: ['dryRun', 'strings'],
}

/** Messages by `apiVersion/kind`. A kind that is not here has to be sent as JSON. */
export const messages: Readonly<Record<string, Message>> = {
  'v1/ConfigMap': { 1: metadata, 2: ['data', 'map'], 3: ['binaryData', 'bytesMap'], 4: ['immutable', 'bool?'] },
  'v1/Secret': {
    1: metadata,
    2: ['data', 'bytesMap'],
    3: ['type', 'string'],
    4: ['stringData', 'map'],
    5: ['immutable', 'bool?'],
  },
  'v1/Namespace': { 1: metadata, 2: ['spec', { message: { 1: ['finalizers', 'strings'] } }], 3: ['status', 'skip'] },
  'v1/ServiceAccount': { 1: metadata, 4: ['automountServiceAccountToken', 'bool?'] },
  'v1/Service': { 1: metadata, 2: ['spec', { message: serviceSpec }], 3: ['status', 'skip'] },
  'apps/v1/Deployment': { 1: metadata, 2: ['spec', { message: deploymentSpec }], 3: ['status', 'skip'] },
  'v1/Pod': { 1: metadata, 2: ['spec', { message: podSpec }], 3: ['status', 'skip'] },
  ...groupMessages({ metadata, labelSelector, podTemplate }),
  'policy/v1/Eviction': { 1: metadata, 2: ['deleteOptions', { message: deleteOptions }] },
  'v1/DeleteOptions': deleteOptions,
  'meta.k8s.io/v1/DeleteOptions': deleteOptions,
}
