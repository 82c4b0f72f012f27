/**
 * How lists and maps of the API's types merge (x-kubernetes-list-type, -list-map-keys and -map-type of the OpenAPI document). A list that is not
 * named here is atomic, a map or struct that is not is granular. One source for server-side apply and for strategic merge patches, which match
 * items by the first key.
 */

/** Lists of type map, by `Type.field`: keys, with the value that stands for one left out. */
export const mapLists: Readonly<Record<string, string>> = {
  'ObjectMeta.ownerReferences': 'uid',
  'PodSpec.containers': 'name',
  'PodSpec.initContainers': 'name',
  'PodSpec.ephemeralContainers': 'name',
  'PodSpec.volumes': 'name',
  'PodSpec.imagePullSecrets': 'name',
  'PodSpec.hostAliases': 'ip',
  'PodSpec.topologySpreadConstraints': 'topologyKey whenUnsatisfiable',
  'PodSpec.schedulingGates': 'name',
  'PodSpec.resourceClaims': 'name',
  'Container.env': 'name',
  'Container.ports': 'containerPort protocol=TCP',
  'Container.volumeMounts': 'mountPath',
  'Container.volumeDevices': 'devicePath',
  'EphemeralContainer.env': 'name',
  'EphemeralContainer.ports': 'containerPort protocol=TCP',
  'EphemeralContainer.volumeMounts': 'mountPath',
  'EphemeralContainer.volumeDevices': 'devicePath',
  'ResourceRequirements.claims': 'name',
  'PodStatus.conditions': 'type',
  'PodStatus.podIPs': 'ip',
  'PodStatus.resourceClaimStatuses': 'name',
  'ContainerStatus.volumeMounts': 'mountPath',
  'ServiceSpec.ports': 'port protocol=TCP',
  'ServiceStatus.conditions': 'type',
  'ServiceAccount.secrets': 'name',
  'NamespaceStatus.conditions': 'type',
  'NodeStatus.conditions': 'type',
  'NodeStatus.addresses': 'type',
  'PersistentVolumeClaimStatus.conditions': 'type',
  'ReplicationControllerStatus.conditions': 'type',
  'DeploymentStatus.conditions': 'type',
  'ReplicaSetStatus.conditions': 'type',
  'StatefulSetStatus.conditions': 'type',
  'DaemonSetStatus.conditions': 'type',
  'HorizontalPodAutoscalerStatus.conditions': 'type',
  'PodDisruptionBudgetStatus.conditions': 'type',
  'ServiceCIDRStatus.conditions': 'type',
  'CustomResourceDefinitionStatus.conditions': 'type',
  'APIServiceStatus.conditions': 'type',
  'CSINodeSpec.drivers': 'name',
  'MutatingWebhookConfiguration.webhooks': 'name',
  'ValidatingWebhookConfiguration.webhooks': 'name',
  'MutatingWebhook.matchConditions': 'name',
  'ValidatingWebhook.matchConditions': 'name',
  'ValidatingAdmissionPolicySpec.matchConditions': 'name',
  'ValidatingAdmissionPolicySpec.variables': 'name',
  'ValidatingAdmissionPolicyStatus.conditions': 'type',
  'MutatingAdmissionPolicySpec.matchConditions': 'name',
  'MutatingAdmissionPolicySpec.variables': 'name',
}

/** Lists of type set, by `Type.field`. */
export const setLists: ReadonlySet<string> = new Set([
  'ObjectMeta.finalizers',
  'NodeSpec.podCIDRs',
  'Endpoint.addresses',
  'CSIDriverSpec.volumeLifecycleModes',
  'UncountedTerminatedPods.failed',
  'UncountedTerminatedPods.succeeded',
  'ContainerRestartRuleOnExitCodes.values',
  'PodFailurePolicyOnExitCodesRequirement.values',
  'ValidatingAdmissionPolicyBindingSpec.validationActions',
])

/** Maps that are one value, by `Type.field`. */
export const atomicMaps: ReadonlySet<string> = new Set([
  'ServiceSpec.selector',
  'PodSpec.nodeSelector',
  'ReplicationControllerSpec.selector',
  'Scheduling.nodeSelector',
])

/** Structs that are one value. */
export const atomicTypes: ReadonlySet<string> = new Set([
  'LabelSelector',
  'OwnerReference',
  'ObjectReference',
  'LocalObjectReference',
  'TypedLocalObjectReference',
  'SecretReference',
  'ConfigMapKeySelector',
  'SecretKeySelector',
  'FileKeySelector',
  'ObjectFieldSelector',
  'ResourceFieldSelector',
  'NodeSelector',
  'NodeSelectorTerm',
  'ScopeSelector',
  'TopologySelectorTerm',
  'EndpointAddress',
  'EndpointPort',
  'SliceEndpointPort',
  'RoleRef',
  'Subject',
  'ServiceBackendPort',
  'CrossVersionObjectReference',
  'ParamKind',
  'ParamRef',
  'Variable',
])

/** Where a reference is a granular struct all the same, by `Type.field`. */
export const granularFields: ReadonlySet<string> = new Set(['PersistentVolumeSpec.claimRef'])

/** Where a strategic merge patch differs: lists that only it merges, by key, or `set`. */
export const patchOnly: Readonly<Record<string, string>> = {
  'PodStatus.hostIPs': 'ip',
  'JobStatus.conditions': 'type',
}

/** Lists of type map or set that a strategic merge patch replaces. */
export const replacedByPatch: ReadonlySet<string> = new Set([
  'ResourceRequirements.claims',
  'Endpoint.addresses',
  'CSIDriverSpec.volumeLifecycleModes',
  'CustomResourceDefinitionStatus.conditions',
  'UncountedTerminatedPods.failed',
  'UncountedTerminatedPods.succeeded',
  'ContainerRestartRuleOnExitCodes.values',
  'PodFailurePolicyOnExitCodesRequirement.values',
  'ValidatingAdmissionPolicyBindingSpec.validationActions',
])
