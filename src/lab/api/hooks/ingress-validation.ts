import { isIP } from 'node:net'
import { type Json, listOf, mapOf, textOf } from '../access.ts'
import { type FieldError, invalidValue, notSupported, required } from '../field-errors.ts'
import { dnsLabelErrors, dnsSubdomainErrors, portNameErrors, portNumberErrors } from '../names.ts'

const annotation = 'kubernetes.io/ingress.class'
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'] as const
const inPath = ['//', '/./', '/../', '%2f', '%2F'] as const
const atEnd = ['/..', '/.'] as const
const wildcard = /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const wildcardWords =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

/** ValidateIngress of pkg/apis/networking/validation. */
export function ingressErrors(ingress: Json, old: Json | undefined): FieldError[] {
  const spec = mapOf(ingress['spec'])
  const className = spec['ingressClassName']
  return [
    ...(old === undefined ? classErrors(ingress, className) : []),
    ...specErrors(spec),
    ...(className === undefined
      ? []
      : dnsSubdomainErrors(textOf(className)).map((words) => invalidValue('spec.ingressClassName', className, words))),
  ]
}

function classErrors(ingress: Json, className: unknown): FieldError[] {
  const given = mapOf(mapOf(ingress['metadata'])['annotations'])[annotation]
  return given === undefined || className === undefined || given === className
    ? []
    : [invalidValue(`annotations.${annotation}`, given, 'must match `ingressClassName` when both are specified')]
}

function specErrors(spec: Json): FieldError[] {
  const rules = listOf(spec['rules'])
  const backend = spec['defaultBackend']
  if (rules.length === 0 && backend === undefined)
    return [invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified')]
  return [
    ...(backend === undefined ? [] : backendErrors(mapOf(backend), 'spec.defaultBackend')),
    ...rules.flatMap((rule, i) => [
      ...hostErrors(textOf(rule['host']), `spec.rules[${i}].host`),
      ...pathsErrors(rule['http'], `spec.rules[${i}].http`),
    ]),
    ...listOf(spec['tls']).flatMap((tls, i) => {
      const hosts: unknown[] = Array.isArray(tls['hosts']) ? tls['hosts'] : []
      return hosts.flatMap((host, j) => nameErrors(textOf(host), `spec.tls[${i}].hosts[${j}]`))
    }),
  ]
}

const nameErrors = (host: string, field: string): FieldError[] =>
  host.includes('*')
    ? wildcard.test(host)
      ? []
      : [invalidValue(field, host, wildcardWords)]
    : dnsSubdomainErrors(host).map((words) => invalidValue(field, host, words))

function hostErrors(host: string, field: string): FieldError[] {
  if (host === '') return []
  return isIP(host) === 0
    ? nameErrors(host, field)
    : [invalidValue(field, host, 'must be a DNS name, not an IP address')]
}

function pathsErrors(http: unknown, field: string): FieldError[] {
  if (http === undefined) return []
  const paths = listOf(mapOf(http)['paths'])
  if (paths.length === 0) return [required(`${field}.paths`)]
  return paths.flatMap((path, i) => [
    ...pathErrors(path, `${field}.paths[${i}]`),
    ...backendErrors(mapOf(path['backend']), `${field}.paths[${i}].backend`),
  ])
}

function pathErrors(given: Json, field: string): FieldError[] {
  const type = given['pathType']
  if (type === undefined) return [required(`${field}.pathType`, 'pathType must be specified')]
  if (!pathTypes.some((known) => known === type)) return [notSupported(`${field}.pathType`, type, pathTypes)]
  const path = textOf(given['path'])
  const wrong = (words: string): FieldError => invalidValue(`${field}.path`, path, words)
  if (type === 'ImplementationSpecific' && path === '') return []
  if (!path.startsWith('/')) return [wrong('must be an absolute path')]
  if (type === 'ImplementationSpecific') return []
  return [
    ...inPath.filter((part) => path.includes(part)).map((part) => wrong(`must not contain '${part}'`)),
    ...atEnd.filter((part) => path.endsWith(part)).map((part) => wrong(`cannot end with '${part}'`)),
  ]
}

function backendErrors(backend: Json, field: string): FieldError[] {
  const { service, resource } = backend
  if (service !== undefined && resource !== undefined)
    return [invalidValue(field, '', 'cannot set both resource and service backends')]
  if (resource !== undefined) {
    const missing = ['kind', 'name'].filter((part) => !mapOf(resource)[part])
    return missing.map((part) => required(`${field}.resource.${part}`))
  }
  return service === undefined
    ? [invalidValue(field, '', 'resource or service backend is required')]
    : serviceErrors(mapOf(service), field)
}

function serviceErrors(service: Json, field: string): FieldError[] {
  const { name: port, number } = mapOf(service['port'])
  const name = textOf(service['name'])
  if (name === '') return [required(`${field}.service.name`)]
  const errors = dnsLabelErrors(name).map((words) => invalidValue(`${field}.service.name`, name, words))
  if (port && number) return [...errors, invalidValue(field, '', 'cannot set both port name & port number')]
  if (port)
    return [...errors, ...portNameErrors(textOf(port)).map((w) => invalidValue(`${field}.service.port.name`, port, w))]
  if (number === undefined || number === 0) return [...errors, required(field, 'port name or number is required')]
  return [...errors, ...portNumberErrors(number).map((w) => invalidValue(`${field}.service.port.number`, number, w))]
}
