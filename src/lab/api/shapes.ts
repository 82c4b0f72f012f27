import { isMap } from './access.ts'

/** Which JSON types the fields of a kind have: a field that is not named here may hold anything. */
export type Shape =
  | 'string'
  | 'integer'
  | 'boolean'
  | 'intOrString'
  | 'strings'
  | 'quantities'
  | ShapeList
  | ShapeFields

export interface ShapeList {
  /** Each item's shape; `go` is the Go type that a message names. */
  list: Shape
  go?: string
}

export interface ShapeFields {
  fields: Readonly<Record<string, Shape>>
}

const goTypes = { string: 'string', integer: 'int32', boolean: 'bool', strings: 'map[string]string' } as const

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

const isList = (shape: Shape): shape is ShapeList => typeof shape === 'object' && 'list' in shape
const isFields = (shape: Shape): shape is ShapeFields => typeof shape === 'object' && 'fields' in shape

function mismatch(value: unknown, path: string, goType: string): string {
  const number = goType === 'int32' && typeof value === 'number' ? ` ${value}` : ''
  return `json: cannot unmarshal ${jsonType(value)}${number} into Go struct field ${path} of type ${goType}`
}

/** The first field whose type is wrong, in the words of Go's decoder, or undefined. Null fits everything, as in Go. */
export function shapeError(value: unknown, shape: Shape, path: string): string | undefined {
  if (value === null || value === undefined) return undefined
  if (isList(shape)) {
    if (!Array.isArray(value)) return mismatch(value, path, `[]${shape.go ?? 'string'}`)
    return firstError(value.map((item) => () => shapeError(item, shape.list, path)))
  }
  if (isFields(shape)) {
    if (!isMap(value)) return mismatch(value, path, 'struct')
    return firstError(
      Object.entries(shape.fields).map(
        ([name, field]) =>
          () =>
            shapeError(value[name], field, `${path}.${name}`),
      ),
    )
  }
  if (shape === 'strings') return stringsError(value, path)
  if (shape === 'quantities') return quantitiesError(value, path)
  if (fits(value, shape)) return undefined
  return mismatch(value, path, shape === 'intOrString' ? 'intstr.IntOrString' : goTypes[shape])
}

function stringsError(value: unknown, path: string): string | undefined {
  if (!isMap(value)) return mismatch(value, path, goTypes.strings)
  const wrong = Object.values(value).find((item) => item !== null && typeof item !== 'string')
  return wrong === undefined ? undefined : mismatch(wrong, path, 'string')
}

const quantity = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/

function quantitiesError(value: unknown, path: string): string | undefined {
  if (!isMap(value)) return mismatch(value, path, 'v1.ResourceList')
  const fine = Object.values(value).every((item) => typeof item === 'number' || quantity.test(String(item)))
  return fine ? undefined : `quantities must match the regular expression '${quantity.source}'`
}

function fits(value: unknown, shape: 'string' | 'integer' | 'boolean' | 'intOrString'): boolean {
  if (shape === 'integer') return Number.isInteger(value)
  if (shape === 'intOrString') return Number.isInteger(value) || typeof value === 'string'
  return typeof value === shape
}

function firstError(checks: Array<() => string | undefined>): string | undefined {
  for (const check of checks) {
    const error = check()
    if (error !== undefined) return error
  }
  return undefined
}

const list = (item: Shape, go?: string): ShapeList => (go === undefined ? { list: item } : { list: item, go })
const fields = (named: Record<string, Shape>): ShapeFields => ({ fields: named })

/** ObjectMeta, as every kind has it. */
export const metadataShape = fields({
  name: 'string',
  generateName: 'string',
  namespace: 'string',
  uid: 'string',
  resourceVersion: 'string',
  generation: 'integer',
  creationTimestamp: 'string',
  labels: 'strings',
  annotations: 'strings',
  finalizers: list('string'),
  ownerReferences: list(
    fields({ apiVersion: 'string', kind: 'string', name: 'string', uid: 'string', controller: 'boolean' }),
    'v1.OwnerReference',
  ),
})

const probe = fields({
  httpGet: fields({ path: 'string', port: 'intOrString', host: 'string', scheme: 'string' }),
  tcpSocket: fields({ port: 'intOrString', host: 'string' }),
  exec: fields({ command: list('string') }),
  grpc: fields({ port: 'integer' }),
  initialDelaySeconds: 'integer',
  periodSeconds: 'integer',
  timeoutSeconds: 'integer',
  successThreshold: 'integer',
  failureThreshold: 'integer',
})

