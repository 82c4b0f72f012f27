import { definitionColumns } from '../columns/cluster.ts'
import {
  carryOverDefinition,
  defaultDefinition,
  definitionResource,
  definitionStatus,
  markDefinition,
} from '../crd/definition-defaults.ts'
import { definitionErrors } from '../crd/definition-validation.ts'
import type { Kind } from '../kind.ts'
import { kind } from './define.ts'

/** apiextensions.k8s.io/v1. What a definition brings about is in `crd/`. */
export const definitionKinds: readonly Kind[] = [
  kind({
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    plural: definitionResource,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    statusSubresource: true,
    statusMetadata: [],
    generation: true,
    needsVersion: true,
    deleteReturnsObject: true,
    // What a schema has as a default may be empty.
    keepEmpty: new Set(['default', 'enum', 'example']),
    columns: definitionColumns,
    defaults: defaultDefinition,
    initialStatus: definitionStatus,
    beforeUpdate: carryOverDefinition,
    validate: definitionErrors,
    markDeleted: markDefinition,
  }),
]
