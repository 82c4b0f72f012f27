import * as columns from '../columns.ts'
import { leaseErrors } from '../hooks/core.ts'
import type { Kind } from '../kind.ts'
import { kind } from './define.ts'

/** coordination.k8s.io/v1. */
export const coordinationKinds: readonly Kind[] = [
  kind({
    kind: 'Lease',
    plural: 'leases',
    group: 'coordination.k8s.io',
    createOnUpdate: true,
    needsVersion: true,
    validate: leaseErrors,
    columns: columns.leaseColumns,
  }),
]
