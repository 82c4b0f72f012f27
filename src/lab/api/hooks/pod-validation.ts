import { isMap, type Json, listOf, mapOf, sameJson, textOf } from '../access.ts'
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notFoundField,
  oneOf,
  required,
} from '../field-errors.ts'
import { dnsLabelErrors, labelValueErrors, portNameErrors, portNumberErrors, qualifiedNameErrors } from '../names.ts'
import { fieldRefErrors, resourceErrors, volumeErrors } from './pod-parts.ts'

export const protocols = ['SCTP', 'TCP', 'UDP'] as const

/** Errors of a map of labels or of a selector (`a: b`), all at one field. Values first, as the real one has it. */
export function labelErrors(labels: unknown, field: string): FieldError[] {
  return Object.entries(mapOf(labels)).flatMap(([key, value]) => [
    ...qualifiedNameErrors(key).map((words) => invalidValue(field, key, words)),
    ...labelValueErrors(textOf(value)).map((words) => invalidValue(field, value, words)),
  ])
}

/** A pod's spec, or a template's, below the given path. */
export function podSpecErrors(spec: Json, path: string): FieldError[] {
  const containers = listOf(spec['containers'])
  const volumes = new Set(listOf(spec['volumes']).map((volume) => textOf(volume['name'])))
  const context = { volumes, hostNetwork: spec['hostNetwork'] === true, seen: new Set<string>() }
  return [
    ...volumeErrors(listOf(spec['volumes']), `${path}.volumes`),
    ...(containers.length === 0 ? [required(`${path}.containers`)] : []),
    ...containers.flatMap((c, i) => containerErrors(c, `${path}.containers[${i}]`, context)),
    ...listOf(spec['initContainers']).flatMap((c, i) => containerErrors(c, `${path}.initContainers[${i}]`, context)),
    ...oneOf(`${path}.restartPolicy`, spec['restartPolicy'], ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec['dnsPolicy'], ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...labelErrors(spec['nodeSelector'], `${path}.nodeSelector`),
    ...listOf(spec['tolerations']).flatMap((t, i) => tolerationErrors(t, `${path}.tolerations[${i}]`)),
  ]
}

interface ContainerContext {
  volumes: ReadonlySet<string>
  hostNetwork: boolean
  /** Names of the containers before. */
  seen: Set<string>
}

function containerErrors(container: Json, path: string, context: ContainerContext): FieldError[] {
  return [
    ...containerNameErrors(textOf(container['name']), `${path}.name`, context.seen),
    ...(textOf(container['image']) === '' ? [required(`${path}.image`)] : []),
    ...oneOf(`${path}.imagePullPolicy`, container['imagePullPolicy'], ['Always', 'IfNotPresent', 'Never']),
    ...containerPortsErrors(listOf(container['ports']), `${path}.ports`, context.hostNetwork),
    ...listOf(container['env']).flatMap((e, i) => envErrors(e, `${path}.env[${i}]`)),
    ...mountErrors(listOf(container['volumeMounts']), `${path}.volumeMounts`, context.volumes),
    ...resourceErrors(mapOf(container['resources']), `${path}.resources`),
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) =>
      isMap(container[probe]) ? probeErrors(container[probe], `${path}.${probe}`) : [],
    ),
  ]
}

function containerNameErrors(name: string, field: string, seen: Set<string>): FieldError[] {
  if (name === '') return [required(field)]
  if (seen.has(name)) return [duplicate(field, name)]
  seen.add(name)
  return dnsLabelErrors(name).map((words) => invalidValue(field, name, words))
}

