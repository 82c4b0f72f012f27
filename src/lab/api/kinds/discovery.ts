import * as columns from '../columns.ts'
import { defaultEndpointSlice } from '../hooks/core.ts'
import { endpointSliceErrors } from '../hooks/endpoint-slices.ts'
import type { Kind } from '../kind.ts'
import { kind } from './define.ts'

/** discovery.k8s.io/v1. */
export const discoveryKinds: readonly Kind[] = [
  kind({
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    group: 'discovery.k8s.io',
    generation: true,
    keepEmpty: new Set(['endpoints']),
    columns: columns.endpointSliceColumns,
    defaults: defaultEndpointSlice,
    validate: endpointSliceErrors,
    warnings: (slice) => (slice['addressType'] === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
  }),
]
