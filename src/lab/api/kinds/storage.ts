import * as columns from '../columns/cluster.ts'
import * as volumes from '../hooks/volumes.ts'
import type { Kind } from '../kind.ts'
import { kind } from './define.ts'

const group = 'storage.k8s.io'

/** storage.k8s.io/v1: stored, no more. */
export const storageKinds: readonly Kind[] = [
  kind({
    group,
    kind: 'CSIDriver',
    plural: 'csidrivers',
    namespaced: false,
    columns: columns.driverColumns,
    defaults: volumes.defaultDriver,
  }),
  kind({ group, kind: 'CSINode', plural: 'csinodes', namespaced: false, columns: columns.csiNodeColumns }),
  kind({ group, kind: 'CSIStorageCapacity', plural: 'csistoragecapacities', columns: columns.capacityColumns }),
  kind({
    group,
    kind: 'StorageClass',
    plural: 'storageclasses',
    shortNames: ['sc'],
    namespaced: false,
    columns: columns.storageClassColumns,
    defaults: volumes.defaultStorageClass,
    validate: volumes.storageClassErrors,
  }),
  kind({
    group,
    kind: 'VolumeAttachment',
    plural: 'volumeattachments',
    namespaced: false,
    statusSubresource: true,
    columns: columns.attachmentColumns,
  }),
  kind({
    group,
    kind: 'VolumeAttributesClass',
    plural: 'volumeattributesclasses',
    shortNames: ['vac'],
    namespaced: false,
    columns: columns.attributesClassColumns,
  }),
]
