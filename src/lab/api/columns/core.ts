import { fieldAt, type Json, mapOf, textOf } from '../access.ts'
import { goText } from '../go-text.ts'
import type { Column } from '../kind.ts'
import {
  accessModeText,
  age,
  createdAt,
  field,
  labelText,
  name,
  number,
  numberOf,
  orUnset,
  podColumnsOf,
  templateSpec,
  text,
  wide,
} from './cells.ts'

/** Columns of the kinds of core/v1 that no controller here touches (pkg/printers/internalversion). */
export const limitRangeColumns: readonly Column[] = [name, createdAt]

const used = (quota: Json, limits: boolean): string => {
  const { hard, used = {} } = mapOf(quota['status'])
  return Object.keys(mapOf(hard))
    .sort()
    .filter((resource) => resource.startsWith('limits') === limits)
    .map((resource) => `${resource}: ${goText(fieldAt(mapOf(used), resource) ?? 0)}/${goText(mapOf(hard)[resource])}`)
    .join(', ')
}

export const resourceQuotaColumns: readonly Column[] = [
  name,
  text('Request', (o) => used(o, false)),
  text('Limit', (o) => used(o, true)),
  age,
]

export const podTemplateColumns: readonly Column[] = [
  name,
  ...podColumnsOf((o) => mapOf(o['template'])['spec']).map((column) => ({ ...column, priority: 0 })),
  text('Pod Labels', (o) => labelText(mapOf(mapOf(o['template'])['metadata'])['labels'])),
]

export const replicationControllerColumns: readonly Column[] = [
  name,
  number('Desired', (o) => numberOf(mapOf(o['spec'])['replicas'])),
  number('Current', (o) => numberOf(mapOf(o['status'])['replicas'])),
  number('Ready', (o) => numberOf(mapOf(o['status'])['readyReplicas'])),
  age,
  ...podColumnsOf(templateSpec),
  wide('Selector', (o) => labelText(mapOf(o['spec'])['selector'])),
]

const className = (o: Json): string => {
  const annotation = mapOf(mapOf(o['metadata'])['annotations'])['volume.beta.kubernetes.io/storage-class']
  return textOf(annotation) || textOf(mapOf(o['spec'])['storageClassName'])
}

const terminating = (o: Json): string =>
  mapOf(o['metadata'])['deletionTimestamp'] === undefined ? textOf(mapOf(o['status'])['phase']) : 'Terminating'

export const persistentVolumeColumns: readonly Column[] = [
  name,
  text('Capacity', (o) => String(mapOf(mapOf(o['spec'])['capacity'])['storage'] ?? '')),
  text('Access Modes', (o) => accessModeText(mapOf(o['spec'])['accessModes'])),
  field('Reclaim Policy', 'spec', 'persistentVolumeReclaimPolicy'),
  text('Status', terminating),
  text('Claim', (o) => {
    const claim = mapOf(mapOf(o['spec'])['claimRef'])
    return claim['name'] === undefined ? '' : `${textOf(claim['namespace'])}/${textOf(claim['name'])}`
  }),
  text('StorageClass', className),
  text('VolumeAttributesClass', (o) => orUnset(mapOf(o['spec'])['volumeAttributesClassName'])),
  field('Reason', 'status', 'reason'),
  age,
  wide('VolumeMode', (o) => orUnset(mapOf(o['spec'])['volumeMode'])),
]

const bound = (o: Json): boolean => textOf(mapOf(o['spec'])['volumeName']) !== ''

export const persistentVolumeClaimColumns: readonly Column[] = [
  name,
  text('Status', terminating),
  field('Volume', 'spec', 'volumeName'),
  text('Capacity', (o) => (bound(o) ? String(mapOf(mapOf(o['status'])['capacity'])['storage'] ?? '') : '')),
  text('Access Modes', (o) => (bound(o) ? accessModeText(mapOf(o['status'])['accessModes']) : '')),
  text('StorageClass', className),
  text('VolumeAttributesClass', (o) => orUnset(mapOf(o['spec'])['volumeAttributesClassName'])),
  age,
  wide('VolumeMode', (o) => orUnset(mapOf(o['spec'])['volumeMode'])),
]