function containerPortsErrors(ports: readonly Json[], path: string, hostNetwork: boolean): FieldError[] {
  const names = new Set<string>()
  return ports.flatMap((port, i) => {
    const errors: FieldError[] = []
    const { containerPort, hostPort } = port
    const name = textOf(port['name'])
    if (name !== '') {
      const words = portNameErrors(name)
      errors.push(...words.map((w) => invalidValue(`${path}[${i}].name`, name, w)))
      if (words.length === 0 && names.has(name)) errors.push(duplicate(`${path}[${i}].name`, name))
      names.add(name)
    }
    if (!containerPort) errors.push(required(`${path}[${i}].containerPort`))
    else errors.push(...numberErrors(`${path}[${i}].containerPort`, containerPort))
    if (hostPort) errors.push(...numberErrors(`${path}[${i}].hostPort`, hostPort))
    if (hostPort && hostNetwork && hostPort !== containerPort)
      errors.push(
        invalidValue(`${path}[${i}].hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true'),
      )
    return [...errors, ...oneOf(`${path}[${i}].protocol`, port['protocol'], protocols)]
  })
}

export const numberErrors = (field: string, value: unknown): FieldError[] =>
  portNumberErrors(value).map((words) => invalidValue(field, value, words))

function envErrors(variable: Json, path: string): FieldError[] {
  const errors = textOf(variable['name']) === '' ? [required(`${path}.name`)] : []
  if (isMap(variable['valueFrom']) && textOf(variable['value']) !== '')
    errors.push(invalidValue(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty'))
  else errors.push(...fieldRefErrors(mapOf(variable['valueFrom']), `${path}.valueFrom`))
  return errors
}

function mountErrors(mounts: readonly Json[], path: string, volumes: ReadonlySet<string>): FieldError[] {
  const paths = new Set<string>()
  return mounts.flatMap((mount, i) => {
    const name = textOf(mount['name'])
    const mountPath = textOf(mount['mountPath'])
    const errors: FieldError[] = []
    if (name === '') errors.push(required(`${path}[${i}].name`))
    else if (!volumes.has(name)) errors.push(notFoundField(`${path}[${i}].name`, name))
    if (mountPath === '') errors.push(required(`${path}[${i}].mountPath`))
    else if (paths.has(mountPath)) errors.push(invalidValue(`${path}[${i}].mountPath`, mountPath, 'must be unique'))
    paths.add(mountPath)
    return errors
  })
}

const probeNumbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const

function probeErrors(probe: Json, path: string): FieldError[] {
  const handler = ['httpGet', 'tcpSocket', 'exec', 'grpc'].find((name) => isMap(probe[name]))
  const errors = handler === undefined ? [required(path, 'must specify a handler type')] : []
  const port = handler === 'exec' || handler === undefined ? undefined : mapOf(probe[handler])['port']
  if (typeof port === 'number') errors.push(...numberErrors(`${path}.${handler}.port`, port))
  if (typeof port === 'string')
    errors.push(...portNameErrors(port).map((words) => invalidValue(`${path}.${handler}.port`, port, words)))
  for (const name of probeNumbers)
    if (typeof probe[name] === 'number' && probe[name] < 0)
      errors.push(invalidValue(`${path}.${name}`, probe[name], 'must be greater than or equal to 0'))
  return errors
}

function tolerationErrors(toleration: Json, path: string): FieldError[] {
  const { operator, value } = toleration
  if (operator !== undefined && operator !== '' && operator !== 'Equal' && operator !== 'Exists')
    return oneOf(`${path}.operator`, operator, ['Equal', 'Exists'])
  if (operator === 'Exists' && textOf(value) !== '')
    return [invalidValue(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'")]
  return []
}

const changeableWords =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/**
 * What may not change in a pod. `fromClient`: nodeName too; the scheduler of the lab, which has no binding
 * subresource at hand, may set it once.
 */
export function podUpdateErrors(spec: Json, old: Json, fromClient: boolean): FieldError[] {
  for (const field of ['containers', 'initContainers'])
    if (listOf(spec[field]).length !== listOf(old[field]).length)
      return [forbiddenField(`spec.${field}`, 'pod updates may not add or remove containers')]
  const mayBind = !fromClient && old['nodeName'] === undefined
  const kept = listOf(old['tolerations']).every((before) =>
    listOf(spec['tolerations']).some((t) => sameJson(t, before)),
  )
  if (!kept)
    return [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
  return sameJson(fixedPart(spec, mayBind), fixedPart(old, mayBind)) ? [] : [forbiddenField('spec', changeableWords)]
}

function fixedPart(spec: Json, mayBind: boolean): Json {
  const fixed: Json = { ...spec, activeDeadlineSeconds: undefined, tolerations: undefined }
  for (const field of ['containers', 'initContainers'])
    if (Array.isArray(spec[field])) fixed[field] = listOf(spec[field]).map((c) => ({ ...c, image: undefined }))
  if (mayBind) fixed['nodeName'] = undefined
  return fixed
}
