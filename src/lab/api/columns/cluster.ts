import { type Json, listOf, mapOf, textOf } from '../access.ts'
import type { Column } from '../kind.ts'
import { age, createdAt, field, name, number, numberOf, orUnset, text, wide } from './cells.ts'

/** rbac.authorization.k8s.io (pkg/printers/internalversion). */
export const roleColumns: readonly Column[] = [name, createdAt]

const subjects = (binding: Json, kind: string): string =>
  listOf(binding['subjects'])
    .filter((subject) => subject['kind'] === kind)
    .map((subject) =>
      kind === 'ServiceAccount'
        ? `${textOf(subject['namespace'])}/${textOf(subject['name'])}`
        : textOf(subject['name']),
    )
    .join(', ')

export const bindingColumns: readonly Column[] = [
  name,
  text('Role', (o) => `${textOf(mapOf(o['roleRef'])['kind'])}/${textOf(mapOf(o['roleRef'])['name'])}`),
  age,
  wide('Users', (o) => subjects(o, 'User')),
  wide('Groups', (o) => subjects(o, 'Group')),
  wide('ServiceAccounts', (o) => subjects(o, 'ServiceAccount')),
]

const isDefault = (o: Json): boolean =>
  ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'].some(
    (key) => mapOf(mapOf(o['metadata'])['annotations'])[key] === 'true',
  )

/** storage.k8s.io. */
export const storageClassColumns: readonly Column[] = [
  { ...name, cell: (o) => `${textOf(mapOf(o['metadata'])['name'])}${isDefault(o) ? ' (default)' : ''}` },
  field('Provisioner', 'provisioner'),
  field('ReclaimPolicy', 'reclaimPolicy'),
  field('VolumeBindingMode', 'volumeBindingMode'),
  text('AllowVolumeExpansion', (o) => String(o['allowVolumeExpansion'] === true)),
  age,
]

export const driverColumns: readonly Column[] = [
  name,
  field('AttachRequired', 'spec', 'attachRequired'),
  field('PodInfoOnMount', 'spec', 'podInfoOnMount'),
  field('StorageCapacity', 'spec', 'storageCapacity'),
  text('TokenRequests', (o) => {
    const requests = listOf(mapOf(o['spec'])['tokenRequests']).map((one) => textOf(one['audience']))
    return requests.length === 0 ? '<unset>' : requests.join(',')
  }),
  field('RequiresRepublish', 'spec', 'requiresRepublish'),
  text('Modes', (o) => {
    const modes: unknown = mapOf(o['spec'])['volumeLifecycleModes']
    return Array.isArray(modes) ? modes.join(',') : '<none>'
  }),
  age,
]

export const csiNodeColumns: readonly Column[] = [
  name,
  number('Drivers', (o) => listOf(mapOf(o['spec'])['drivers']).length),
  age,
]

export const capacityColumns: readonly Column[] = [
  name,
  field('StorageClassName', 'storageClassName'),
  field('Capacity', 'capacity'),
]

export const attachmentColumns: readonly Column[] = [
  name,
  field('Attacher', 'spec', 'attacher'),
  field('PV', 'spec', 'source', 'persistentVolumeName'),
  field('Node', 'spec', 'nodeName'),
  text('Attached', (o) => String(mapOf(o['status'])['attached'] === true)),
  age,
]

export const attributesClassColumns: readonly Column[] = [name, field('DriverName', 'driverName'), age]

/** scheduling.k8s.io. */
export const priorityClassColumns: readonly Column[] = [
  name,
  number('Value', (o) => numberOf(o['value'])),
  text('Global-Default', (o) => String(o['globalDefault'] === true)),
  age,
  field('PreemptionPolicy', 'preemptionPolicy'),
]

/** node.k8s.io. */
export const runtimeClassColumns: readonly Column[] = [name, field('Handler', 'handler'), age]

/** admissionregistration.k8s.io. */
export const webhookColumns: readonly Column[] = [name, number('Webhooks', (o) => listOf(o['webhooks']).length), age]

const paramKind = (o: Json): string => {
  const kind = mapOf(o['spec'])['paramKind']
  return kind === undefined ? '<unset>' : `${textOf(mapOf(kind)['apiVersion'])}/${textOf(mapOf(kind)['kind'])}`
}

export const admissionPolicyColumns: readonly Column[] = [
  name,
  number('Validations', (o) => listOf(mapOf(o['spec'])['validations']).length),
  text('ParamKind', paramKind),
  age,
]

export const mutatingPolicyColumns: readonly Column[] = [
  name,
  number('Mutations', (o) => listOf(mapOf(o['spec'])['mutations']).length),
  text('ParamKind', paramKind),
  age,
]

export const policyBindingColumns: readonly Column[] = [
  name,
  field('PolicyName', 'spec', 'policyName'),
  text('ParamRef', (o) => {
    const reference = mapOf(o['spec'])['paramRef']
    if (reference === undefined) return '<unset>'
    const { namespace, name, selector } = mapOf(reference)
    return name === undefined ? orUnset(JSON.stringify(selector)) : `${textOf(namespace) || '*'}/${textOf(name)}`
  }),
  age,
]

/** apiextensions.k8s.io shows when a definition was made, as a date. */
export const definitionColumns: readonly Column[] = [name, { ...createdAt, type: 'date' }]

/** apiregistration.k8s.io. */
export const apiServiceColumns: readonly Column[] = [
  name,
  text('Service', (o) => {
    const service = mapOf(o['spec'])['service']
    return service === undefined ? 'Local' : `${textOf(mapOf(service)['namespace'])}/${textOf(mapOf(service)['name'])}`
  }),
  text('Available', (o) => {
    const condition = listOf(mapOf(o['status'])['conditions']).find((one) => one['type'] === 'Available')
    if (condition === undefined) return 'Unknown'
    return condition['status'] === 'True' ? 'True' : `False (${textOf(condition['reason'])})`
  }),
  age,
]
