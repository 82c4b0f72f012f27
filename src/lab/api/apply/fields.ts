/**
 * The fields of the API's types, one type a line: `Type field:type …` (Kubernetes 1.36, stable groups; source: the types of its OpenAPI document).
 * Types: s string, i int32, l int64, d float64, b boolean, t Time, T MicroTime, y bytes in base64, x IntOrString, q Quantity, o any JSON,
 * `[x]` list, `{x}` map of x by string, else the name of a type of this table. Objects of their own have kind, apiVersion and metadata besides.
 * How lists and maps merge is said in `list-types.ts`.
 */
export const fieldTable = `
APIService spec:APIServiceSpec status:APIServiceStatus
APIServiceCondition lastTransitionTime:t message:s reason:s status:s type:s
APIServiceReference name:s namespace:s port:i
APIServiceSpec caBundle:y group:s groupPriorityMinimum:i insecureSkipTLSVerify:b service:APIServiceReference version:s versionPriority:i
APIServiceStatus conditions:[APIServiceCondition]
AuthenticationTokenRequest spec:TokenRequestSpec status:TokenRequestStatus
AWSElasticBlockStoreVolumeSource fsType:s partition:i readOnly:b volumeID:s
Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
AggregationRule clusterRoleSelectors:[LabelSelector]
AppArmorProfile localhostProfile:s type:s
ApplyConfiguration expression:s
AttachedVolume devicePath:s name:s
AuditAnnotation key:s valueExpression:s
AzureDiskVolumeSource cachingMode:s diskName:s diskURI:s fsType:s kind:s readOnly:b
AzureFilePersistentVolumeSource readOnly:b secretName:s secretNamespace:s shareName:s
AzureFileVolumeSource readOnly:b secretName:s shareName:s
Binding target:ObjectReference
BoundObjectReference apiVersion:s kind:s name:s uid:s
CSIDriver spec:CSIDriverSpec
CSIDriverSpec attachRequired:b fsGroupPolicy:s nodeAllocatableUpdatePeriodSeconds:l podInfoOnMount:b requiresRepublish:b seLinuxMount:b storageCapacity:b tokenRequests:[TokenRequest] volumeLifecycleModes:[s] serviceAccountTokenInSecrets:b
CSINode spec:CSINodeSpec
CSINodeDriver allocatable:VolumeNodeResources name:s nodeID:s topologyKeys:[s]
CSINodeSpec drivers:[CSINodeDriver]
CSIPersistentVolumeSource controllerExpandSecretRef:SecretReference controllerPublishSecretRef:SecretReference driver:s fsType:s nodeExpandSecretRef:SecretReference nodePublishSecretRef:SecretReference nodeStageSecretRef:SecretReference readOnly:b volumeAttributes:{s} volumeHandle:s
CSIStorageCapacity capacity:q maximumVolumeSize:q nodeTopology:LabelSelector storageClassName:s
CSIVolumeSource driver:s fsType:s nodePublishSecretRef:LocalObjectReference readOnly:b volumeAttributes:{s}
Capabilities add:[s] drop:[s]
CephFSPersistentVolumeSource monitors:[s] path:s readOnly:b secretFile:s secretRef:SecretReference user:s
CephFSVolumeSource monitors:[s] path:s readOnly:b secretFile:s secretRef:LocalObjectReference user:s
CinderPersistentVolumeSource fsType:s readOnly:b secretRef:SecretReference volumeID:s
CinderVolumeSource fsType:s readOnly:b secretRef:LocalObjectReference volumeID:s
ClientIPConfig timeoutSeconds:i
ClusterRole aggregationRule:AggregationRule rules:[PolicyRule]
ClusterRoleBinding roleRef:RoleRef subjects:[Subject]
ClusterTrustBundleProjection labelSelector:LabelSelector name:s optional:b path:s signerName:s
Condition lastTransitionTime:t message:s observedGeneration:l reason:s status:s type:s
ConfigMap binaryData:{y} data:{s} immutable:b
ConfigMapEnvSource name:s optional:b
ConfigMapKeySelector key:s name:s optional:b
ConfigMapNodeConfigSource kubeletConfigKey:s name:s namespace:s resourceVersion:s uid:s
ConfigMapProjection items:[KeyToPath] name:s optional:b
ConfigMapVolumeSource defaultMode:i items:[KeyToPath] name:s optional:b
Container args:[s] command:[s] env:[EnvVar] envFrom:[EnvFromSource] image:s imagePullPolicy:s lifecycle:Lifecycle livenessProbe:Probe name:s ports:[ContainerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:s restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b terminationMessagePath:s terminationMessagePolicy:s tty:b volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir:s
ContainerExtendedResourceRequest containerName:s requestName:s resourceName:s
ContainerImage names:[s] sizeBytes:l
ContainerPort containerPort:i hostIP:s hostPort:i name:s protocol:s
ContainerResizePolicy resourceName:s restartPolicy:s
ContainerResourceMetricSource container:s name:s target:MetricTarget
ContainerResourceMetricStatus container:s current:MetricValueStatus name:s
ContainerRestartRule action:s exitCodes:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator:s values:[i]
ContainerState running:ContainerStateRunning terminated:ContainerStateTerminated waiting:ContainerStateWaiting
ContainerStateRunning startedAt:t
ContainerStateTerminated containerID:s exitCode:i finishedAt:t message:s reason:s signal:i startedAt:t
ContainerStateWaiting message:s reason:s
ContainerStatus allocatedResources:{q} allocatedResourcesStatus:[ResourceStatus] containerID:s image:s imageID:s lastState:ContainerState name:s ready:b resources:ResourceRequirements restartCount:i started:b state:ContainerState stopSignal:s user:ContainerUser volumeMounts:[VolumeMountStatus]
ContainerUser linux:LinuxContainerUser
ControllerRevision data:o revision:l
CronJob spec:CronJobSpec status:CronJobStatus
CronJobSpec concurrencyPolicy:s failedJobsHistoryLimit:i jobTemplate:JobTemplateSpec schedule:s startingDeadlineSeconds:l successfulJobsHistoryLimit:i suspend:b timeZone:s
CronJobStatus active:[ObjectReference] lastScheduleTime:t lastSuccessfulTime:t
CrossVersionObjectReference apiVersion:s kind:s name:s
CustomResourceColumnDefinition description:s format:s jsonPath:s name:s priority:i type:s
CustomResourceConversion strategy:s webhook:WebhookConversion
CustomResourceDefinition spec:CustomResourceDefinitionSpec status:CustomResourceDefinitionStatus
CustomResourceDefinitionCondition lastTransitionTime:t message:s reason:s status:s type:s
CustomResourceDefinitionNames categories:[s] kind:s listKind:s plural:s shortNames:[s] singular:s
CustomResourceDefinitionSpec conversion:CustomResourceConversion group:s names:CustomResourceDefinitionNames preserveUnknownFields:b scope:s versions:[CustomResourceDefinitionVersion]
CustomResourceDefinitionStatus acceptedNames:CustomResourceDefinitionNames conditions:[CustomResourceDefinitionCondition] storedVersions:[s]
CustomResourceDefinitionVersion additionalPrinterColumns:[CustomResourceColumnDefinition] deprecated:b deprecationWarning:s name:s schema:CustomResourceValidation selectableFields:[SelectableField] served:b storage:b subresources:CustomResourceSubresources
CustomResourceSubresourceScale labelSelectorPath:s specReplicasPath:s statusReplicasPath:s
CustomResourceSubresources scale:CustomResourceSubresourceScale status:o
CustomResourceValidation openAPIV3Schema:JSONSchemaProps
DaemonEndpoint Port:i
DaemonSet spec:DaemonSetSpec status:DaemonSetStatus
DaemonSetCondition lastTransitionTime:t message:s reason:s status:s type:s
DaemonSetSpec minReadySeconds:i revisionHistoryLimit:i selector:LabelSelector template:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy
DaemonSetStatus collisionCount:i conditions:[DaemonSetCondition] currentNumberScheduled:i desiredNumberScheduled:i numberAvailable:i numberMisscheduled:i numberReady:i numberUnavailable:i observedGeneration:l updatedNumberScheduled:i
DaemonSetUpdateStrategy rollingUpdate:RollingUpdateDaemonSet type:s
DeleteOptions apiVersion:s dryRun:[s] gracePeriodSeconds:l ignoreStoreReadErrorWithClusterBreakingPotential:b kind:s orphanDependents:b preconditions:Preconditions propagationPolicy:s
Deployment spec:DeploymentSpec status:DeploymentStatus
DeploymentCondition lastTransitionTime:t lastUpdateTime:t message:s reason:s status:s type:s
DeploymentSpec minReadySeconds:i paused:b progressDeadlineSeconds:i replicas:i revisionHistoryLimit:i selector:LabelSelector strategy:DeploymentStrategy template:PodTemplateSpec
DeploymentStatus availableReplicas:i collisionCount:i conditions:[DeploymentCondition] observedGeneration:l readyReplicas:i replicas:i terminatingReplicas:i unavailableReplicas:i updatedReplicas:i
DeploymentStrategy rollingUpdate:RollingUpdateDeployment type:s
DownwardAPIProjection items:[DownwardAPIVolumeFile]
DownwardAPIVolumeFile fieldRef:ObjectFieldSelector mode:i path:s resourceFieldRef:ResourceFieldSelector
DownwardAPIVolumeSource defaultMode:i items:[DownwardAPIVolumeFile]
EmptyDirVolumeSource medium:s sizeLimit:q
Endpoint addresses:[s] conditions:EndpointConditions deprecatedTopology:{s} hints:EndpointHints hostname:s nodeName:s targetRef:ObjectReference zone:s
EndpointAddress hostname:s ip:s nodeName:s targetRef:ObjectReference
EndpointConditions ready:b serving:b terminating:b
EndpointHints forNodes:[ForNode] forZones:[ForZone]
EndpointPort appProtocol:s name:s port:i protocol:s
EndpointSlice addressType:s endpoints:[Endpoint] ports:[SliceEndpointPort]
EndpointSubset addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
Endpoints subsets:[EndpointSubset]
EnvFromSource configMapRef:ConfigMapEnvSource prefix:s secretRef:SecretEnvSource
EnvVar name:s value:s valueFrom:EnvVarSource
EnvVarSource configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector
EphemeralContainer args:[s] command:[s] env:[EnvVar] envFrom:[EnvFromSource] image:s imagePullPolicy:s lifecycle:Lifecycle livenessProbe:Probe name:s ports:[ContainerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy:s restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b targetContainerName:s terminationMessagePath:s terminationMessagePolicy:s tty:b volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir:s
EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate
Event action:s count:i eventTime:T firstTimestamp:t involvedObject:ObjectReference lastTimestamp:t message:s reason:s related:ObjectReference reportingComponent:s reportingInstance:s series:EventSeries source:EventSource type:s
EventSeries count:i lastObservedTime:T
EventSource component:s host:s
EventsEvent action:s deprecatedCount:i deprecatedFirstTimestamp:t deprecatedLastTimestamp:t deprecatedSource:EventSource eventTime:T note:s reason:s regarding:ObjectReference related:ObjectReference reportingController:s reportingInstance:s series:EventsEventSeries type:s
EventsEventSeries count:i lastObservedTime:T
Eviction deleteOptions:DeleteOptions
ExecAction command:[s]
ExpressionWarning fieldRef:s warning:s
ExternalDocumentation description:s url:s
ExternalMetricSource metric:MetricIdentifier target:MetricTarget
ExternalMetricStatus current:MetricValueStatus metric:MetricIdentifier
FCVolumeSource fsType:s lun:i readOnly:b targetWWNs:[s] wwids:[s]
FieldSelectorAttributes rawSelector:s requirements:[FieldSelectorRequirement]
FieldSelectorRequirement key:s operator:s values:[s]
FileKeySelector key:s optional:b path:s volumeName:s
FlexPersistentVolumeSource driver:s fsType:s options:{s} readOnly:b secretRef:SecretReference
FlexVolumeSource driver:s fsType:s options:{s} readOnly:b secretRef:LocalObjectReference
FlockerVolumeSource datasetName:s datasetUUID:s
ForNode name:s
ForZone name:s
GCEPersistentDiskVolumeSource fsType:s partition:i pdName:s readOnly:b
GRPCAction port:i service:s
GitRepoVolumeSource directory:s repository:s revision:s
GlusterfsPersistentVolumeSource endpoints:s endpointsNamespace:s path:s readOnly:b
GlusterfsVolumeSource endpoints:s path:s readOnly:b
HPAScalingPolicy periodSeconds:i type:s value:i
HPAScalingRules policies:[HPAScalingPolicy] selectPolicy:s stabilizationWindowSeconds:i tolerance:q
HTTPGetAction host:s httpHeaders:[HTTPHeader] path:s port:x scheme:s
HTTPHeader name:s value:s
HTTPIngressPath backend:IngressBackend path:s pathType:s
HTTPIngressRuleValue paths:[HTTPIngressPath]
HorizontalPodAutoscaler spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerBehavior scaleDown:HPAScalingRules scaleUp:HPAScalingRules
HorizontalPodAutoscalerCondition lastTransitionTime:t message:s reason:s status:s type:s observedGeneration:l
HorizontalPodAutoscalerSpec behavior:HorizontalPodAutoscalerBehavior maxReplicas:i metrics:[MetricSpec] minReplicas:i scaleTargetRef:CrossVersionObjectReference
HorizontalPodAutoscalerSpecV1 maxReplicas:i minReplicas:i scaleTargetRef:CrossVersionObjectReference targetCPUUtilizationPercentage:i
HorizontalPodAutoscalerStatus conditions:[HorizontalPodAutoscalerCondition] currentMetrics:[MetricStatus] currentReplicas:i desiredReplicas:i lastScaleTime:t observedGeneration:l
HorizontalPodAutoscalerStatusV1 currentCPUUtilizationPercentage:i currentReplicas:i desiredReplicas:i lastScaleTime:t observedGeneration:l
HorizontalPodAutoscalerV1 spec:HorizontalPodAutoscalerSpecV1 status:HorizontalPodAutoscalerStatusV1
HostAlias hostnames:[s] ip:s
HostIP ip:s
HostPathVolumeSource path:s type:s
IPAddress spec:IPAddressSpec
IPAddressSpec parentRef:ParentReference
IPBlock cidr:s except:[s]
ISCSIPersistentVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn:s iscsiInterface:s lun:i portals:[s] readOnly:b secretRef:SecretReference targetPortal:s
ISCSIVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType:s initiatorName:s iqn:s iscsiInterface:s lun:i portals:[s] readOnly:b secretRef:LocalObjectReference targetPortal:s
ImageVolumeSource pullPolicy:s reference:s
Ingress spec:IngressSpec status:IngressStatus
IngressBackend resource:TypedLocalObjectReference service:IngressServiceBackend
IngressClass spec:IngressClassSpec
IngressClassParametersReference apiGroup:s kind:s name:s namespace:s scope:s
IngressClassSpec controller:s parameters:IngressClassParametersReference
IngressLoadBalancerIngress hostname:s ip:s ports:[IngressPortStatus]
IngressLoadBalancerStatus ingress:[IngressLoadBalancerIngress]
IngressPortStatus error:s port:i protocol:s
IngressRule host:s http:HTTPIngressRuleValue
IngressServiceBackend name:s port:ServiceBackendPort
IngressSpec defaultBackend:IngressBackend ingressClassName:s rules:[IngressRule] tls:[IngressTLS]
IngressStatus loadBalancer:IngressLoadBalancerStatus
IngressTLS hosts:[s] secretName:s
JSONPatch expression:s
JSONSchemaProps $ref:s $schema:s additionalItems:o additionalProperties:o allOf:[JSONSchemaProps] anyOf:[JSONSchemaProps] default:o definitions:{JSONSchemaProps} dependencies:{o} description:s enum:[o] example:o exclusiveMaximum:b exclusiveMinimum:b externalDocs:ExternalDocumentation format:s id:s items:o maxItems:l maxLength:l maxProperties:l maximum:d minItems:l minLength:l minProperties:l minimum:d multipleOf:d not:JSONSchemaProps nullable:b oneOf:[JSONSchemaProps] pattern:s patternProperties:{JSONSchemaProps} properties:{JSONSchemaProps} required:[s] title:s type:s uniqueItems:b x-kubernetes-embedded-resource:b x-kubernetes-int-or-string:b x-kubernetes-list-map-keys:[s] x-kubernetes-list-type:s x-kubernetes-map-type:s x-kubernetes-preserve-unknown-fields:b x-kubernetes-validations:[ValidationRule]
Job spec:JobSpec status:JobStatus
JobCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status:s type:s
JobSpec activeDeadlineSeconds:l backoffLimit:i backoffLimitPerIndex:i completionMode:s completions:i managedBy:s manualSelector:b maxFailedIndexes:i parallelism:i podFailurePolicy:PodFailurePolicy podReplacementPolicy:s selector:LabelSelector successPolicy:SuccessPolicy suspend:b template:PodTemplateSpec ttlSecondsAfterFinished:i
JobStatus active:i completedIndexes:s completionTime:t conditions:[JobCondition] failed:i failedIndexes:s ready:i startTime:t succeeded:i terminating:i uncountedTerminatedPods:UncountedTerminatedPods
JobTemplateSpec metadata:ObjectMeta spec:JobSpec
KeyToPath key:s mode:i path:s
LabelSelector matchExpressions:[LabelSelectorRequirement] matchLabels:{s}
LabelSelectorAttributes rawSelector:s requirements:[LabelSelectorRequirement]
LabelSelectorRequirement key:s operator:s values:[s]
Lease spec:LeaseSpec
LeaseSpec acquireTime:T holderIdentity:s leaseDurationSeconds:i leaseTransitions:i preferredHolder:s renewTime:T strategy:s
Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:s
LifecycleHandler exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
LimitRange spec:LimitRangeSpec
LimitRangeItem default:{q} defaultRequest:{q} max:{q} maxLimitRequestRatio:{q} min:{q} type:s
LimitRangeSpec limits:[LimitRangeItem]
LinuxContainerUser gid:l supplementalGroups:[l] uid:l
LoadBalancerIngress hostname:s ip:s ipMode:s ports:[PortStatus]
LoadBalancerStatus ingress:[LoadBalancerIngress]
LocalObjectReference name:s
LocalSubjectAccessReview spec:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
LocalVolumeSource fsType:s path:s
MatchCondition expression:s name:s
MatchResources excludeResourceRules:[NamedRuleWithOperations] matchPolicy:s namespaceSelector:LabelSelector objectSelector:LabelSelector resourceRules:[NamedRuleWithOperations]
MetricIdentifier name:s selector:LabelSelector
MetricSpec containerResource:ContainerResourceMetricSource external:ExternalMetricSource object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource type:s
MetricStatus containerResource:ContainerResourceMetricStatus external:ExternalMetricStatus object:ObjectMetricStatus pods:PodsMetricStatus resource:ResourceMetricStatus type:s
MetricTarget averageUtilization:i averageValue:q type:s value:q
MetricValueStatus averageUtilization:i averageValue:q value:q
ModifyVolumeStatus status:s targetVolumeAttributesClassName:s
MutatingAdmissionPolicy spec:MutatingAdmissionPolicySpec
MutatingAdmissionPolicyBinding spec:MutatingAdmissionPolicyBindingSpec
MutatingAdmissionPolicyBindingSpec matchResources:MatchResources paramRef:ParamRef policyName:s
MutatingAdmissionPolicySpec failurePolicy:s matchConditions:[MatchCondition] matchConstraints:MatchResources mutations:[Mutation] paramKind:ParamKind reinvocationPolicy:s variables:[Variable]
MutatingWebhook admissionReviewVersions:[s] clientConfig:WebhookClientConfig failurePolicy:s matchConditions:[MatchCondition] matchPolicy:s name:s namespaceSelector:LabelSelector objectSelector:LabelSelector reinvocationPolicy:s rules:[RuleWithOperations] sideEffects:s timeoutSeconds:i
MutatingWebhookConfiguration webhooks:[MutatingWebhook]
Mutation applyConfiguration:ApplyConfiguration jsonPatch:JSONPatch patchType:s
NFSVolumeSource path:s readOnly:b server:s
NamedRuleWithOperations apiGroups:[s] apiVersions:[s] operations:[s] resourceNames:[s] resources:[s] scope:s
Namespace spec:NamespaceSpec status:NamespaceStatus
NamespaceCondition lastTransitionTime:t message:s reason:s status:s type:s
NamespaceSpec finalizers:[s]
NamespaceStatus conditions:[NamespaceCondition] phase:s
NetworkPolicy spec:NetworkPolicySpec
NetworkPolicyEgressRule ports:[NetworkPolicyPort] to:[NetworkPolicyPeer]
NetworkPolicyIngressRule from:[NetworkPolicyPeer] ports:[NetworkPolicyPort]
NetworkPolicyPeer ipBlock:IPBlock namespaceSelector:LabelSelector podSelector:LabelSelector
NetworkPolicyPort endPort:i port:x protocol:s
NetworkPolicySpec egress:[NetworkPolicyEgressRule] ingress:[NetworkPolicyIngressRule] podSelector:LabelSelector policyTypes:[s]
Node spec:NodeSpec status:NodeStatus
NodeAddress address:s type:s
NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm] requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
NodeCondition lastHeartbeatTime:t lastTransitionTime:t message:s reason:s status:s type:s
NodeConfigSource configMap:ConfigMapNodeConfigSource
NodeConfigStatus active:NodeConfigSource assigned:NodeConfigSource error:s lastKnownGood:NodeConfigSource
NodeDaemonEndpoints kubeletEndpoint:DaemonEndpoint
NodeFeatures supplementalGroupsPolicy:b
NodeRuntimeHandler features:NodeRuntimeHandlerFeatures name:s
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:b userNamespaces:b
NodeSelector nodeSelectorTerms:[NodeSelectorTerm]
NodeSelectorRequirement key:s operator:s values:[s]
NodeSelectorTerm matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
NodeSpec configSource:NodeConfigSource externalID:s podCIDR:s podCIDRs:[s] providerID:s taints:[Taint] unschedulable:b
NodeStatus addresses:[NodeAddress] allocatable:{q} capacity:{q} conditions:[NodeCondition] config:NodeConfigStatus daemonEndpoints:NodeDaemonEndpoints features:NodeFeatures images:[ContainerImage] nodeInfo:NodeSystemInfo phase:s runtimeHandlers:[NodeRuntimeHandler] volumesAttached:[AttachedVolume] volumesInUse:[s] declaredFeatures:[s]
NodeSwapStatus capacity:l
NodeSystemInfo architecture:s bootID:s containerRuntimeVersion:s kernelVersion:s kubeProxyVersion:s kubeletVersion:s machineID:s operatingSystem:s osImage:s swap:NodeSwapStatus systemUUID:s
NonResourceAttributes path:s verb:s
NonResourceRule nonResourceURLs:[s] verbs:[s]
ObjectFieldSelector apiVersion:s fieldPath:s
ObjectMeta managedFields:[o] annotations:{s} creationTimestamp:t deletionGracePeriodSeconds:l deletionTimestamp:t finalizers:[s] generateName:s generation:l labels:{s} name:s namespace:s ownerReferences:[OwnerReference] resourceVersion:s selfLink:s uid:s
ObjectMetricSource describedObject:CrossVersionObjectReference metric:MetricIdentifier target:MetricTarget
ObjectMetricStatus current:MetricValueStatus describedObject:CrossVersionObjectReference metric:MetricIdentifier
ObjectReference apiVersion:s fieldPath:s kind:s name:s namespace:s resourceVersion:s uid:s
Overhead podFixed:{q}
OwnerReference apiVersion:s blockOwnerDeletion:b controller:b kind:s name:s uid:s
ParamKind apiVersion:s kind:s
ParamRef name:s namespace:s parameterNotFoundAction:s selector:LabelSelector
ParentReference group:s name:s namespace:s resource:s
PersistentVolume spec:PersistentVolumeSpec status:PersistentVolumeStatus
PersistentVolumeClaim spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
PersistentVolumeClaimCondition lastProbeTime:t lastTransitionTime:t message:s reason:s status:s type:s
PersistentVolumeClaimSpec accessModes:[s] dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference resources:VolumeResourceRequirements selector:LabelSelector storageClassName:s volumeAttributesClassName:s volumeMode:s volumeName:s
PersistentVolumeClaimStatus accessModes:[s] allocatedResourceStatuses:{s} allocatedResources:{q} capacity:{q} conditions:[PersistentVolumeClaimCondition] currentVolumeAttributesClassName:s modifyVolumeStatus:ModifyVolumeStatus phase:s
PersistentVolumeClaimTemplate metadata:ObjectMeta spec:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource claimName:s readOnly:b
PersistentVolumeSpec accessModes:[s] awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFilePersistentVolumeSource capacity:{q} cephfs:CephFSPersistentVolumeSource cinder:CinderPersistentVolumeSource claimRef:ObjectReference csi:CSIPersistentVolumeSource fc:FCVolumeSource flexVolume:FlexPersistentVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource glusterfs:GlusterfsPersistentVolumeSource hostPath:HostPathVolumeSource iscsi:ISCSIPersistentVolumeSource local:LocalVolumeSource mountOptions:[s] nfs:NFSVolumeSource nodeAffinity:VolumeNodeAffinity persistentVolumeReclaimPolicy:s photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource quobyte:QuobyteVolumeSource rbd:RBDPersistentVolumeSource scaleIO:ScaleIOPersistentVolumeSource storageClassName:s storageos:StorageOSPersistentVolumeSource volumeAttributesClassName:s volumeMode:s vsphereVolume:VsphereVirtualDiskVolumeSource
PersistentVolumeStatus lastPhaseTransitionTime:t message:s phase:s reason:s
PhotonPersistentDiskVolumeSource fsType:s pdID:s
Pod spec:PodSpec status:PodStatus
PodAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodAffinityTerm labelSelector:LabelSelector matchLabelKeys:[s] mismatchLabelKeys:[s] namespaceSelector:LabelSelector namespaces:[s] topologyKey:s
PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodCertificateProjection certificateChainPath:s credentialBundlePath:s keyPath:s keyType:s maxExpirationSeconds:i signerName:s userAnnotations:{s}
PodCondition lastProbeTime:t lastTransitionTime:t message:s observedGeneration:l reason:s status:s type:s
PodDNSConfig nameservers:[s] options:[PodDNSConfigOption] searches:[s]
PodDNSConfigOption name:s value:s
PodDisruptionBudget spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec maxUnavailable:x minAvailable:x selector:LabelSelector unhealthyPodEvictionPolicy:s
PodDisruptionBudgetStatus conditions:[Condition] currentHealthy:i desiredHealthy:i disruptedPods:{t} disruptionsAllowed:i expectedPods:i observedGeneration:l
PodExtendedResourceClaimStatus requestMappings:[ContainerExtendedResourceRequest] resourceClaimName:s
PodFailurePolicy rules:[PodFailurePolicyRule]
PodFailurePolicyOnExitCodesRequirement containerName:s operator:s values:[i]
PodFailurePolicyOnPodConditionsPattern status:s type:s
PodFailurePolicyRule action:s onExitCodes:PodFailurePolicyOnExitCodesRequirement onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodIP ip:s
PodOS name:s
PodReadinessGate conditionType:s
PodResourceClaim name:s resourceClaimName:s resourceClaimTemplateName:s
PodResourceClaimStatus name:s resourceClaimName:s
PodSchedulingGate name:s
PodSecurityContext appArmorProfile:AppArmorProfile fsGroup:l fsGroupChangePolicy:s runAsGroup:l runAsNonRoot:b runAsUser:l seLinuxChangePolicy:s seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile supplementalGroups:[l] supplementalGroupsPolicy:s sysctls:[Sysctl] windowsOptions:WindowsSecurityContextOptions
PodSpec activeDeadlineSeconds:l affinity:Affinity automountServiceAccountToken:b containers:[Container] dnsConfig:PodDNSConfig dnsPolicy:s enableServiceLinks:b ephemeralContainers:[EphemeralContainer] hostAliases:[HostAlias] hostIPC:b hostNetwork:b hostPID:b hostUsers:b hostname:s hostnameOverride:s imagePullSecrets:[LocalObjectReference] initContainers:[Container] nodeName:s nodeSelector:{s} os:PodOS overhead:{q} preemptionPolicy:s priority:i priorityClassName:s readinessGates:[PodReadinessGate] resourceClaims:[PodResourceClaim] resources:ResourceRequirements restartPolicy:s runtimeClassName:s schedulerName:s schedulingGates:[PodSchedulingGate] securityContext:PodSecurityContext serviceAccount:s serviceAccountName:s setHostnameAsFQDN:b shareProcessNamespace:b subdomain:s terminationGracePeriodSeconds:l tolerations:[Toleration] topologySpreadConstraints:[TopologySpreadConstraint] volumes:[Volume]
PodStatus conditions:[PodCondition] containerStatuses:[ContainerStatus] ephemeralContainerStatuses:[ContainerStatus] extendedResourceClaimStatus:PodExtendedResourceClaimStatus hostIP:s hostIPs:[HostIP] initContainerStatuses:[ContainerStatus] message:s nominatedNodeName:s observedGeneration:l phase:s podIP:s podIPs:[PodIP] qosClass:s reason:s resize:s resourceClaimStatuses:[PodResourceClaimStatus] startTime:t allocatedResources:{q} resources:ResourceRequirements
PodTemplate template:PodTemplateSpec
PodTemplateSpec metadata:ObjectMeta spec:PodSpec
PodsMetricSource metric:MetricIdentifier target:MetricTarget
PodsMetricStatus current:MetricValueStatus metric:MetricIdentifier
PolicyRule apiGroups:[s] nonResourceURLs:[s] resourceNames:[s] resources:[s] verbs:[s]
PortStatus error:s port:i protocol:s
PortworxVolumeSource fsType:s readOnly:b volumeID:s
Preconditions resourceVersion:s uid:s
PreferredSchedulingTerm preference:NodeSelectorTerm weight:i
PriorityClass description:s globalDefault:b preemptionPolicy:s value:i
Probe exec:ExecAction failureThreshold:i grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:i periodSeconds:i successThreshold:i tcpSocket:TCPSocketAction terminationGracePeriodSeconds:l timeoutSeconds:i
ProjectedVolumeSource defaultMode:i sources:[VolumeProjection]
QuobyteVolumeSource group:s readOnly:b registry:s tenant:s user:s volume:s
RBDPersistentVolumeSource fsType:s image:s keyring:s monitors:[s] pool:s readOnly:b secretRef:SecretReference user:s
RBDVolumeSource fsType:s image:s keyring:s monitors:[s] pool:s readOnly:b secretRef:LocalObjectReference user:s
ReplicaSet spec:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetCondition lastTransitionTime:t message:s reason:s status:s type:s
ReplicaSetSpec minReadySeconds:i replicas:i selector:LabelSelector template:PodTemplateSpec
ReplicaSetStatus availableReplicas:i conditions:[ReplicaSetCondition] fullyLabeledReplicas:i observedGeneration:l readyReplicas:i replicas:i terminatingReplicas:i
ReplicationController spec:ReplicationControllerSpec status:ReplicationControllerStatus
ReplicationControllerCondition lastTransitionTime:t message:s reason:s status:s type:s
ReplicationControllerSpec minReadySeconds:i replicas:i selector:{s} template:PodTemplateSpec
ReplicationControllerStatus availableReplicas:i conditions:[ReplicationControllerCondition] fullyLabeledReplicas:i observedGeneration:l readyReplicas:i replicas:i
ResourceAttributes fieldSelector:FieldSelectorAttributes group:s labelSelector:LabelSelectorAttributes name:s namespace:s resource:s subresource:s verb:s version:s
ResourceClaim name:s request:s
ResourceFieldSelector containerName:s divisor:q resource:s
ResourceHealth health:s resourceID:s
ResourceMetricSource name:s target:MetricTarget
ResourceMetricStatus current:MetricValueStatus name:s
ResourceQuota spec:ResourceQuotaSpec status:ResourceQuotaStatus
ResourceQuotaSpec hard:{q} scopeSelector:ScopeSelector scopes:[s]
ResourceQuotaStatus hard:{q} used:{q}
ResourceRequirements claims:[ResourceClaim] limits:{q} requests:{q}
ResourceRule apiGroups:[s] resourceNames:[s] resources:[s] verbs:[s]
ResourceStatus name:s resources:[ResourceHealth]
Role rules:[PolicyRule]
RoleBinding roleRef:RoleRef subjects:[Subject]
RoleRef apiGroup:s kind:s name:s
RollingUpdateDaemonSet maxSurge:x maxUnavailable:x
RollingUpdateDeployment maxSurge:x maxUnavailable:x
RollingUpdateStatefulSetStrategy maxUnavailable:x partition:i
RuleWithOperations apiGroups:[s] apiVersions:[s] operations:[s] resources:[s] scope:s
RuntimeClass handler:s overhead:Overhead scheduling:Scheduling
SELinuxOptions level:s role:s type:s user:s
Scale spec:ScaleSpec status:ScaleStatus
ScaleIOPersistentVolumeSource fsType:s gateway:s protectionDomain:s readOnly:b secretRef:SecretReference sslEnabled:b storageMode:s storagePool:s system:s volumeName:s
ScaleIOVolumeSource fsType:s gateway:s protectionDomain:s readOnly:b secretRef:LocalObjectReference sslEnabled:b storageMode:s storagePool:s system:s volumeName:s
ScaleSpec replicas:i
ScaleStatus replicas:i selector:s
Scheduling nodeSelector:{s} tolerations:[Toleration]
ScopeSelector matchExpressions:[ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement operator:s scopeName:s values:[s]
SeccompProfile localhostProfile:s type:s
Secret data:{y} immutable:b stringData:{s} type:s
SecretEnvSource name:s optional:b
SecretKeySelector key:s name:s optional:b
SecretProjection items:[KeyToPath] name:s optional:b
SecretReference name:s namespace:s
SecretVolumeSource defaultMode:i items:[KeyToPath] optional:b secretName:s
SecurityContext allowPrivilegeEscalation:b appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:b procMount:s readOnlyRootFilesystem:b runAsGroup:l runAsNonRoot:b runAsUser:l seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile windowsOptions:WindowsSecurityContextOptions
SelectableField jsonPath:s
SelfSubjectAccessReview spec:SelfSubjectAccessReviewSpec status:SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec nonResourceAttributes:NonResourceAttributes resourceAttributes:ResourceAttributes
SelfSubjectReview status:SelfSubjectReviewStatus
SelfSubjectReviewStatus userInfo:UserInfo
SelfSubjectRulesReview spec:SelfSubjectRulesReviewSpec status:SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec namespace:s
Service spec:ServiceSpec status:ServiceStatus
ServiceAccount automountServiceAccountToken:b imagePullSecrets:[LocalObjectReference] secrets:[ObjectReference]
ServiceAccountTokenProjection audience:s expirationSeconds:l path:s
ServiceBackendPort name:s number:i
ServiceCIDR spec:ServiceCIDRSpec status:ServiceCIDRStatus
ServiceCIDRSpec cidrs:[s]
ServiceCIDRStatus conditions:[Condition]
ServicePort appProtocol:s name:s nodePort:i port:i protocol:s targetPort:x
ServiceReference name:s namespace:s path:s port:i
ServiceSpec allocateLoadBalancerNodePorts:b clusterIP:s clusterIPs:[s] externalIPs:[s] externalName:s externalTrafficPolicy:s healthCheckNodePort:i internalTrafficPolicy:s ipFamilies:[s] ipFamilyPolicy:s loadBalancerClass:s loadBalancerIP:s loadBalancerSourceRanges:[s] ports:[ServicePort] publishNotReadyAddresses:b selector:{s} sessionAffinity:s sessionAffinityConfig:SessionAffinityConfig trafficDistribution:s type:s
ServiceStatus conditions:[Condition] loadBalancer:LoadBalancerStatus
SessionAffinityConfig clientIP:ClientIPConfig
SleepAction seconds:l
SliceEndpointPort appProtocol:s name:s port:i protocol:s
StatefulSet spec:StatefulSetSpec status:StatefulSetStatus
StatefulSetCondition lastTransitionTime:t message:s reason:s status:s type:s
StatefulSetOrdinals start:i
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:s whenScaled:s
StatefulSetSpec minReadySeconds:i ordinals:StatefulSetOrdinals persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy podManagementPolicy:s replicas:i revisionHistoryLimit:i selector:LabelSelector serviceName:s template:PodTemplateSpec updateStrategy:StatefulSetUpdateStrategy volumeClaimTemplates:[PersistentVolumeClaim]
StatefulSetStatus availableReplicas:i collisionCount:i conditions:[StatefulSetCondition] currentReplicas:i currentRevision:s observedGeneration:l readyReplicas:i replicas:i updateRevision:s updatedReplicas:i
StatefulSetUpdateStrategy rollingUpdate:RollingUpdateStatefulSetStrategy type:s
StorageClass allowVolumeExpansion:b allowedTopologies:[TopologySelectorTerm] mountOptions:[s] parameters:{s} provisioner:s reclaimPolicy:s volumeBindingMode:s
StorageOSPersistentVolumeSource fsType:s readOnly:b secretRef:ObjectReference volumeName:s volumeNamespace:s
StorageOSVolumeSource fsType:s readOnly:b secretRef:LocalObjectReference volumeName:s volumeNamespace:s
Subject apiGroup:s kind:s name:s namespace:s
SubjectAccessReview spec:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
SubjectAccessReviewSpec extra:{[s]} groups:[s] nonResourceAttributes:NonResourceAttributes resourceAttributes:ResourceAttributes uid:s user:s
SubjectAccessReviewStatus allowed:b denied:b evaluationError:s reason:s
SubjectRulesReviewStatus evaluationError:s incomplete:b nonResourceRules:[NonResourceRule] resourceRules:[ResourceRule]
SuccessPolicy rules:[SuccessPolicyRule]
SuccessPolicyRule succeededCount:i succeededIndexes:s
Sysctl name:s value:s
TCPSocketAction host:s port:x
Taint effect:s key:s timeAdded:t value:s
TokenRequest audience:s expirationSeconds:l
TokenRequestSpec audiences:[s] boundObjectRef:BoundObjectReference expirationSeconds:l
TokenRequestStatus expirationTimestamp:t token:s
TokenReview spec:TokenReviewSpec status:TokenReviewStatus
TokenReviewSpec audiences:[s] token:s
TokenReviewStatus audiences:[s] authenticated:b error:s user:UserInfo
Toleration effect:s key:s operator:s tolerationSeconds:l value:s
TopologySelectorLabelRequirement key:s values:[s]
TopologySelectorTerm matchLabelExpressions:[TopologySelectorLabelRequirement]
TopologySpreadConstraint labelSelector:LabelSelector matchLabelKeys:[s] maxSkew:i minDomains:i nodeAffinityPolicy:s nodeTaintsPolicy:s topologyKey:s whenUnsatisfiable:s
TypeChecking expressionWarnings:[ExpressionWarning]
TypedLocalObjectReference apiGroup:s kind:s name:s
TypedObjectReference apiGroup:s kind:s name:s namespace:s
UncountedTerminatedPods failed:[s] succeeded:[s]
UserInfo extra:{[s]} groups:[s] uid:s username:s
ValidatingAdmissionPolicy spec:ValidatingAdmissionPolicySpec status:ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicyBinding spec:ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec matchResources:MatchResources paramRef:ParamRef policyName:s validationActions:[s]
ValidatingAdmissionPolicySpec auditAnnotations:[AuditAnnotation] failurePolicy:s matchConditions:[MatchCondition] matchConstraints:MatchResources paramKind:ParamKind validations:[Validation] variables:[Variable]
ValidatingAdmissionPolicyStatus conditions:[Condition] observedGeneration:l typeChecking:TypeChecking
ValidatingWebhook admissionReviewVersions:[s] clientConfig:WebhookClientConfig failurePolicy:s matchConditions:[MatchCondition] matchPolicy:s name:s namespaceSelector:LabelSelector objectSelector:LabelSelector rules:[RuleWithOperations] sideEffects:s timeoutSeconds:i
ValidatingWebhookConfiguration webhooks:[ValidatingWebhook]
Validation expression:s message:s messageExpression:s reason:s
ValidationRule fieldPath:s message:s messageExpression:s optionalOldSelf:b reason:s rule:s
Variable expression:s name:s
Volume awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource flexVolume:FlexVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:ISCSIVolumeSource name:s nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource
VolumeAttachment spec:VolumeAttachmentSpec status:VolumeAttachmentStatus
VolumeAttachmentSource inlineVolumeSpec:PersistentVolumeSpec persistentVolumeName:s
VolumeAttachmentSpec attacher:s nodeName:s source:VolumeAttachmentSource
VolumeAttachmentStatus attachError:VolumeError attached:b attachmentMetadata:{s} detachError:VolumeError
VolumeAttributesClass driverName:s parameters:{s}
VolumeDevice devicePath:s name:s
VolumeError errorCode:i message:s time:t
VolumeMount mountPath:s mountPropagation:s name:s readOnly:b recursiveReadOnly:s subPath:s subPathExpr:s
VolumeMountStatus mountPath:s name:s readOnly:b recursiveReadOnly:s
VolumeNodeAffinity required:NodeSelector
VolumeNodeResources count:i
VolumeProjection clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection serviceAccountToken:ServiceAccountTokenProjection
VolumeResourceRequirements limits:{q} requests:{q}
VsphereVirtualDiskVolumeSource fsType:s storagePolicyID:s storagePolicyName:s volumePath:s
WebhookClientConfig caBundle:y service:ServiceReference url:s
WebhookClientConfigCRD caBundle:y service:ServiceReference url:s
WebhookConversion clientConfig:WebhookClientConfigCRD conversionReviewVersions:[s]
WeightedPodAffinityTerm podAffinityTerm:PodAffinityTerm weight:i
WindowsSecurityContextOptions gmsaCredentialSpec:s gmsaCredentialSpecName:s hostProcess:b runAsUserName:s
`
