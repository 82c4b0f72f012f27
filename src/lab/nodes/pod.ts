/** The fields of a Pod that a node looks at. */
export interface Pod {
  metadata: {
    name: string
    namespace: string
    uid: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    creationTimestamp?: string
    deletionTimestamp?: string
    deletionGracePeriodSeconds?: number
    resourceVersion?: string
    generation?: number
    ownerReferences?: { kind: string; controller?: boolean }[]
  }
  spec: {
    nodeName?: string
    hostNetwork?: boolean
    hostPID?: boolean
    securityContext?: PodSecurityContext
    hostname?: string
    subdomain?: string
    restartPolicy?: string
    containers: Container[]
    initContainers?: Container[]
    volumes?: Volume[]
    terminationGracePeriodSeconds?: number
    readinessGates?: { conditionType: string }[]
    serviceAccountName?: string
    automountServiceAccountToken?: boolean
    enableServiceLinks?: boolean
    dnsPolicy?: string
    dnsConfig?: DnsConfig
    hostAliases?: { ip: string; hostnames?: string[] }[]
  }
  status?: PodStatus
}

/** What is looked at of a pod's `securityContext`, for all of its containers. */
export interface PodSecurityContext {
  runAsUser?: number
  runAsGroup?: number
  runAsNonRoot?: boolean
  supplementalGroups?: number[]
  /** The group that has the pod's volumes. */
  fsGroup?: number
}

/** What is looked at of a container's `securityContext`. */
export interface SecurityContext {
  runAsUser?: number
  runAsGroup?: number
  runAsNonRoot?: boolean
  privileged?: boolean
  allowPrivilegeEscalation?: boolean
  readOnlyRootFilesystem?: boolean
  capabilities?: { add?: string[]; drop?: string[] }
}

export interface DnsConfig {
  nameservers?: string[]
  searches?: string[]
  options?: { name: string; value?: string }[]
}

export interface Container {
  name: string
  image?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  /** It reads what `kubectl attach -i` and `kubectl run -i` send; `stdinOnce`: the first of them to leave ends its input. */
  stdin?: boolean
  stdinOnce?: boolean
  ports?: { name?: string; containerPort: number; protocol?: string; hostPort?: number; hostIP?: string }[]
  env?: EnvVar[]
  envFrom?: { prefix?: string; configMapRef?: ObjectRef; secretRef?: ObjectRef }[]
  volumeMounts?: VolumeMount[]
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> }
  startupProbe?: Probe
  readinessProbe?: Probe
  livenessProbe?: Probe
  lifecycle?: { postStart?: Handler; preStop?: Handler }
  /** Of an init container: `Always` makes it a sidecar. */
  restartPolicy?: string
  terminationMessagePath?: string
  securityContext?: SecurityContext
}

export interface ObjectRef {
  name?: string
  optional?: boolean
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: {
    fieldRef?: FieldRef
    resourceFieldRef?: ResourceFieldRef
    configMapKeyRef?: ObjectRef & { key: string }
    secretKeyRef?: ObjectRef & { key: string }
  }
}

export interface FieldRef {
  fieldPath: string
}

export interface ResourceFieldRef {
  /** Absent in an environment: the container itself. */
  containerName?: string
  resource: string
  divisor?: string | number
}

export interface VolumeMount {
  name: string
  mountPath: string
  readOnly?: boolean
  subPath?: string
  subPathExpr?: string
}

export interface KeyToPath {
  key: string
  path: string
  mode?: number
}

export interface DownwardItem {
  path: string
  mode?: number
  fieldRef?: FieldRef
  resourceFieldRef?: ResourceFieldRef
}

/** Sources that Weft fills as a kubelet does; any other (claims, network file systems) is stood in for by a directory. */
export interface Volume {
  name: string
  configMap?: ObjectRef & { items?: KeyToPath[]; defaultMode?: number }
  secret?: { secretName?: string; optional?: boolean; items?: KeyToPath[]; defaultMode?: number }
  downwardAPI?: { items?: DownwardItem[]; defaultMode?: number }
  projected?: { sources?: ProjectedSource[]; defaultMode?: number }
  emptyDir?: object
  hostPath?: { path: string; type?: string }
  persistentVolumeClaim?: { claimName: string }
  [source: string]: unknown
}

export interface ProjectedSource {
  configMap?: ObjectRef & { items?: KeyToPath[] }
  secret?: ObjectRef & { items?: KeyToPath[] }
  downwardAPI?: { items?: DownwardItem[] }
  serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number }
}

/** What a probe or a lifecycle hook does. */
export interface Handler {
  exec?: { command?: string[] }
  httpGet?: HttpGet
  tcpSocket?: { host?: string; port: number | string }
  grpc?: { port: number; service?: string }
  sleep?: { seconds: number }
}

export interface HttpGet {
  host?: string
  port: number | string
  path?: string
  scheme?: string
  httpHeaders?: { name: string; value: string }[]
}

export interface Probe extends Handler {
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  successThreshold?: number
  failureThreshold?: number
  terminationGracePeriodSeconds?: number
}

export interface PodCondition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  lastTransitionTime?: string | null
  reason?: string
  message?: string
}

export interface PodStatus {
  phase?: string
  podIP?: string
  podIPs?: { ip: string }[]
  hostIP?: string
  startTime?: string
  conditions?: PodCondition[]
  [field: string]: unknown
}

/** The fields of a Service that a node looks at. */
export interface Service {
  metadata: { name: string; namespace: string }
  spec: { clusterIP?: string; selector?: Record<string, string>; ports?: ServicePort[] }
}

export interface ServicePort {
  name?: string
  port: number
  targetPort?: number | string
  protocol?: string
}

/** The fields of ConfigMaps and Secrets that a node looks at. `binaryData`, and a Secret's `data`, are in base64. */
export interface ConfigObject {
  metadata: { name: string; namespace: string }
  data?: Record<string, string>
  binaryData?: Record<string, string>
}

/** `namespace/name`, as logs and errors call a pod. */
export const podKey = (pod: Pod): string => `${pod.metadata.namespace}/${pod.metadata.name}`

/** Whether a container runs its command from the node's file system; every other image is stood in for by the echo server. */
export const runsCommand = ({ image = '' }: Container): boolean => image === 'host' || image.startsWith('host:')

/** An init container that stays (KEP-753). */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

export const initContainersOf = (pod: Pod): Container[] => pod.spec.initContainers ?? []

export const allContainers = (pod: Pod): Container[] => [...initContainersOf(pod), ...pod.spec.containers]