const container = fields({
  name: 'string',
  image: 'string',
  imagePullPolicy: 'string',
  command: list('string'),
  args: list('string'),
  workingDir: 'string',
  env: list(fields({ name: 'string', value: 'string', valueFrom: fields({}) }), 'v1.EnvVar'),
  ports: list(
    fields({
      name: 'string',
      containerPort: 'integer',
      hostPort: 'integer',
      hostIP: 'string',
      protocol: 'string',
    }),
    'v1.ContainerPort',
  ),
  resources: fields({ limits: 'quantities', requests: 'quantities' }),
  volumeMounts: list(fields({ name: 'string', mountPath: 'string' }), 'v1.VolumeMount'),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
})

const podSpec = fields({
  containers: list(container, 'v1.Container'),
  initContainers: list(container, 'v1.Container'),
  volumes: list(fields({ name: 'string' }), 'v1.Volume'),
  restartPolicy: 'string',
  dnsPolicy: 'string',
  terminationGracePeriodSeconds: 'integer',
  nodeName: 'string',
  nodeSelector: 'strings',
  hostNetwork: 'boolean',
  hostname: 'string',
  subdomain: 'string',
  serviceAccountName: 'string',
  tolerations: list(
    fields({ key: 'string', operator: 'string', value: 'string', effect: 'string', tolerationSeconds: 'integer' }),
    'v1.Toleration',
  ),
})

const selector = fields({
  matchLabels: 'strings',
  matchExpressions: list(fields({ key: 'string', operator: 'string', values: list('string') }), 'requirement'),
})

export const podShape = fields({ spec: podSpec })

export const workloadShape = fields({
  spec: fields({
    replicas: 'integer',
    selector,
    template: fields({ metadata: metadataShape, spec: podSpec }),
    strategy: fields({
      type: 'string',
      rollingUpdate: fields({ maxSurge: 'intOrString', maxUnavailable: 'intOrString' }),
    }),
    minReadySeconds: 'integer',
    revisionHistoryLimit: 'integer',
    progressDeadlineSeconds: 'integer',
  }),
})

export const serviceShape = fields({
  spec: fields({
    type: 'string',
    selector: 'strings',
    clusterIP: 'string',
    clusterIPs: list('string'),
    externalIPs: list('string'),
    externalName: 'string',
    ipFamilies: list('string'),
    ipFamilyPolicy: 'string',
    sessionAffinity: 'string',
    sessionAffinityConfig: fields({ clientIP: fields({ timeoutSeconds: 'integer' }) }),
    loadBalancerIP: 'string',
    loadBalancerClass: 'string',
    loadBalancerSourceRanges: list('string'),
    externalTrafficPolicy: 'string',
    internalTrafficPolicy: 'string',
    trafficDistribution: 'string',
    healthCheckNodePort: 'integer',
    publishNotReadyAddresses: 'boolean',
    allocateLoadBalancerNodePorts: 'boolean',
    ports: list(
      fields({
        name: 'string',
        port: 'integer',
        targetPort: 'intOrString',
        nodePort: 'integer',
        protocol: 'string',
        appProtocol: 'string',
      }),
      'v1.ServicePort',
    ),
  }),
})

export const configMapShape = fields({ data: 'strings', binaryData: 'strings', immutable: 'boolean' })
export const secretShape = fields({ data: 'strings', stringData: 'strings', type: 'string', immutable: 'boolean' })
export const nodeShape = fields({
  spec: fields({
    podCIDR: 'string',
    podCIDRs: list('string'),
    unschedulable: 'boolean',
    taints: list(fields({ key: 'string', value: 'string', effect: 'string' }), 'v1.Taint'),
  }),
})
export const endpointSliceShape = fields({
  addressType: 'string',
  endpoints: list(
    fields({
      addresses: list('string'),
      nodeName: 'string',
      zone: 'string',
      hostname: 'string',
      conditions: fields({}),
    }),
    'v1.Endpoint',
  ),
  ports: list(
    fields({ name: 'string', port: 'integer', protocol: 'string', appProtocol: 'string' }),
    'v1.EndpointPort',
  ),
})
export const leaseShape = fields({
  spec: fields({ holderIdentity: 'string', leaseDurationSeconds: 'integer', leaseTransitions: 'integer' }),
})
export const anyShape = fields({})
