/** The fields of a Pod that a node looks at. */
export interface Pod {
  metadata: {
    name: string
    namespace: string
    uid: string
    labels?: Record<string, string>
    deletionTimestamp?: string
    deletionGracePeriodSeconds?: number
    resourceVersion?: string
    generation?: number
    ownerReferences?: { kind: string; controller?: boolean }[]
  }
  spec: {
    nodeName?: string
    hostNetwork?: boolean
    restartPolicy?: string
    containers: Container[]
    initContainers?: Container[]
    terminationGracePeriodSeconds?: number
    readinessGates?: { conditionType: string }[]
  }
  status?: PodStatus
}

export interface Container {
  name: string
  image?: string
  ports?: { name?: string; containerPort: number; protocol?: string }[]
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
  startTime?: string
  conditions?: PodCondition[]
  [field: string]: unknown
}

/** The fields of a Service that a node looks at. */
export interface Service {
  metadata: { name: string; namespace: string }
  spec: { selector?: Record<string, string>; ports?: ServicePort[] }
}

export interface ServicePort {
  port: number
  targetPort?: number | string
  protocol?: string
}

/** `namespace/name`, as logs and errors call a pod. */
export const podKey = (pod: Pod): string => `${pod.metadata.namespace}/${pod.metadata.name}`
