import { ConfigError, objectMissing } from './config-error.ts'
import { downwardField, downwardResource, type PodAddresses } from './downward.ts'
import type { ConfigObject, Container, EnvVar, Pod, Service } from './pod.ts'

/** Where a container's environment comes from. */
export interface EnvSources extends PodAddresses {
  /** ConfigMaps and Secrets of the pod's namespace. */
  configMap(name: string): ConfigObject | undefined
  secret(name: string): ConfigObject | undefined
  /** Services of the pod's namespace. */
  services: readonly Service[]
  /** default/kubernetes, which every pod is told of. */
  kubernetes: Service | undefined
  /** A Secret that is missing counts as optional. */
  withoutSecrets: boolean
}

/** What an image without any settings of its own has. */
const imageEnv = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

/**
 * The environment of a container: its image's, the Services', `envFrom` in order, `env` in order.
 *
 * @throws ConfigError in a kubelet's words when a ConfigMap, Secret or key that is not optional is missing
 */
export function containerEnv(pod: Pod, container: Container, sources: EnvSources): Record<string, string> {
  const own = { ...imageEnv, HOSTNAME: pod.spec.hostname ?? pod.metadata.name }
  // Without a prototype: `$(constructor)` is no variable, and one may be named `__proto__`.
  const env: Record<string, string> = Object.assign(Object.create(null), own, serviceEnv(pod, sources))
  for (const source of container.envFrom ?? []) Object.assign(env, envFrom(source, sources))
  for (const variable of container.env ?? []) {
    const value = valueOf(pod, container, variable, env, sources)
    if (value !== undefined) env[variable.name] = value
  }
  return env
}

function valueOf(
  pod: Pod,
  container: Container,
  { name, value = '', valueFrom }: EnvVar,
  env: Record<string, string>,
  sources: EnvSources,
): string | undefined {
  if (valueFrom === undefined) return expand(value, env)
  if (valueFrom.fieldRef !== undefined) return downwardField(pod, valueFrom.fieldRef, sources)
  if (valueFrom.resourceFieldRef !== undefined) return downwardResource(pod, container, valueFrom.resourceFieldRef)
  if (valueFrom.configMapKeyRef !== undefined) {
    const ref = valueFrom.configMapKeyRef
    const map = sources.configMap(ref.name ?? '')
    if (map === undefined) return absent(ref.optional, () => objectMissing('configmap', ref.name ?? ''))
    return valueAt(map, ref.key) ?? absent(ref.optional, () => keyMissing(ref.key, 'ConfigMap', pod, ref.name))
  }
  if (valueFrom.secretKeyRef !== undefined) {
    const ref = valueFrom.secretKeyRef
    const secret = sources.secret(ref.name ?? '')
    const optional = ref.optional === true || sources.withoutSecrets
    if (secret === undefined) return absent(optional, () => objectMissing('secret', ref.name ?? ''))
    const found = valueAt(secret, ref.key)
    if (found === undefined) return absent(optional, () => keyMissing(ref.key, 'Secret', pod, ref.name))
    return Buffer.from(found, 'base64').toString()
  }
  throw new ConfigError(`environment variable "${name}" has no known source`)
}

/** A value by a key that may be any word, `constructor` among them. */
const valueAt = ({ data }: ConfigObject, key: string): string | undefined =>
  data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined

function absent(optional: boolean | undefined, error: () => ConfigError): undefined {
  if (optional !== true) throw error()
}

const keyMissing = (key: string, kind: string, { metadata }: Pod, name = ''): ConfigError =>
  new ConfigError(`couldn't find key ${key} in ${kind} ${metadata.namespace}/${name}`, kind === 'Secret')

type EnvFrom = NonNullable<Container['envFrom']>[number]

function envFrom({ prefix = '', configMapRef, secretRef }: EnvFrom, sources: EnvSources): Record<string, string> {
  const ref = configMapRef ?? secretRef
  const name = ref?.name ?? ''
  const object = configMapRef ? sources.configMap(name) : sources.secret(name)
  if (object === undefined) {
    if (ref?.optional === true || (secretRef && sources.withoutSecrets)) return {}
    throw objectMissing(configMapRef ? 'configmap' : 'secret', name)
  }
  const decode = (value: string) => (configMapRef ? value : Buffer.from(value, 'base64').toString())
  const entries = Object.entries(object.data ?? {}).map(([key, value]) => [prefix + key, decode(value)] as const)
  return Object.fromEntries(entries.filter(([key]) => isEnvName(key)))
}

/** A key that cannot be a variable's name is left out. */
const isEnvName = (name: string): boolean => /^[ -<>-~]+$/.test(name)

/**
 * Replaces `$(NAME)` by a variable that is known; an unknown one stays as it is, and `$$` is a dollar sign (core/v1 EnvVar.value).
 */
export const expand = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$'
    return Object.hasOwn(env, name) ? (env[name] ?? '') : whole
  })

/** Variables of the Services that are there when the container starts, as Docker's links had them. */
function serviceEnv(pod: Pod, { services, kubernetes }: EnvSources): Record<string, string> {
  const linked = pod.spec.enableServiceLinks === false ? [] : services
  const all = [...linked, ...(kubernetes === undefined ? [] : [kubernetes])]
  return Object.assign({}, ...all.map(linkEnv)) as Record<string, string>
}

function linkEnv({ metadata, spec }: Service): Record<string, string> {
  const { clusterIP = '', ports = [] } = spec
  const [first] = ports
  if (clusterIP === '' || clusterIP === 'None' || first === undefined) return {}
  const name = metadata.name.toUpperCase().replaceAll('-', '_')
  const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP
  const env: Record<string, string> = {
    [`${name}_SERVICE_HOST`]: clusterIP,
    [`${name}_SERVICE_PORT`]: String(first.port),
    [`${name}_PORT`]: `${(first.protocol ?? 'TCP').toLowerCase()}://${host}:${first.port}`,
  }
  for (const { name: portName, port, protocol = 'TCP' } of ports) {
    if (portName) env[`${name}_SERVICE_PORT_${portName.toUpperCase().replaceAll('-', '_')}`] = String(port)
    const one = `${name}_PORT_${port}_${protocol}`
    env[one] = `${protocol.toLowerCase()}://${host}:${port}`
    env[`${one}_PROTO`] = protocol.toLowerCase()
    env[`${one}_PORT`] = String(port)
    env[`${one}_ADDR`] = clusterIP
  }
  return env
}
